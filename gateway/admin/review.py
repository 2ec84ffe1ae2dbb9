"""What a person should know before signing a Contract: whose keys it trusts, and what in it is unusual. Pure."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from certs.identity import PeerId
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, Grant, PublicationGrant
from gateway.state.tenant import Tenant
from storage.documents import JsonObject

LONG_VALIDITY_DAYS = 400
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Terms:
    """What would be agreed: the Grants, and from when until when (Unix seconds)."""

    grants: Sequence[Grant]
    not_before: int
    not_after: int

    def peer_ids(self) -> frozenset[PeerId]:
        """Every Peer that is named."""
        return frozenset[PeerId]().union(*(grant.peer_ids() for grant in self.grants))


def review(terms: Terms, tenant: Tenant, known: Collection[PeerId]) -> JsonObject:
    """The keys by which Outways are recognised, and a warning for everything that a person should look at twice.

    `known` are the Peers whose address we know, or that the Group names.
    """
    return {"keys": list(_keys(terms, tenant)), "warnings": list(_warnings(terms, tenant, known))}


def _keys(terms: Terms, tenant: Tenant) -> Iterator[JsonObject]:
    ours = {pair.public_key_thumbprint for pair in tenant.key_pairs}
    for grant in terms.grants:
        if not isinstance(grant, ConnectionGrant):
            continue
        if isinstance(grant.outway_identification, DomainNameIdentification):
            identified = {"domain_name": grant.outway_identification.domain_name}
            whose = f"any certificate of Peer {grant.outway_peer_id} for this name"
        else:
            thumbprint = grant.outway_identification.public_key_thumbprint
            identified = {"public_key_thumbprint": thumbprint}
            whose = f"a key of Peer {grant.outway_peer_id}, as it says"
            if grant.outway_peer_id == tenant.peer_id:
                whose = "our own key" if thumbprint in ours else "none of our present keys"
        yield {"peer_id": grant.outway_peer_id, **identified, "whose": whose}


def _warnings(terms: Terms, tenant: Tenant, known: Collection[PeerId]) -> Iterator[str]:
    days = (terms.not_after - terms.not_before) // _DAY_S
    if days > LONG_VALIDITY_DAYS:
        yield f"it is valid for {days} days: more than {LONG_VALIDITY_DAYS} is unusual"
    if len(terms.grants) > 1:
        yield f"it has {len(terms.grants)} grants: they begin and end together"
    for peer_id in sorted(terms.peer_ids() - set(known) - {tenant.peer_id}):
        yield f"Peer {peer_id} is unknown to us: it has not announced itself and shares no contract with us"
    for grant in terms.grants:
        yield from _grant_warnings(grant, tenant)


def _grant_warnings(grant: Grant, tenant: Tenant) -> Iterator[str]:
    us = tenant.peer_id
    if grant.service_peer_id == us and grant.service_name not in tenant.services:
        yield f"we do not offer service {grant.service_name}"
    if isinstance(grant, PublicationGrant) and grant.directory_peer_id == us and not tenant.directory:
        yield "it asks us to be a Directory, which we are not"
    if not isinstance(grant, ConnectionGrant):
        return
    if isinstance(grant.outway_identification, DomainNameIdentification):
        name = grant.outway_identification.domain_name
        yield f"the Outway is recognised by domain name {name}: every key with a certificate for it may connect"
    elif grant.outway_peer_id == us and not _is_ours(grant.outway_identification.public_key_thumbprint, tenant):
        yield "it is for an Outway of ours with a key that we do not have: no Outway here can use it"


def _is_ours(thumbprint: str, tenant: Tenant) -> bool:
    return any(pair.public_key_thumbprint == thumbprint for pair in tenant.key_pairs)
