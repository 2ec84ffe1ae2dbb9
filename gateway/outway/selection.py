"""Which Grant a request of an application is for. Pure.

DESIGN section 4: the first selector that is present decides, there is no fall-through: `Fsc-Grant-Hash`, then
`Fsc-Service: <peer_id>/<service>`, then the Host name `<connection name>.<anything>`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings
from gateway.errors import InvalidRequest, NoValidGrant, UnknownGrantHashInHeader
from gateway.fsc.grants import ConnectionGrant, PublicKeyIdentification, ServiceConnectionGrant
from gateway.fsc.names import GrantHash
from gateway.state.contracts import ContractRecord

_MAX_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Selector:
    """The selectors of one request, as its headers have them; absent is None."""

    grant_hash: str | None
    service: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class SelectedGrant:
    """A connection Grant that is valid now, under the hash it is asked for by."""

    grant: ConnectionGrant
    grant_hash: GrantHash


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from: valid Contracts newest first, declared connections, who and with which key."""

    valid: Sequence[ContractRecord]
    connections: Sequence[ConnectionSettings]
    us: PeerId
    public_key_thumbprint: PublicKeyThumbprint


def select_grant(selector: Selector, choices: Choices) -> SelectedGrant:
    """The Grant that `selector` means. Raises: UnknownGrantHashInHeader, NoValidGrant, InvalidRequest (all 400)."""
    if selector.grant_hash is not None:
        return _by_hash(selector.grant_hash, choices)
    if selector.service is not None:
        return _by_service(selector.service, choices)
    return _by_host(selector.host, choices)


def _by_hash(grant_hash: str, choices: Choices) -> SelectedGrant:
    for record in choices.valid:
        grant = record.grant(grant_hash)
        if isinstance(grant, ConnectionGrant) and grant.outway_peer_id == choices.us:
            return SelectedGrant(grant, GrantHash(grant_hash))
    raise UnknownGrantHashInHeader(f"Fsc-Grant-Hash names no valid connection grant of ours. {_candidates(choices)}")


def _by_service(service: str, choices: Choices) -> SelectedGrant:
    peer_id, slash, name = service.strip().partition("/")
    if not slash or not peer_id or not name:
        raise InvalidRequest("Fsc-Service: must be <peer_id>/<service>")
    for grant, grant_hash in _own_grants(choices):
        if grant.service_peer_id == peer_id and grant.service_name == name:
            return SelectedGrant(grant, grant_hash)
    raise NoValidGrant(f"no valid contract lets us use the service that Fsc-Service names. {_candidates(choices)}")


def _by_host(host: str | None, choices: Choices) -> SelectedGrant:
    label = (host or "").partition(":")[0].partition(".")[0].lower()
    for connection in choices.connections:
        if connection.name.lower() != label:
            continue
        for grant, grant_hash in _own_grants(choices):
            if _is_for(grant, connection):
                return SelectedGrant(grant, grant_hash)
        raise NoValidGrant(
            f"connection {connection.name} has no valid contract yet: see `klantenregister contracts list`. "
            f"{_candidates(choices)}"
        )
    raise NoValidGrant(f"the request selects no connection. {_candidates(choices)}")


def _own_grants(choices: Choices) -> list[tuple[ServiceConnectionGrant, GrantHash]]:
    """Valid Grants without delegation, for our Outway with its present key, newest Contract first."""
    ours = PublicKeyIdentification(public_key_thumbprint=choices.public_key_thumbprint)
    return [
        (grant, grant_hash)
        for record in choices.valid
        for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True)
        if isinstance(grant, ServiceConnectionGrant)
        and grant.service_delegator_peer_id is None
        and grant.outway_peer_id == choices.us
        and grant.outway_identification == ours
    ]


def _is_for(grant: ServiceConnectionGrant, connection: ConnectionSettings) -> bool:
    return (
        grant.service_peer_id == connection.service.peer_id
        and grant.service_name == connection.service.name
        and grant.properties == connection.properties
    )


def _candidates(choices: Choices) -> str:
    names = [connection.name for connection in choices.connections]
    services = [f"{grant.service_peer_id}/{grant.service_name}" for grant, _ in _own_grants(choices)]
    shown = list(dict.fromkeys([*names, *services]))[:_MAX_CANDIDATES]
    return f"Candidates: {', '.join(shown)}" if shown else "There are no candidates: no connection is declared or valid"
