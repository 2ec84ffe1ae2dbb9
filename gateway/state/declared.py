"""What the configuration of a tenant declares, as Grants: its connections, and its Services at the Directories. Pure.

Standard: FSC Core, the four Grants; a `delegator` in the configuration makes the delegated kind of each.
"""

from dataclasses import dataclass
from typing import TypeVar

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings, ServiceReference, ServiceSettings
from gateway.fsc.grants import (
    ConnectionGrant,
    DelegatedService,
    DelegatedServiceConnectionGrant,
    DelegatedServicePublicationGrant,
    Grant,
    NamedPeer,
    Outway,
    PublicationGrant,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import ServiceName
from gateway.state.tenant import Tenant

DAY_S = 86_400
PUBLICATION_DAYS = 365

_G = TypeVar("_G", bound=Grant)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One Grant that is wanted. `label` names the declaration for people and in the store; `valid_s` is for how long.

    The label stays the same as long as the declaration keeps its name, whatever else in it changes; it is empty for
    what nobody declared.
    """

    label: str
    grant: Grant
    valid_s: int


def wanted_grants(tenant: Tenant, thumbprint: PublicKeyThumbprint) -> tuple[Wanted, ...]:
    """Every Grant that `tenant` declares, for an Outway with this public key."""
    connections = [wanted_connection(tenant.peer_id, thumbprint, one) for one in tenant.connections]
    publications = [
        wanted_publication(tenant.peer_id, directory, service)
        for service in tenant.services.values()
        if service.publish
        for directory in sorted(tenant.group.directories)
    ]
    return (*connections, *publications)


def wanted_connection(us: PeerId, thumbprint: PublicKeyThumbprint, connection: ConnectionSettings) -> Wanted:
    """What `connection` wants."""
    grant = connection_grant(us, thumbprint, connection)
    return Wanted(connection_label(connection), grant, connection.valid_days * DAY_S)


def connection_label(connection: ConnectionSettings) -> str:
    """The label of a declared connection."""
    return f"connection {connection.name}"


def wanted_publication(us: PeerId, directory: PeerId, service: ServiceSettings) -> Wanted:
    """What a published `service` wants at one Directory."""
    label = f"publication of {service.name} at {directory}"
    return Wanted(label, publication_grant(us, directory, service), PUBLICATION_DAYS * DAY_S)


def connection_grant(us: PeerId, thumbprint: PublicKeyThumbprint, connection: ConnectionSettings) -> ConnectionGrant:
    """The Grant by which our Outway with this key may use the Service of `connection`."""
    outway = Outway(peer_id=us, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint))
    service = _service(connection.service)
    grant: ConnectionGrant
    if connection.delegator is None:
        grant = ServiceConnectionGrant(outway=outway, service=service)
    else:
        delegator = NamedPeer(peer_id=connection.delegator)
        grant = DelegatedServiceConnectionGrant(outway=outway, service=service, delegator=delegator)
    return _with_properties(grant, dict(connection.properties))


def publication_grant(us: PeerId, directory: PeerId, service: ServiceSettings) -> PublicationGrant:
    """The Grant by which our Service is listed in this Directory."""
    listed_at = NamedPeer(peer_id=directory)
    published = PublishedService(peer_id=us, name=ServiceName(service.name), protocol="PROTOCOL_TCP_HTTP_1.1")
    grant: PublicationGrant
    if service.delegator is None:
        grant = ServicePublicationGrant(directory=listed_at, service=published)
    else:
        delegator = NamedPeer(peer_id=service.delegator)
        grant = DelegatedServicePublicationGrant(directory=listed_at, service=published, delegator=delegator)
    return _with_properties(grant, dict(service.properties))


def serves(grant: Grant, connection: ConnectionSettings) -> bool:
    """Decide whether `grant` is for what `connection` wants, whoever's Outway it names and by whatever key."""
    return is_about(grant, connection) and _same_json(grant.properties, dict(connection.properties))


def is_about(grant: Grant, connection: ConnectionSettings) -> bool:
    """Decide whether `grant` is for the Service and the Delegators of `connection`, whatever its properties."""
    return (
        isinstance(grant, ConnectionGrant)
        and grant.service_peer_id == connection.service.peer_id
        and grant.service_name == connection.service.name
        and grant.service_delegator_peer_id == connection.service.delegator
        and grant.delegator_peer_id == connection.delegator
    )


def same_grant(one: Grant, other: Grant) -> bool:
    """Decide whether two Grants permit the same; absent properties are as good as empty ones."""
    return (
        one.kind is other.kind
        and one.model_copy(update={"properties": {}}) == other.model_copy(update={"properties": {}})
        and _same_json(one.properties, other.properties)
    )


def _service(reference: ServiceReference) -> Service | DelegatedService:
    name = ServiceName(reference.name)
    if reference.delegator is None:
        return Service(peer_id=reference.peer_id, name=name)
    return DelegatedService(peer_id=reference.peer_id, name=name, delegator=NamedPeer(peer_id=reference.delegator))


def _with_properties(grant: _G, properties: JsonObject) -> _G:
    return grant.model_copy(update={"properties": properties}) if properties else grant


def _same_json(one: object, other: object) -> bool:
    """As `==`, for which True is 1: in JSON it is not, while 1 and 1.0 are the same number."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(_same_json(one[key], other[key]) for key in one)
        case list(), list():
            return len(one) == len(other) and all(map(_same_json, one, other))
        case _:
            return isinstance(one, bool) == isinstance(other, bool) and one == other
