"""What this Manager knows of Services: every one with a valid publication Contract (FSC Core, /services)."""

from collections.abc import Iterator, Mapping, Sequence

from certs.identity import PeerId
from gateway.fsc.grants import PublicationGrant
from gateway.fsc.state import ContractState
from gateway.state.local_peer import LocalPeer
from gateway.state.peers import KnownPeer
from gateway.state.publication_index import HeldPublication, Place
from storage.documents import JsonObject


def publications(
    peer: LocalPeer, *, peer_id: str | None, service_name: str | None, descending: bool, after: Place | None = None
) -> Iterator[HeldPublication]:
    """The publications valid now, in order, those after `after`; with both filters those for which either holds.

    Names match as a part, any case. Use it up before anything is written.
    """
    now = peer.clock.now()
    for one in peer.contracts.view.publications.following(after, descending=descending):
        if _wanted(one.grant, peer_id, service_name) and one.record.state(now) is ContractState.VALID:
            yield one


def _wanted(grant: PublicationGrant, peer_id: str | None, service_name: str | None) -> bool:
    if peer_id is None and service_name is None:
        return True
    by_peer = peer_id is not None and grant.service_peer_id == peer_id
    by_name = service_name is not None and service_name.casefold() in grant.service_name.casefold()
    return by_peer or by_name


async def listing(peer: LocalPeer, page: Sequence[PublicationGrant]) -> list[JsonObject]:
    """The page as /services answers it, with what we know of each Peer."""
    ids = frozenset[PeerId]().union(*(grant.peer_ids() for grant in page))
    known = dict(await peer.peers.get_many(ids))
    tenant = peer.tenant
    known[tenant.peer_id] = KnownPeer(tenant.peer_id, tenant.name, tenant.manager_address, 0)
    entries = [_entry(grant, known) for grant in page]
    # The standard has `type` beside `data` in its schema and within it in its discriminator: here it is in both.
    return [{"type": entry["type"], "data": entry} for entry in entries]


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
