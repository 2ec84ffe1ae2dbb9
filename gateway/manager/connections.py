"""Desired state: what the configuration wants of Contracts against what there is. Deciding is pure; `converge` acts.

A connection of the configuration wants one ServiceConnectionGrant for our current key; a Service with `publish` wants
one ServicePublicationGrant at each Directory of the Group. The newest Contract with such a Grant decides: alive and not
close to its end is good; alive but close to its end gets a successor beside it, so that traffic never stops; rejected
or revoked is an answer that a human gave, so it is shown and not asked again.
"""

import logging
from dataclasses import dataclass
from enum import Enum

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings, ServiceSettings
from gateway.errors import FscError
from gateway.fsc.grants import (
    Grant,
    NamedPeer,
    Outway,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.names import ServiceName
from gateway.fsc.state import ContractState
from gateway.manager.contracts import offer
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate, Tenant

_log = logging.getLogger(__name__)

_DAY_S = 86_400
PUBLICATION_DAYS = 365
RENEW_AT_MOST_S = 30 * _DAY_S
BACKDATE_S = 60
"""Clocks differ: a Contract that starts a minute ago is valid at once for a Peer whose clock is behind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Grant that the configuration wants, with the name a person knows it by."""

    label: str
    grant: Grant
    valid_s: int


class Verdict(Enum):
    """What to do about a wanted Grant."""

    GOOD = "good"
    OFFER = "offer"
    REFUSED = "refused"


def wanted_grants(tenant: Tenant, thumbprint: PublicKeyThumbprint) -> list[Wanted]:
    """Every Grant that `tenant` declares, for an Outway with this public key."""
    connections = [
        Wanted(f"connection {one.name}", connection_grant(tenant.peer_id, thumbprint, one), one.valid_days * _DAY_S)
        for one in tenant.connections
    ]
    publications = [
        Wanted(
            f"publication of {service.name} at {directory}",
            publication_grant(tenant.peer_id, directory, service),
            PUBLICATION_DAYS * _DAY_S,
        )
        for service in tenant.services.values()
        if service.publish
        for directory in tenant.group.directories
    ]
    return connections + publications


def connection_grant(
    us: PeerId, thumbprint: PublicKeyThumbprint, connection: ConnectionSettings
) -> ServiceConnectionGrant:
    """The Grant by which our Outway with this key may use the Service of `connection`."""
    grant = ServiceConnectionGrant(
        outway=Outway(peer_id=us, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint)),
        service=Service(peer_id=connection.service.peer_id, name=ServiceName(connection.service.name)),
    )
    return grant.model_copy(update={"properties": dict(connection.properties)}) if connection.properties else grant


def publication_grant(us: PeerId, directory: PeerId, service: ServiceSettings) -> ServicePublicationGrant:
    """The Grant by which our Service is listed in this Directory."""
    grant = ServicePublicationGrant(
        directory=NamedPeer(peer_id=directory),
        service=PublishedService(peer_id=us, name=ServiceName(service.name), protocol="PROTOCOL_TCP_HTTP_1.1"),
    )
    return grant.model_copy(update={"properties": dict(service.properties)}) if service.properties else grant


def judge(wanted: Wanted, records: list[ContractRecord], *, now: int) -> tuple[Verdict, ContractRecord | None]:
    """What the Contracts that exist mean for `wanted`, and the one that decides."""
    fitting = [one for one in records if wanted.grant in one.content.grants and one.content.not_after > now]
    if not fitting:
        return Verdict.OFFER, None
    newest = max(fitting, key=lambda record: (record.content.created_at, record.content_hash))
    if newest.state(now) in (ContractState.REJECTED, ContractState.REVOKED):
        return Verdict.REFUSED, newest
    content = newest.content
    lead_s = min(RENEW_AT_MOST_S, (content.not_after - content.not_before) // 4)
    return (Verdict.OFFER if content.not_after - now <= lead_s else Verdict.GOOD), newest


async def converge(peer: LocalPeer) -> list[tuple[Wanted, ContractRecord]]:
    """Offer every Contract that is wanted and not there; returns what is wanted but was refused.

    Raises: StoreUnavailable.
    """
    try:
        thumbprint = peer.signing_pair().public_key_thumbprint
    except NoValidCertificate as error:
        _log.error("cannot_converge", extra={"peer_id": peer.peer_id, "reason": str(error)})
        return []
    refused: list[tuple[Wanted, ContractRecord]] = []
    wanted = wanted_grants(peer.tenant, thumbprint)
    if not wanted:
        return refused
    records = [record async for record in peer.contracts.involving(peer.peer_id)]
    for one in wanted:
        verdict, record = judge(one, records, now=peer.clock.now())
        if verdict is Verdict.REFUSED and record is not None:
            refused.append((one, record))
        elif verdict is Verdict.OFFER:
            await _offer(peer, one)
    return refused


def wanted_connection(peer: LocalPeer, connection: ConnectionSettings) -> Wanted:
    """What this connection wants for our present key. Raises: NoValidCertificate."""
    thumbprint = peer.signing_pair().public_key_thumbprint
    grant = connection_grant(peer.peer_id, thumbprint, connection)
    return Wanted(f"connection {connection.name}", grant, connection.valid_days * _DAY_S)


async def request(peer: LocalPeer, wanted: Wanted) -> ContractRecord:
    """Offer a Contract for one wanted Grant, whatever there is already."""
    created_at = peer.clock.now() - BACKDATE_S
    return await offer(
        peer,
        (wanted.grant,),
        not_before=created_at,
        not_after=created_at + wanted.valid_s,
        created_at=created_at,
        remark=wanted.label,
    )


async def _offer(peer: LocalPeer, wanted: Wanted) -> None:
    try:
        record = await request(peer, wanted)
    except FscError as error:
        _log.error("cannot_offer", extra={"peer_id": peer.peer_id, "wanted": wanted.label, "reason": str(error)})
        return
    _log.info(
        "contract_offered",
        extra={"peer_id": peer.peer_id, "wanted": wanted.label, "contract": record.content_hash},
    )
