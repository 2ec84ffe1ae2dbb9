"""Why a request selects no connection, and what the application may use instead. Worked out only when it is refused.

The words are pure; `explain` looks in the store as well, because a Contract that is over is not among the living.
"""

from collections.abc import Iterator

from gateway.errors import NoValidGrant, OutwayError, UnknownGrantHashInHeader, quoted
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, PublicKeyIdentification
from gateway.fsc.names import parse_grant_hash
from gateway.fsc.state import ContractState
from gateway.outway.near_miss import find_near_miss, undone
from gateway.outway.selection import Choices, Selector, connection_named, is_by_key, is_plain, parse_service
from gateway.state.connection_index import HeldConnection
from gateway.state.contract_store import ContractStore
from gateway.state.contracts import ContractRecord
from gateway.state.declared import serves
from gateway.state.standing import standing

_MAX_CANDIDATES = 20
_MAX_COMPARED = 10_000
_EATEN = (
    "Fsc-Grant-Hash is empty: write the hash between single quotes, "
    "because between double quotes a shell takes its $ signs for variables"
)


async def explain(selector: Selector, choices: Choices, contracts: ContractStore) -> OutwayError:
    """The refusal of a request whose `selector` selects nothing. Raises: InvalidRequest, StoreUnavailable."""
    if selector.grant_hash is not None:
        reason = await _why_no_hash(selector.grant_hash, choices, contracts)
        return UnknownGrantHashInHeader(f"{reason}. {_candidates(_with_hashes(choices))}")
    if selector.service is not None:
        return NoValidGrant(f"{_why_no_service(selector.service, choices)}. {_candidates(_by_name(choices))}")
    return NoValidGrant(f"{_why_no_host(selector.host, choices)}. {_candidates(_by_name(choices))}")


async def _why_no_hash(text: str, choices: Choices, contracts: ContractStore) -> str:
    if not text:
        return _EATEN
    record = await _contract_with(text, contracts)
    if record is not None:
        return _judged(text, record, choices)
    meant = undone(text)
    record = await _contract_with(meant, contracts)
    known = _hashes_of(record) if record is not None else _our_hashes(choices)
    miss = find_near_miss(text, known)
    if miss is None:
        return f"Fsc-Grant-Hash names no connection grant that this Peer knows: {quoted(text)}"
    return f"Fsc-Grant-Hash is damaged: {quoted(text)} was meant to be {miss.meant}; {miss.remedy}"


async def _contract_with(text: str, contracts: ContractStore) -> ContractRecord | None:
    """The Contract that has this hash, or a Grant with this hash; over or not."""
    try:
        grant_hash = parse_grant_hash(text)
    except ValueError:
        return None
    living = contracts.view.by_grant(grant_hash)
    if living is not None:
        return living
    found = await contracts.with_grants([grant_hash])
    return found[0] if found else await contracts.get(grant_hash)


def _judged(text: str, record: ContractRecord, choices: Choices) -> str:
    """Why this hash, of this Contract or of a Grant in it, cannot be used."""
    grant = record.grant(text)
    if grant is None:
        return _contract_is_meant(record, choices)
    if not isinstance(grant, ConnectionGrant):
        return "Fsc-Grant-Hash names a publication grant, which connects nobody: use the hash of a connection grant"
    if grant.outway_peer_id != choices.outway.peer_id:
        return f"Fsc-Grant-Hash names a grant for the Outway of peer {grant.outway_peer_id}, not for ours"
    if record.state(choices.now) is not ContractState.VALID:
        return f"the contract of the grant in Fsc-Grant-Hash {standing(record, now=choices.now)}"
    return _other_outway(grant, choices)


def _contract_is_meant(record: ContractRecord, choices: Choices) -> str:
    ours = [
        f"{grant_hash} ({_service(grant)})"
        for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True)
        if isinstance(grant, ConnectionGrant) and choices.meant_by(grant) is not None
    ]
    said = "Fsc-Grant-Hash has the hash of a contract, not of a grant"
    if not ours:
        return f"{said}, and that contract has no connection grant for our Outway"
    state = (
        "" if record.state(choices.now) is ContractState.VALID else f" The contract {standing(record, now=choices.now)}"
    )
    return f"{said}. The grants in it are {', '.join(ours[:_MAX_CANDIDATES])}.{state}".removesuffix(".")


