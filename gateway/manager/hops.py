"""The hops of one transaction, put together from what each party logged. Pure.

Standard: FSC Logging. Whoever sends a request through its Outway logs it as outgoing, whoever receives it at its Inway
as incoming, both under one transaction id. So a hop is complete when both sides tell of it and tell the same; what one
side alone tells shows where a request was lost. A Peer is believed about its own side only.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from certs.identity import PeerId
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import ServiceName

CLOCKS_APART_S: Final = 60
"""How far the two records of one hop may differ in time before the clocks are worth a remark."""

_COMPARED: Final = ("grant_hash", "delegator_peer_id", "service_delegator_peer_id", "additional_data")


@dataclass(frozen=True, slots=True)
class Told:
    """A record, and the Peer in whose log it is."""

    record: LogRecord
    by: PeerId


@dataclass(frozen=True, slots=True)
class Hop:
    """A request from the Outway of one Peer to a Service of another."""

    outway_peer_id: PeerId
    service_peer_id: PeerId
    service_name: ServiceName

    def __str__(self) -> str:
        return f"{self.outway_peer_id} to {self.service_peer_id}/{self.service_name}"


@dataclass(frozen=True, slots=True)
class Trace:
    """All that is known of one transaction: records in order of time, and what does not fit."""

    records: tuple[Told, ...]
    missing: tuple[str, ...]
    contradictions: tuple[str, ...]
    unanswered: Mapping[PeerId, str]
    """The Peers that told nothing, with the reason."""

    @property
    def is_complete(self) -> bool:
        """Whether something is known, and both sides of every hop tell the same."""
        return bool(self.records) and not self.missing and not self.contradictions


def assemble(told: Iterable[Told], unanswered: Mapping[PeerId, str], remarks: Sequence[str] = ()) -> Trace:
    """Put the records of all parties together. `remarks` are contradictions that reading them brought to light."""
    ordered = sorted(told, key=_in_time)
    hops: defaultdict[Hop, tuple[list[LogRecord], list[LogRecord]]] = defaultdict(lambda: ([], []))
    contradictions = list(remarks)
    for one in ordered:
        record = one.record
        if one.by != _side(record):
            contradictions.append(
                f"peer {one.by} has a record that only peer {_side(record)} can have written: ignored"
            )
            continue
        hop = Hop(record.outway_peer_id, record.service_peer_id, record.service_name)
        hops[hop][record.direction is Direction.INCOMING].append(record)
    missing: list[str] = []
    for hop, (left, arrived) in hops.items():
        missing.extend(_lost(hop, len(left), len(arrived), unanswered))
        contradictions.extend(_differences(hop, left, arrived))
    return Trace(tuple(ordered), tuple(missing), tuple(contradictions), dict(unanswered))


def parties(told: Iterable[Told]) -> frozenset[PeerId]:
    """Every Peer that a record names."""
    return frozenset(peer_id for one in told for peer_id in _named(one.record) if peer_id is not None)


def _named(record: LogRecord) -> tuple[PeerId | None, ...]:
    return (
        record.outway_peer_id,
        record.service_peer_id,
        record.delegator_peer_id,
        record.service_delegator_peer_id,
    )


def _in_time(told: Told) -> tuple[int, bool, str]:
    """Within one second a request leaves before it arrives."""
    return told.record.created_at, told.record.direction is Direction.INCOMING, told.by


def _side(record: LogRecord) -> PeerId:
    """The Peer whose Outway or Inway writes such a record."""
    return record.outway_peer_id if record.direction is Direction.OUTGOING else record.service_peer_id


def _lost(hop: Hop, left: int, arrived: int, unanswered: Mapping[PeerId, str]) -> Iterator[str]:
    if left == arrived:
        return
    side, silent = ("Inway", hop.service_peer_id) if left > arrived else ("Outway", hop.outway_peer_id)
    how_many = f" ({left} left, {arrived} arrived)" if left and arrived else ""
    if silent in unanswered:
        yield f"{hop}: what the {side} of peer {silent} logged is unknown{how_many}"
    elif side == "Inway":
        yield (
            f"{hop}: the Outway of peer {hop.outway_peer_id} logged it, the Inway of peer {silent} did not{how_many}: "
            "the request never arrived, or the Inway refused its token or certificate"
        )
    else:
        yield (
            f"{hop}: the Inway of peer {hop.service_peer_id} logged it, the Outway of peer {silent} did not{how_many}: "
            "that Outway does not log, has removed the record, or does not show it"
        )


def _differences(hop: Hop, left: Sequence[LogRecord], arrived: Sequence[LogRecord]) -> Iterator[str]:
    if not left or not arrived:
        return
    for name in _COMPARED:
        if not _same(getattr(one, name) for one in (*left, *arrived)) and not _alike(name, left, arrived):
            yield f"{hop}: the two sides logged another {name}"
    apart = abs(left[0].created_at - arrived[0].created_at)
    if apart > CLOCKS_APART_S:
        yield f"{hop}: the two sides logged it {apart} s apart: compare the clocks"


def _same(values: Iterable[object]) -> bool:
    first, *others = values
    return all(one == first for one in others)


def _alike(name: str, left: Sequence[LogRecord], arrived: Sequence[LogRecord]) -> bool:
    """Whether several requests over one hop differ among themselves in the same way on both sides."""
    sides = ([repr(getattr(one, name)) for one in side] for side in (left, arrived))
    return _same(sorted(side) for side in sides)
