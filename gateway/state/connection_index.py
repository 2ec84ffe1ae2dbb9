"""Which living Contracts let which Peer's Outway use which Service: found without looking at any other Contract."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from certs.identity import PeerId
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.names import ContentHash, GrantHash, ServiceName
from gateway.state.contracts import ContractRecord

_Place: TypeAlias = tuple[int, ContentHash, int]
_Offered: TypeAlias = tuple[PeerId, ServiceName]


@dataclass(frozen=True, slots=True)
class HeldConnection:
    """A connection Grant with its hash and the Contract that holds it."""

    record: ContractRecord
    grant: ConnectionGrant
    grant_hash: GrantHash
    place: _Place
    """Newer Contracts are greater; within one Contract, earlier Grants are."""


class ConnectionIndex:
    """Connection Grants by Outway Peer and Service, each list ordered by `place`."""

    def __init__(self) -> None:
        self._by_outway: dict[PeerId, dict[_Offered, list[HeldConnection]]] = {}

    def add(self, record: ContractRecord) -> None:
        """Know every connection Grant of a Contract that is not known yet."""
        for held in reversed(list(_connections(record))):  # the greatest last: most often that is at the end
            services = self._by_outway.setdefault(held.grant.outway_peer_id, {})
            insort(services.setdefault(_offered(held.grant), []), held, key=_place)

    def remove(self, record: ContractRecord) -> None:
        """Forget what `add` was told of this Contract; its content never changes, so it is found where it was put."""
        for held in _connections(record):
            services = self._by_outway[held.grant.outway_peer_id]
            known = services[_offered(held.grant)]
            del known[bisect_left(known, held.place, key=_place)]
            if not known:
                del services[_offered(held.grant)]

    def of(self, outway: PeerId, provider: PeerId, service_name: str) -> Iterator[HeldConnection]:
        """The connections of this Outway Peer to this Service, newest Contract first."""
        known = self._by_outway.get(outway, {}).get((provider, ServiceName(service_name)), ())
        return reversed(known)

    def services_of(self, outway: PeerId) -> list[_Offered]:
        """Every Service, by provider and name, that this Outway Peer has a connection to, in order."""
        return sorted(self._by_outway.get(outway, {}))


def _connections(record: ContractRecord) -> Iterator[HeldConnection]:
    content = record.content
    for position, (grant, grant_hash) in enumerate(zip(content.grants, record.grant_hashes, strict=True)):
        if isinstance(grant, ConnectionGrant):
            place = (content.created_at, record.content_hash, -position)
            yield HeldConnection(record, grant, grant_hash, place)


def _offered(grant: ConnectionGrant) -> _Offered:
    return grant.service_peer_id, grant.service_name


def _place(held: HeldConnection) -> _Place:
    return held.place
