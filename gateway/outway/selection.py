"""Which Grant a request of an application is for. Pure.

DESIGN section 4: the first selector that is present decides, there is no fall-through: `Fsc-Grant-Hash`, then
`Fsc-Service: <peer_id>/<service>`, then the Host name `<connection name>.<anything>`. However many Contracts there
are, only those of the Service that is meant are looked at; why nothing was selected is worked out in `refusal`.

A Grant names the key of an Outway. What is selected is for our newest key when there is such a Grant, else for the key
before it: so an Outway whose key has changed goes on while the successors of its Contracts are not agreed yet.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from certs.custody import KeyPair
from certs.identity import PeerId
from config.settings import ConnectionSettings
from gateway.errors import InvalidRequest
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, PublicKeyIdentification
from gateway.fsc.names import GrantHash, parse_domain_name
from gateway.fsc.state import ContractState
from gateway.state.connection_index import HeldConnection
from gateway.state.contract_view import ContractView
from gateway.state.declared import connection_label, is_about, serves


@dataclass(frozen=True, slots=True)
class Selector:
    """The selectors of one request, as its headers have them; absent is None."""

    grant_hash: str | None
    service: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class SelectedGrant:
    """A connection Grant that is valid now, under the hash it is asked for by, and our certificate to use it with."""

    grant: ConnectionGrant
    grant_hash: GrantHash
    pair: KeyPair


@dataclass(frozen=True, slots=True)
class OutwayIdentity:
    """Who our Outway is to other Peers by one certificate: its Peer, and the certificate's key and names."""

    peer_id: PeerId
    pair: KeyPair
    dns_names: tuple[str, ...]

    def is_meant_by(self, grant: ConnectionGrant) -> bool:
        """Whether the Grant is for this Outway."""
        if grant.outway_peer_id != self.peer_id:
            return False
        match grant.outway_identification:
            case PublicKeyIdentification(public_key_thumbprint=thumbprint):
                return thumbprint == self.pair.public_key_thumbprint
            case DomainNameIdentification(domain_name=name):
                return parse_domain_name(name) in self.dns_names


@dataclass(frozen=True, slots=True)
class Choices:
    """What there is to choose from, for whom, and when.

    Units: `now` is Unix seconds. Shape: `outways` is our Outway by each certificate it can use, the preferred one
    first; there is at least one, and all are of the same Peer.
    """

    contracts: ContractView
    declared: Sequence[ConnectionSettings]
    outways: tuple[OutwayIdentity, ...]
    now: int

    @property
    def outway(self) -> OutwayIdentity:
        """Our Outway by the certificate it would rather use."""
        return self.outways[0]

    def meant_by(self, grant: ConnectionGrant) -> OutwayIdentity | None:
        """Our Outway as the Grant means it, by the first certificate that fits; None when it means another."""
        return next((one for one in self.outways if one.is_meant_by(grant)), None)

    def held(self, provider: PeerId, service_name: str) -> Iterator[HeldConnection]:
        """The connections of our Peer to this Service, agreed or not, by any key; newest Contract first."""
        return self.contracts.connections.of(self.outway.peer_id, provider, service_name)

    def usable(self, provider: PeerId, service_name: str) -> Iterator[tuple[HeldConnection, OutwayIdentity]]:
        """The valid connections of our Outway to this Service: preferred certificate first, then newest Contract."""
        for outway in self.outways:
            for held in self.usable_by(outway, provider, service_name):
                yield held, outway

    def usable_by(self, outway: OutwayIdentity, provider: PeerId, service_name: str) -> Iterator[HeldConnection]:
        """The valid connections to this Service of our Outway by one certificate, newest Contract first."""
        return (
            held
            for held in self.held(provider, service_name)
            if outway.is_meant_by(held.grant) and held.record.state(self.now) is ContractState.VALID
        )


def select_grant(selector: Selector, choices: Choices) -> SelectedGrant | None:
    """The Grant that `selector` means; None when there is none that is valid now. Raises: InvalidRequest."""
    if selector.grant_hash is not None:
        return _by_hash(selector.grant_hash, choices)
    if selector.service is not None:
        usable = choices.usable(*parse_service(selector.service))
        return next((_selected(held, outway) for held, outway in usable if is_plain(held.grant)), None)
    connection = connection_named(selector.host, choices.declared)
    return None if connection is None else select_declared(connection, choices)


def select_declared(connection: ConnectionSettings, choices: Choices) -> SelectedGrant | None:
    """The Grant that serves a declared connection; None when there is none that is valid now."""
    for outway in choices.outways:
        usable = choices.usable_by(outway, connection.service.peer_id, connection.service.name)
        held = _first_that_serves((one for one in usable if is_by_key(one.grant)), connection)
        if held is not None:
            return _selected(held, outway)
    return None


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


def _first_that_serves(usable: Iterable[HeldConnection], connection: ConnectionSettings) -> HeldConnection | None:
    """The newest that is for what is wanted now, else the newest that was made for it before its properties changed.

    The second serves until its successor is valid.
    """
    label = connection_label(connection)
    earlier = None
    for held in usable:
        if serves(held.grant, connection):
            return held
        if earlier is None and held.record.made_for == label and is_about(held.grant, connection):
            earlier = held
    return earlier


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
    outway = choices.meant_by(grant) if isinstance(grant, ConnectionGrant) else None
    if not isinstance(grant, ConnectionGrant) or outway is None:
        return None
    return SelectedGrant(grant, GrantHash(grant_hash), outway.pair)


def _selected(held: HeldConnection, outway: OutwayIdentity) -> SelectedGrant:
    return SelectedGrant(held.grant, held.grant_hash, outway.pair)
