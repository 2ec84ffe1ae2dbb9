"""The signatures under a contract: accept, reject, revoke.

Standard: FSC Core, Signatures.

The order of trust: `parse_signature` gives an UnverifiedSignature; the caller finds the certificate that it names among
the keys of the signer and has `certs.trust` check its chain; `verify_signature` gives a SignaturePayload. What remains
for the caller is whether the signer is a party (`rules`), and the hash and the type (`check_payload`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from certs.identity import PeerCertificate, PeerId
from certs.thumbprint import CertificateThumbprint
from gateway.errors import (
    PeerIdSignatureMismatch,
    SignatureVerificationFailed,
    UnknownAlgorithmSignature,
    quoted,
)
from gateway.fsc.hashes import ContractHashes, match_profile
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import (
    Algorithm,
    CompactJws,
    MalformedJws,
    PrivateKey,
    UnknownAlgorithm,
    UnusableKey,
    WrongSignature,
    check_signature,
    parse_compact,
    sign_compact,
)
from gateway.fsc.members import instant_member, text_member
from gateway.fsc.names import MAX_HASH_LENGTH

MAX_SIGNATURE_LENGTH = 8192


class SignatureType(StrEnum):
    """What a Peer says with its signature."""

    ACCEPT = "accept"
    REJECT = "reject"
    REVOKE = "revoke"


@dataclass(frozen=True, slots=True)
class SignaturePayload:
    """What was signed; `contract_content_hash` is compared, never interpreted. `signed_at` is Unix seconds."""

    contract_content_hash: str
    type: SignatureType
    signed_at: int


@dataclass(frozen=True, slots=True)
class UnverifiedSignature:
    """A signature that has the right form. Nothing in it has been checked."""

    text: str = field(repr=False)
    jws: CompactJws = field(repr=False)
    payload: SignaturePayload

    @property
    def thumbprint(self) -> CertificateThumbprint:
        """Which certificate claims to have signed."""
        return self.jws.thumbprint

    @property
    def algorithm(self) -> Algorithm:
        """Which algorithm it claims to be made with."""
        return self.jws.algorithm


def parse_signature(text: str) -> UnverifiedSignature:
    """Read the JWS of a signature.

    Raises: UnknownAlgorithmSignature, SignatureVerificationFailed.
    """
    if len(text) > MAX_SIGNATURE_LENGTH:
        raise SignatureVerificationFailed(f"the signature is longer than {MAX_SIGNATURE_LENGTH} characters")
    try:
        jws = parse_compact(text)
    except UnknownAlgorithm as error:
        raise UnknownAlgorithmSignature(f"the signature {error}") from error
    except MalformedJws as error:
        raise SignatureVerificationFailed(f"the signature {error}") from error
    return UnverifiedSignature(text=text, jws=jws, payload=_parse_payload(jws.payload))


def verify_signature(unverified: UnverifiedSignature, signer: PeerCertificate) -> SignaturePayload:
    """Verify that the holder of `signer` made the signature. Whether to trust that certificate is for `certs.trust`.

    Raises: SignatureVerificationFailed.
    """
    if unverified.thumbprint != signer.thumbprint:
        raise SignatureVerificationFailed(
            f"the signature names the certificate with thumbprint {unverified.thumbprint}, not {signer.thumbprint}"
        )
    try:
        check_signature(unverified.jws, signer.certificate.public_key())
    except (UnusableKey, WrongSignature) as error:
        raise SignatureVerificationFailed(f"the signature does not verify: {error}") from error
    return unverified.payload


def check_signer(signer: PeerCertificate, peer_id: PeerId) -> None:
    """Check that the certificate that signed belongs to the Peer whose signature this should be.

    Raises: PeerIdSignatureMismatch.
    """
    if signer.peer_id != peer_id:
        raise PeerIdSignatureMismatch(
            f"peer id {quoted(peer_id)} does not match {quoted(signer.peer_id)}, the Peer that signed"
        )


def check_payload(
    payload: SignaturePayload, hashes: Sequence[ContractHashes], expected: SignatureType
) -> ContractHashes:
    """Check that a verified signature is meant for this contract and says what it must; tell by which profile.

    Raises: UnknownHashAlgorithmHash, SignatureContractContentHashMismatch, SignatureVerificationFailed.
    """
    matched = match_profile(hashes, payload.contract_content_hash)
    if payload.type is not expected:
        raise SignatureVerificationFailed(
            f"the signature has type {payload.type}; a signature of type {expected} is required here"
        )
    return matched


def sign_contract(
    payload: SignaturePayload,
    private_key: PrivateKey,
    thumbprint: CertificateThumbprint,
    algorithm: Algorithm | None = None,
) -> str:
    """Sign a contract.

    Raises: UnusableKey for a key that is too weak or does not fit the algorithm.
    """
    wire: JsonObject = {
        "contract_content_hash": payload.contract_content_hash,
        "type": payload.type.value,
        "signed_at": payload.signed_at,
    }
    return sign_compact(wire, private_key, thumbprint, algorithm=algorithm)


def _parse_payload(payload: JsonObject) -> SignaturePayload:
    try:
        return SignaturePayload(
            contract_content_hash=text_member(payload, "contract_content_hash", _parse_hash),
            type=text_member(payload, "type", _parse_type),
            signed_at=instant_member(payload, "signed_at"),
        )
    except ValueError as error:
        raise SignatureVerificationFailed(f"the payload of the signature {error}") from error


def _parse_hash(text: str) -> str:
    if not 0 < len(text) <= MAX_HASH_LENGTH:
        raise ValueError(f"must be 1 to {MAX_HASH_LENGTH} characters")
    return text


def _parse_type(text: str) -> SignatureType:
    if text not in tuple(SignatureType):
        raise ValueError(f"must be {', '.join(SignatureType)}")
    return SignatureType(text)
