"""What this Manager knows of Services: every one with a valid publication Contract (FSC Core, /services)."""

from collections.abc import Mapping
from dataclasses import dataclass

from certs.identity import PeerId
from gateway.fsc.grants import PublicationGrant
from gateway.state.local_peer import LocalPeer
from gateway.state.peers import KnownPeer
from storage.documents import JsonObject


@dataclass(frozen=True, slots=True)
class Publication:
    """One Grant that publishes a Service, and its place in the list: (created_at, grant hash)."""

    grant: PublicationGrant
    place: tuple[int, str]


def publications(
    peer: LocalPeer, *, peer_id: str | None, service_name: str | None, descending: bool
) -> list[Publication]:
    """The valid publications; with both filters those for which either holds. Names match as a part, any case."""
    now = peer.clock.now()
    found = [
        Publication(grant, (record.content.created_at, grant_hash))
        for record in peer.contracts.view.valid(now)
        for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True)
        if isinstance(grant, PublicationGrant) and _wanted(grant, peer_id, service_name)
    ]
    return sorted(found, key=lambda one: one.place, reverse=descending)


def _wanted(grant: PublicationGrant, peer_id: str | None, service_name: str | None) -> bool:
    if peer_id is None and service_name is None:
        return True
    by_peer = peer_id is not None and grant.service_peer_id == peer_id
    by_name = service_name is not None and service_name.casefold() in grant.service_name.casefold()
    return by_peer or by_name


async def listing(peer: LocalPeer, page: list[Publication]) -> list[JsonObject]:
    """The page as /services answers it, with what we know of each Peer."""
    ids = frozenset[PeerId]().union(*(one.grant.peer_ids() for one in page))
    known = dict(await peer.peers.get_many(ids))
    tenant = peer.tenant
    known[tenant.peer_id] = KnownPeer(tenant.peer_id, tenant.name, tenant.manager_address, 0)
    return [{"data": _entry(one.grant, known)} for one in page]


def _entry(grant: PublicationGrant, known: Mapping[PeerId, KnownPeer]) -> JsonObject:
    provider = known.get(grant.service_peer_id)
    entry: JsonObject = {
        "type": "SERVICE_TYPE_SERVICE" if grant.delegator_peer_id is None else "SERVICE_TYPE_DELEGATED_SERVICE",
        "peer": {
            "id": grant.service_peer_id,
            "name": "" if provider is None else provider.name,
            "manager_address": "" if provider is None else provider.manager_address,
        },
        "name": grant.service_name,
        "protocol": grant.service.protocol,
    }
    if grant.delegator_peer_id is not None:
        delegator = known.get(grant.delegator_peer_id)
        entry["delegator"] = {
            "peer_id": grant.delegator_peer_id,
            "peer_name": "" if delegator is None else delegator.name,
        }
    if grant.properties:
        entry["properties"] = grant.properties
    return entry
