"""Content hashes and grant hashes, by every hash profile.

Standard: FSC Core, The content hash and Grant hash; see `profile` for the readings.

Hashes are taken over the JSON as received (canonicalised, every member kept), never over a model written out again: a
member that we do not know cannot break the hash. Only 1.1, which hashes named fields, looks at the parsed content.
"""

import base64
import hashlib
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import (
    InvalidContract,
    SignatureContractContentHashMismatch,
    UnknownHashAlgorithmHash,
    UrlPathContentHashMismatch,
    quoted,
)
from gateway.fsc.contract import ContractContent, ParsedContract
from gateway.fsc.grants import (
    ConnectionGrant,
    DelegatedService,
    DomainNameIdentification,
    Grant,
    PublicationGrant,
)
from gateway.fsc.jcs import JsonObject, canonicalise
from gateway.fsc.names import (
    CONTENT_HASH_TYPE,
    HASH_ALGORITHM_NUMBER,
    ContentHash,
    GrantHash,
    hash_algorithm,
)
from gateway.fsc.profile import HashProfile, describe_profiles, not_allowed, profiles_for
from gateway.fsc.uuid7 import parse_uuid

_SERVICE_TYPE = 1
_DELEGATED_SERVICE_TYPE = 2


@dataclass(frozen=True, slots=True)
class ContractHashes:
    """The hashes of one contract by one profile; grant hashes in the order of the grants."""

    profile: HashProfile
    content_hash: ContentHash
    grant_hashes: tuple[GrantHash, ...]


def compute_hashes(parsed: ParsedContract, profile: HashProfile) -> ContractHashes:
    """Hash a contract by one profile.

    Raises: InvalidContract when the profile has no form for this contract.
    """
    if profile is HashProfile.FSC_1_1:
        return _hash_fields(parsed)
    digest = _digest(canonicalise(parsed.raw))
    content_hash = ContentHash(_encode(CONTENT_HASH_TYPE, digest))
    prefix = digest if profile is HashProfile.FSC_2_0_RAWBYTES else content_hash.encode()
    grant_hashes = tuple(
        GrantHash(_encode(grant.kind.hash_type, _digest(prefix + canonicalise(data))))
        for grant, data in zip(parsed.content.grants, _raw_grants(parsed.raw), strict=True)
    )
    return ContractHashes(profile, content_hash, grant_hashes)


def compute_all(parsed: ParsedContract, profiles: Sequence[HashProfile]) -> tuple[ContractHashes, ...]:
    """Hash a contract by every allowed profile that it can be of, in the order of `profiles`.

    Raises: InvalidContract for an `iv` that is no UUID, which 1.1 cannot hash.
    """
    possible = profiles_for(parsed.content.fsc_version, profiles)
    if any(is_by_domain_name(grant) for grant in parsed.content.grants):
        possible = tuple(profile for profile in possible if profile is not HashProfile.FSC_1_1)
    return tuple(compute_hashes(parsed, profile) for profile in possible)


def signed_under(hashes: Iterable[ContractHashes], profile: HashProfile) -> tuple[ContractHashes, ...]:
    """The hashes with those of the profile that the contract is signed under first; the others are its aliases."""
    return tuple(sorted(hashes, key=lambda one: one.profile is not profile))


def grant_aliases(hashes: Iterable[ContractHashes]) -> tuple[frozenset[GrantHash], ...]:
    """Every hash by which a Peer may name each grant, in the order of the grants."""
    by_grant = zip(*(one.grant_hashes for one in hashes), strict=True)
    return tuple(frozenset(aliases) for aliases in by_grant)


def match_profile(hashes: Sequence[ContractHashes], content_hash: str) -> ContractHashes:
    """Find the profile by which a signer made `content_hash`.

    Raises: UnknownHashAlgorithmHash; SignatureContractContentHashMismatch, telling what each profile computed.
    """
    _check_algorithm(content_hash)
    for one in hashes:
        if one.content_hash == content_hash:
            return one
    raise SignatureContractContentHashMismatch(
        f"the signature is over contract_content_hash {quoted(content_hash, 100)}; {_told(hashes)}",
        given=content_hash,
    )


def check_path_hash(hashes: Sequence[ContractHashes], path_hash: str) -> None:
    """Check that the hash in the path of a request is the hash of the content in its body.

    Raises: UnknownHashAlgorithmHash; UrlPathContentHashMismatch, telling what each profile computed.
    """
    _check_algorithm(path_hash)
    if all(one.content_hash != path_hash for one in hashes):
        raise UrlPathContentHashMismatch(
            f"the path has content hash {quoted(path_hash, 100)}; {_told(hashes)}", given=path_hash
        )


