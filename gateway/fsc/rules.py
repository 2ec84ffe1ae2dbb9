"""What a contract must satisfy before we keep it: one function for each MUST.

Standard: FSC Core, Contract Validation and the validation rules of each grant.

Theory of operation. The schema has been checked (`contract`), the signature has not (`signature`). The rules run in
the order of RULES and the first that fails is the answer, so a Peer that repairs one fault sees the next.
Three MUSTs are not here: that the `iv` is unique is for the store; that a Peer agrees is shown by the signatures that
`state` requires, whoever hands the contract in; that we offer the Service is asked when a token is requested, because
a Service may be made after its contract.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from certs.identity import PeerId
from certs.thumbprint import parse_public_key_thumbprint
from gateway.errors import (
    GrantCombinationNotAllowed,
    IncorrectGroupId,
    IncorrectPublicKeyThumbprint,
    InvalidContract,
    ManagerError,
    PeerNotPartOfContract,
    ReceivingPeerNotPartOfContract,
    SubmittingPeerNotPartOfContract,
    UnknownFscVersion,
    UnknownHashAlgorithmHash,
    quoted,
)
from gateway.fsc.contract import ParsedContract
from gateway.fsc.grants import ConnectionGrant, PublicationGrant, PublicKeyIdentification
from gateway.fsc.jcs import canonicalise
from gateway.fsc.names import HASH_ALGORITHM, GroupId, parse_domain_name, parse_service_name
from gateway.fsc.profile import HashProfile, describe_profiles, not_allowed, profiles_for
from gateway.fsc.uuid7 import parse_uuid

CLOCK_SKEW_S = 60
MAX_PROPERTIES_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What the rules know beside the contract.

    `caller_peer_id` is None for a contract that we pulled, of which nobody is the submitter. `now` is Unix seconds.
    `profiles` are those of the Group, the one that creates first.
    """

    group_id: GroupId
    self_peer_id: PeerId
    caller_peer_id: PeerId | None
    now: int
    profiles: tuple[HashProfile, ...]
    clock_skew_s: int = CLOCK_SKEW_S
    max_properties_bytes: int = MAX_PROPERTIES_BYTES


Rule: TypeAlias = Callable[[ParsedContract, RuleContext], None]


def check_contract(contract: ParsedContract, context: RuleContext) -> None:
    """Check a contract against every rule.

    Raises: the error of the first rule that it breaks.
    """
    for rule in RULES:
        rule(contract, context)


def check_fsc_version(contract: ParsedContract, context: RuleContext) -> None:
    """The Group has a hash profile for this `fsc_version`."""
    version = contract.content.fsc_version
    if profiles_for(version, context.profiles):
        return
    found = "is absent" if version is None else f"is {quoted(version)}"
    addable = describe_profiles(not_allowed(version, context.profiles))
    remedy = f", or have the receiving Peer add {addable} to group.hash_profiles" if addable else ""
    raise UnknownFscVersion(
        f"/fsc_version {found}; this Group accepts {describe_profiles(context.profiles)}: send one of these{remedy}"
    )


def check_hash_algorithm(contract: ParsedContract, _: RuleContext) -> None:
    """The hash algorithm is the one that the standard knows."""
    if contract.content.hash_algorithm != HASH_ALGORITHM:
        found = quoted(contract.content.hash_algorithm)
        raise UnknownHashAlgorithmHash(f"/hash_algorithm is {found}; use {HASH_ALGORITHM}")


def check_group(contract: ParsedContract, context: RuleContext) -> None:
    """The contract is for our Group."""
    if contract.content.group_id != context.group_id:
        found = quoted(contract.content.group_id)
        raise IncorrectGroupId(f"/group_id is {found}; this Manager is in Group {quoted(context.group_id)}")


def check_parties(contract: ParsedContract, context: RuleContext) -> None:
    """Whoever submits and whoever receives the contract is named in it."""
    if not contract.content.items:
        return  # nobody can be a party: that there are no grants is the fault to tell
    submitter_error, receiver_error = _party_errors(context)
    parties = contract.content.peer_ids()
    if context.caller_peer_id is not None and context.caller_peer_id not in parties:
        raise submitter_error(f"peer {quoted(context.caller_peer_id)}, which submits, is in no grant of the contract")
    if context.self_peer_id not in parties:
        raise receiver_error(f"peer {quoted(context.self_peer_id)}, which receives, is in no grant of the contract")