def _other_outway(grant: ConnectionGrant, choices: Choices) -> str:
    match grant.outway_identification:
        case PublicKeyIdentification(public_key_thumbprint=thumbprint):
            return (
                f"the grant in Fsc-Grant-Hash is for the Outway with public key thumbprint {quoted(thumbprint)}, "
                f"ours is {choices.outway.pair.public_key_thumbprint}: "
                "agree on a new contract, or serve with the earlier key again"
            )
        case DomainNameIdentification(domain_name=name):
            names = ", ".join(choices.outway.dns_names) or "none"
            return (
                f"the grant in Fsc-Grant-Hash is for an Outway with a certificate for {quoted(name)}, "
                f"ours is for {names}: agree on a new contract, or have the certificate issued with that name"
            )


def _why_no_service(text: str, choices: Choices) -> str:
    provider, service_name = parse_service(text)
    held = choices.held(provider, service_name)
    return _why_not_yet(
        (one for one in held if is_plain(one.grant)),
        choices,
        otherwise="no valid contract lets us use the service that Fsc-Service names",
    )


def _why_no_host(host: str | None, choices: Choices) -> str:
    connection = connection_named(host, choices.declared)
    if connection is None:
        return "the request selects no connection"
    provider, service_name = connection.service.peer_id, connection.service.name
    held = choices.held(provider, service_name)
    fitting = (one for one in held if is_by_key(one.grant) and serves(one.grant, connection))
    why = _why_not_yet(fitting, choices, otherwise="")
    said = f"connection {connection.name} has no valid contract yet: see `klantenregister contracts list`"
    return f"{said}; {why}" if why else said


def _why_not_yet(held: Iterator[HeldConnection], choices: Choices, *, otherwise: str) -> str:
    """Where the newest living Contract for this stands."""
    newest = next(held, None)
    if newest is None:
        return otherwise
    if choices.meant_by(newest.grant) is None:
        return "the newest contract for it is for an Outway with another key"
    return f"the newest contract for it {standing(newest.record, now=choices.now)}"


def _hashes_of(record: ContractRecord) -> tuple[str, ...]:
    return record.all_grant_hashes + record.all_content_hashes


def _our_hashes(choices: Choices) -> Iterator[str]:
    """The hashes that an application of ours may have meant: of every living connection of our Outway."""
    compared = 0
    for provider, service_name in choices.contracts.connections.services_of(choices.outway.peer_id):
        for held in choices.held(provider, service_name):
            yield held.grant_hash
            compared += 1
            if compared == _MAX_COMPARED:
                return


def _by_name(choices: Choices) -> Iterator[str]:
    """What a Host name or `Fsc-Service` could select: declared connections, then Services that we may use."""
    yield from (connection.name for connection in choices.declared)
    for provider, service_name in choices.contracts.connections.services_of(choices.outway.peer_id):
        if any(is_plain(held.grant) for held, _ in choices.usable(provider, service_name)):
            yield f"{provider}/{service_name}"


def _with_hashes(choices: Choices) -> Iterator[str]:
    """The same, with the hash of the newest Grant for each Service; those with a Delegator have no other name."""
    yield from (connection.name for connection in choices.declared)
    for provider, service_name in choices.contracts.connections.services_of(choices.outway.peer_id):
        shown: set[str] = set()
        for held, _ in choices.usable(provider, service_name):
            what = _service(held.grant)
            if what not in shown:
                shown.add(what)
                yield f"{what} = {held.grant_hash}"


def _service(grant: ConnectionGrant) -> str:
    offered = f"{grant.service_peer_id}/{grant.service_name}"
    if grant.service_delegator_peer_id is not None:
        offered = f"{offered} offered on behalf of {grant.service_delegator_peer_id}"
    return offered if grant.delegator_peer_id is None else f"{offered} on behalf of {grant.delegator_peer_id}"


def _candidates(names: Iterator[str]) -> str:
    shown = [name for name, _ in zip(names, range(_MAX_CANDIDATES), strict=False)]
    return f"Candidates: {', '.join(shown)}" if shown else "There are no candidates: no connection is declared or valid"
