"""Collecting what every party logged of one transaction: our own log, and `/logs` of the other Peers (FSC Logging).

What other Peers answer is bounded, read strictly, and kept only as far as it is about this transaction and names us:
anything else is no concern of ours.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import quote

from certs.identity import PeerId
from gateway.errors import InvalidRequest
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.jcs import parse_json
from gateway.fsc.logrecord import LogRecord, parse_log_record
from gateway.fsc.names import TransactionId
from gateway.http.client import PeerUnreachable
from gateway.manager.hops import Told, Trace, assemble, parties
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager
from gateway.state.transactions import RecordFilter

MAX_PEERS: Final = 50
MAX_RECORDS: Final = 1000
_AT_ONCE: Final = 8
_ANSWER_S: Final = 10
_MAX_DEPTH: Final = 16
_ROUNDS: Final = 2
"""Who is named by those whom our own records name is asked too; beyond that nobody's records name us."""


@dataclass(slots=True)
class _Collected:
    told: list[Told] = field(default_factory=list)
    unanswered: dict[PeerId, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


async def trace(peer: LocalPeer, transaction_id: TransactionId) -> Trace:
    """All that we and the other parties know of a transaction. Raises: StoreUnavailable.

    When our own log tells nothing, the Peers that we share living connections with are asked: one of them may have
    sent us what never arrived, or have acted on our behalf.
    """
    own, _ = await peer.log.find(RecordFilter(transaction_ids=(transaction_id,), limit=MAX_RECORDS))
    collected = _Collected([Told(record, peer.peer_id) for record in own])
    asked = {peer.peer_id}
    for _ in range(_ROUNDS):
        wanted = (parties(collected.told) if collected.told else _neighbours(peer)) - asked
        chosen = sorted(wanted)[: MAX_PEERS + 1 - len(asked)]
        asked.update(chosen)
        slots = asyncio.Semaphore(_AT_ONCE)
        async with asyncio.TaskGroup() as tasks:
            for other in chosen:
                tasks.create_task(_collect(peer, other, transaction_id, collected, slots))
    return assemble(collected.told, collected.unanswered, sorted(collected.remarks))


def _neighbours(peer: LocalPeer) -> frozenset[PeerId]:
    """The parties of every living connection, with us in it whatever our part."""
    return frozenset(
        peer_id
        for record in peer.contracts.view.alive()
        for grant in record.content.grants
        if isinstance(grant, ConnectionGrant) and peer.peer_id in grant.peer_ids()
        for peer_id in grant.peer_ids()
    )


async def _collect(
    peer: LocalPeer, other: PeerId, transaction_id: TransactionId, collected: _Collected, slots: asyncio.Semaphore
) -> None:
    try:
        async with slots, asyncio.timeout(_ANSWER_S):
            items = await _asked(peer, other, transaction_id)
    except TimeoutError:
        collected.unanswered[other] = f"it did not answer within {_ANSWER_S} s"
        return
    except PeerUnreachable as error:
        collected.unanswered[other] = str(error)
        return
    records, unreadable = _about(items[:MAX_RECORDS], peer.peer_id, transaction_id)
    collected.told += [Told(record, other) for record in records]
    if unreadable:
        collected.remarks.append(f"peer {other} sent {unreadable} records that cannot be read: ignored")
    if len(items) > MAX_RECORDS:
        collected.remarks.append(f"peer {other} sent more than {MAX_RECORDS} records: the rest is ignored")


async def _asked(peer: LocalPeer, other: PeerId, transaction_id: TransactionId) -> list[object]:
    """The records that `other` shows us, unread. Raises: PeerUnreachable."""
    query = f"transaction_ids={quote(transaction_id, safe='')}&limit={MAX_RECORDS}"
    answer = await call_manager(peer, other, "GET", f"/v1/logs?{query}")
    if answer.status != 200:
        known = "it has no transaction log to ask" if answer.status == 404 else f"it answered {answer.status} to /logs"
        raise PeerUnreachable(known)
    try:
        records = parse_json(answer.body, max_depth=_MAX_DEPTH)["records"]
    except (InvalidRequest, KeyError) as error:
        raise PeerUnreachable("it answered /logs with something unreadable") from error
    if not isinstance(records, list):
        raise PeerUnreachable("it answered /logs with something unreadable")
    return records


def _about(items: list[object], us: PeerId, transaction_id: TransactionId) -> tuple[list[LogRecord], int]:
    """The records of this transaction that name us, and how many could not be read."""
    records, unreadable = [], 0
    for item in items:
        try:
            record = parse_log_record(item)
        except InvalidRequest:
            unreadable += 1
            continue
        if record.transaction_id == transaction_id and record.is_visible_to(us):
            records.append(record)
    return records, unreadable
