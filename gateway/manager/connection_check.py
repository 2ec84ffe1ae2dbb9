"""Whether the Contracts with another Peer let one of us use a Service of the other, and what each waits for. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings
from gateway.fsc.grants import ConnectionGrant, PublicKeyIdentification
from gateway.fsc.names import GrantHash
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord
from gateway.state.declared import serves
from gateway.state.standing import standing, undelivered

_Key: TypeAlias = tuple[PeerId, PeerId, str, PeerId | None, PeerId | None]


@dataclass(frozen=True, slots=True)
class CheckedConnection:
    """One connection with the newest Contract that there is for it. `remedy` is empty when nothing is wrong.

    `usable` is the Grant with which our Outway can ask for a token now.
    """

    what: str
    seen: str
    remedy: str
    usable: tuple[ConnectionGrant, GrantHash] | None = None


@dataclass(frozen=True, slots=True)
class _Found:
    record: ContractRecord
    grant: ConnectionGrant
    grant_hash: GrantHash


def check_connections(
    records: Iterable[ContractRecord],
    declared: Sequence[ConnectionSettings],
    *,
    us: PeerId,
    other: PeerId,
    thumbprint: PublicKeyThumbprint,
    now: int,
) -> tuple[CheckedConnection, ...]:
    """Every connection between `us`, whose Outway has the key of this thumbprint, and `other`.

    What we ended ourselves and do not declare is as it should be, and left out.
    Shape: `records` are the Contracts in which both are parties, whatever became of them.
    """
    newest: dict[_Key, _Found] = {}
    for record in records:
        for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True):
            if isinstance(grant, ConnectionGrant) and {us, other} == {grant.outway_peer_id, grant.service_peer_id}:
                found = _Found(record, grant, grant_hash)
                newest[_key(grant)] = max(
                    newest.get(_key(grant), found), found, key=lambda one: _rank(one, thumbprint, now)
                )
    checked = [
        _checked(newest[key], us=us, other=other, thumbprint=thumbprint, now=now)
        for key in sorted(newest, key=str)
        if not _is_ended_by(us, newest[key].record) or any(serves(newest[key].grant, one) for one in declared)
    ]
    lacking = [
        one
        for one in declared
        if one.service.peer_id == other and not any(serves(found.grant, one) for found in newest.values())
    ]
    return (*checked, *(_absent(one) for one in lacking))


def _key(grant: ConnectionGrant) -> _Key:
    delegators = (grant.delegator_peer_id, grant.service_delegator_peer_id)
    return (grant.outway_peer_id, grant.service_peer_id, grant.service_name, *delegators)


def _rank(found: _Found, thumbprint: PublicKeyThumbprint, now: int) -> tuple[bool, bool, int]:
    """What is valid goes before what is not, what is for our key before what is not, newer before older."""
    is_valid = found.record.state(now) is ContractState.VALID
    return is_valid, _is_for(found.grant, thumbprint), found.record.content.created_at


def _is_ended_by(us: PeerId, record: ContractRecord) -> bool:
    return us in record.signers(SignatureType.REJECT) | record.signers(SignatureType.REVOKE)


def _is_for(grant: ConnectionGrant, thumbprint: PublicKeyThumbprint) -> bool:
    """Whether an Outway with this key is meant; whether a name is, the other side judges."""
    identification = grant.outway_identification
    return not isinstance(identification, PublicKeyIdentification) or identification.public_key_thumbprint == thumbprint


def _checked(
    found: _Found, *, us: PeerId, other: PeerId, thumbprint: PublicKeyThumbprint, now: int
) -> CheckedConnection:
    record, grant = found.record, found.grant
    ours = grant.outway_peer_id == us
    what = f"{grant.service_peer_id}/{grant.service_name}" + ("" if ours else f" for {other}")
    seen = f"contract {record.content_hash} {standing(record, now=now)}"
    if record.state(now) is not ContractState.VALID:
        return CheckedConnection(what, seen, _remedy(record, us, now))
    if ours and not _is_for(grant, thumbprint):
        return CheckedConnection(
            what,
            f"{seen}, for another key than ours, which has public key thumbprint {thumbprint}",
            "serve with the earlier key again, or request a new contract: `klantenregister contracts request`",
        )
    owed = undelivered(record)
    return CheckedConnection(what, f"{seen}; {owed}" if owed else seen, "", (grant, found.grant_hash) if ours else None)


def _remedy(record: ContractRecord, us: PeerId, now: int) -> str:
    if record.state(now) is not ContractState.PROPOSED:
        return "agree on a new contract: `klantenregister contracts request`"
    missing = record.content.required_accepts() - record.signers(SignatureType.ACCEPT)
    if us in missing:
        return f"decide about it: `klantenregister contracts accept '{record.content_hash}'`"
    if not missing:
        return "wait until it begins, or compare the clocks"
    if undelivered(record):
        return "make the Peer reachable; then it is delivered by itself"
    return f"ask {', '.join(sorted(missing))} to accept it; if that was done, its Manager has not brought it to us yet"


def _absent(connection: ConnectionSettings) -> CheckedConnection:
    service = connection.service
    return CheckedConnection(
        f"{service.peer_id}/{service.name}",
        f"connection {connection.name} is declared and there is no contract for it",
        f"see in the log why none was offered, or: `klantenregister contracts request --connection {connection.name}`",
    )