def check_grant_combination(contract: ParsedContract, _: RuleContext) -> None:
    """Publication is not mixed with other use."""
    publications = [isinstance(grant, PublicationGrant) for grant in contract.content.grants]
    if any(publications) and not all(publications):
        raise GrantCombinationNotAllowed(
            "a publication grant cannot be combined with other grants; put them in separate contracts"
        )


def check_grants_present(contract: ParsedContract, _: RuleContext) -> None:
    """There is at least one grant."""
    if not contract.content.items:
        raise InvalidContract("/grants is empty; a contract has at least one grant")


def check_iv(contract: ParsedContract, _: RuleContext) -> None:
    """The `iv` is a UUID, of any version."""
    try:
        parse_uuid(contract.content.iv)
    except ValueError as error:
        raise InvalidContract(f"/iv {error}") from error


def check_created(contract: ParsedContract, context: RuleContext) -> None:
    """The contract was not created in the future, small differences between clocks aside."""
    ahead_s = contract.content.created_at - context.now
    if ahead_s > context.clock_skew_s:
        raise InvalidContract(
            f"/created_at is {ahead_s} s in the future by our clock; at most {context.clock_skew_s} s is tolerated"
        )


def check_validity(contract: ParsedContract, context: RuleContext) -> None:
    """The contract ends after it begins, and has not ended yet."""
    content = contract.content
    if content.not_after <= content.not_before:
        raise InvalidContract("/validity/not_after must be later than /validity/not_before")
    if content.not_after <= context.now:
        raise InvalidContract(f"/validity/not_after is {context.now - content.not_after} s in the past by our clock")


def check_service_names(contract: ParsedContract, _: RuleContext) -> None:
    """Every Service has a name of the right form."""
    for index, grant in enumerate(contract.content.grants):
        try:
            parse_service_name(grant.service_name)
        except ValueError as error:
            raise InvalidContract(f"/grants/{index}/data/service/name {error}") from error


def check_outways(contract: ParsedContract, _: RuleContext) -> None:
    """Every Outway is identified by a thumbprint or a domain name of the right form."""
    for index, grant in enumerate(contract.content.grants):
        if isinstance(grant, ConnectionGrant):
            _check_outway(grant, f"/grants/{index}/data/outway")


def check_properties(contract: ParsedContract, context: RuleContext) -> None:
    """Properties are of a size that can be stored and put in a token."""
    for index, grant in enumerate(contract.content.grants):
        if len(canonicalise(grant.properties)) > context.max_properties_bytes:
            limit = context.max_properties_bytes
            raise InvalidContract(f"/grants/{index}/data/properties is larger than {limit} bytes")


RULES: tuple[Rule, ...] = (
    check_fsc_version,
    check_hash_algorithm,
    check_group,
    check_parties,
    check_grant_combination,
    check_grants_present,
    check_iv,
    check_created,
    check_validity,
    check_service_names,
    check_outways,
    check_properties,
)
"""Every rule, in the order in which they run."""


def _check_outway(grant: ConnectionGrant, pointer: str) -> None:
    identification = grant.outway_identification
    if isinstance(identification, PublicKeyIdentification):
        try:
            parse_public_key_thumbprint(identification.public_key_thumbprint)
        except ValueError as error:
            raise IncorrectPublicKeyThumbprint(f"{pointer} has a malformed thumbprint: {error}") from error
    else:
        try:
            parse_domain_name(identification.domain_name)
        except ValueError as error:
            raise InvalidContract(f"{pointer}/identification/domain_name {error}") from error


def _party_errors(context: RuleContext) -> tuple[type[ManagerError], type[ManagerError]]:
    """The codes for submitter and receiver: 2.x tells them apart, 1.1 has one for both."""
    if context.profiles[0] is HashProfile.FSC_1_1:
        return PeerNotPartOfContract, PeerNotPartOfContract
    return SubmittingPeerNotPartOfContract, ReceivingPeerNotPartOfContract