def explain_mismatch(parsed: ParsedContract, content_hash: str, allowed: Sequence[HashProfile]) -> str:
    """What to do about a content hash that no allowed profile gives: told when a profile that is not allowed does."""
    others = compute_all(parsed, not_allowed(parsed.content.fsc_version, allowed))
    for one in others:
        if one.content_hash == content_hash:
            return (
                f"it is the hash by profile {one.profile}, which this Group does not allow: allow it in "
                f"group.hash_profiles here, or hash by {describe_profiles(allowed)}"
            )
    return f"this Group allows {describe_profiles(allowed)}; compare the content with what was hashed, member by member"


def _check_algorithm(text: str) -> None:
    try:
        number = hash_algorithm(text)
    except ValueError:
        return  # malformed: equal to nothing, which the comparison reports
    if number != HASH_ALGORITHM_NUMBER:
        raise UnknownHashAlgorithmHash(f"hash algorithm {number} is unknown; use 1 (SHA3-512)")


def _told(hashes: Sequence[ContractHashes]) -> str:
    computed = ", ".join(f"{one.content_hash} (profile {one.profile})" for one in hashes)
    return f"the content in the request hashes to {computed or 'nothing: no allowed profile has its fsc_version'}"


def _hash_fields(parsed: ParsedContract) -> ContractHashes:
    content = parsed.content
    scope = content.group_id.encode() + _iv(content)
    raw_grants = _raw_grants(parsed.raw)
    grant_hashes = tuple(
        GrantHash(_encode(grant.kind.hash_type, _digest(scope + _grant_fields(grant, data))))
        for grant, data in zip(content.grants, raw_grants, strict=True)
    )
    instants = struct.pack("<qqq", content.not_before, content.not_after, content.created_at)
    listed = b"".join(sorted(grant_hash.encode() for grant_hash in grant_hashes))
    content_hash = ContentHash(_encode(CONTENT_HASH_TYPE, _digest(scope + instants + listed)))
    return ContractHashes(HashProfile.FSC_1_1, content_hash, grant_hashes)


def _grant_fields(grant: Grant, data: JsonObject) -> bytes:
    fields = [_int32(grant.kind.type_number)]
    if isinstance(grant, ConnectionGrant):
        fields += _connection_fields(grant)
    elif isinstance(grant, PublicationGrant):
        fields += [grant.directory_peer_id.encode(), grant.service_peer_id.encode(), grant.service_name.encode()]
        fields.append(grant.service.protocol.encode())
    if grant.delegator_peer_id is not None:
        fields.append(grant.delegator_peer_id.encode())
    if "properties" in data:
        fields.append(_digest(canonicalise(data["properties"])))
    return b"".join(fields)


def _connection_fields(grant: ConnectionGrant) -> list[bytes]:
    identification = grant.outway_identification
    if isinstance(identification, DomainNameIdentification):
        raise InvalidContract(f"hash profile {HashProfile.FSC_1_1} has no form for an Outway identified by domain name")
    delegated = isinstance(grant.service, DelegatedService)
    fields = [
        grant.outway_peer_id.encode(),
        identification.public_key_thumbprint.encode(),
        _int32(_DELEGATED_SERVICE_TYPE if delegated else _SERVICE_TYPE),
        grant.service_peer_id.encode(),
        grant.service_name.encode(),
    ]
    if grant.service_delegator_peer_id is not None:
        fields.append(grant.service_delegator_peer_id.encode())
    return fields


def is_by_domain_name(grant: Grant) -> bool:
    """Whether the grant has a form that came with 2.0: an Outway that is recognised by its name."""
    return isinstance(grant, ConnectionGrant) and isinstance(grant.outway_identification, DomainNameIdentification)


def _iv(content: ContractContent) -> bytes:
    try:
        return parse_uuid(content.iv).bytes
    except ValueError as error:
        raise InvalidContract(f"/iv {error}") from error


def _raw_grants(raw: JsonObject) -> list[JsonObject]:
    return [item["data"] for item in raw["grants"]]


def _int32(number: int) -> bytes:
    return struct.pack("<i", number)


def _digest(data: bytes) -> bytes:
    return hashlib.sha3_512(data).digest()


def _encode(hash_type: int, digest: bytes) -> str:
    return f"${HASH_ALGORITHM_NUMBER}${hash_type}${base64.urlsafe_b64encode(digest).decode().rstrip('=')}"
