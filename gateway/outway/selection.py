"""Which Grant a request of an application is for. Pure.

DESIGN section 4: the first selector that is present decides, there is no fall-through: `Fsc-Grant-Hash`, then
`Fsc-Service: <peer_id>/<service>`, then the Host name `<connection name>.<anything>`. However many Contracts there
are, only those of the Service that is meant are looked at; why nothing was selected is worked out in `refusal`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings
from gateway.errors import InvalidRequest
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, PublicKeyIdentification
from gateway.fsc.names import GrantHash, parse_domain_name
from gateway.fsc.state import ContractState
from gateway.state.connection_index import HeldConnection
from gateway.state.contract_store import ContractView
from gateway.state.declared import connection_label, is_about, serves


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
class OutwayIdentity:
    """Who our Outway is to other Peers: its Peer, and its present certificate's key and names."""

    peer_id: PeerId
    public_key_thumbprint: PublicKeyThumbprint
    dns_names: tuple[str, ...]

    def is_meant_by(self, grant: ConnectionGrant) -> bool:
        """Whether the Grant is for this Outway."""
        if grant.outway_peer_id != self.peer_id:
            return False
        match grant.outway_identification:
            case PublicKeyIdentification(public_key_thumbprint=thumbprint):
                return thumbprint == self.public_key_thumbprint
            case DomainNameIdentification(domain_name=name):
                return parse_domain_name(name) in self.dns_names


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, for whom, and when. `now` is Unix seconds."""

    contracts: ContractView
    declared: Sequence[ConnectionSettings]
    outway: OutwayIdentity
    now: int

    def usable(self, provider: PeerId, service_name: str) -> Iterator[HeldConnection]:
        """The valid connections of our Outway to this Service, newest Contract first."""
        return (
            held
            for held in self.contracts.connections.of(self.outway.peer_id, provider, service_name)
            if self.outway.is_meant_by(held.grant) and held.record.state(self.now) is ContractState.VALID
        )


def select_grant(selector: Selector, choices: Choices) -> SelectedGrant | None:
    """The Grant that `selector` means; None when there is none that is valid now. Raises: InvalidRequest."""
    if selector.grant_hash is not None:
        return _by_hash(selector.grant_hash, choices)
    if selector.service is not None:
        provider, service_name = parse_service(selector.service)
        return _first(held for held in choices.usable(provider, service_name) if is_plain(held.grant))
    connection = connection_named(selector.host, choices.declared)
    if connection is None:
        return None
    usable = partial(choices.usable, connection.service.peer_id, connection.service.name)
    return _first(held for held in usable() if is_by_key(held.grant) and serves(held.grant, connection)) or _first(
        held for held in usable() if _still_serves(held, connection)
    )


def parse_service(text: str) -> tuple[PeerId, str]:
    """Read the value of `Fsc-Service`. Raises: InvalidRequest."""
    peer_id, slash, name = text.strip().partition("/")
    if not slash or not peer_id or not name:
        raise InvalidRequest("Fsc-Service: must be <peer_id>/<service>")
    return PeerId(peer_id), name


def connection_named(host: str | None, declared: Sequence[ConnectionSettings]) -> ConnectionSettings | None:
    """The declared connection whose name is the first label of this Host name."""
    label = (host or "").partition(":")[0].partition(".")[0].lower()
    return next((one for one in declared if one.name.lower() == label), None)


def _still_serves(held: HeldConnection, connection: ConnectionSettings) -> bool:
    """Whether the Contract was made for this connection before its properties changed: until its successor is valid."""
    label = connection_label(connection)
    return held.record.made_for == label and is_by_key(held.grant) and is_about(held.grant, connection)


def is_plain(grant: ConnectionGrant) -> bool:
    """Whether the Grant is what `Fsc-Service` may select: for a key, and without any Delegator."""
    return is_by_key(grant) and grant.delegator_peer_id is None and grant.service_delegator_peer_id is None


def is_by_key(grant: ConnectionGrant) -> bool:
    """Whether the Outway is recognised by its key; a domain name is the weaker binding, for those who ask by hash."""
    return isinstance(grant.outway_identification, PublicKeyIdentification)


def _by_hash(grant_hash: str, choices: Choices) -> SelectedGrant | None:
    record = choices.contracts.by_grant(grant_hash)
    if record is None or record.state(choices.now) is not ContractState.VALID:
        return None
    grant = record.grant(grant_hash)
    if not isinstance(grant, ConnectionGrant) or not choices.outway.is_meant_by(grant):
        return None
    return SelectedGrant(grant, GrantHash(grant_hash))


def _first(connections: Iterator[HeldConnection]) -> SelectedGrant | None:
    held = next(connections, None)
    return None if held is None else SelectedGrant(held.grant, held.grant_hash)
