"""Signatures under a contract."""

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerCertificate
from gateway.errors import (
    PeerIdSignatureMismatch,
    SignatureContractContentHashMismatch,
    SignatureVerificationFailed,
    UnknownAlgorithmSignature,
    UnknownHashAlgorithmHash,
)
from gateway.fsc.hashes import compute_all
from gateway.fsc.jws import Algorithm, UnusableKey, sign_compact
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import (
    MAX_SIGNATURE_LENGTH,
    SignaturePayload,
    SignatureType,
    check_payload,
    check_signer,
    parse_signature,
    sign_contract,
    verify_signature,
)
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, PROVIDER, SigningKey, ec_key, rsa_key

HASHES = compute_all(samples.contract(), tuple(HashProfile))
CONTENT_HASH = HASHES[0].content_hash
ACCEPT = SignaturePayload(CONTENT_HASH, SignatureType.ACCEPT, samples.NOW)
SIGNER = samples.peer(ec_key())

KEYS: dict[Algorithm, SigningKey] = {
    Algorithm.RS256: rsa_key(),
    Algorithm.RS384: rsa_key(),
    Algorithm.RS512: rsa_key(),
    Algorithm.ES256: ec_key(),
    Algorithm.ES384: ec_key(ec.SECP384R1),
    Algorithm.ES512: ec_key(ec.SECP521R1),
}
SIGNERS: dict[Algorithm, PeerCertificate] = {algorithm: samples.peer(key) for algorithm, key in KEYS.items()}


def signed(payload: SignaturePayload = ACCEPT) -> str:
    return sign_contract(payload, ec_key(), SIGNER.thumbprint)


@pytest.mark.parametrize("text", ["", "not a JWS", "a.b.c", "é" * 10, "x" * (MAX_SIGNATURE_LENGTH + 1)])
def test_what_is_no_jws_is_refused(text: str) -> None:
    with pytest.raises(SignatureVerificationFailed, match=r"the signature (is|has)"):
        parse_signature(text)


def test_an_algorithm_outside_the_six_has_a_code_of_its_own() -> None:
    none = "eyJhbGciOiJub25lIn0.e30."
    with pytest.raises(UnknownAlgorithmSignature, match="has algorithm 'none'; allowed are"):
        parse_signature(none)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"contract_content_hash": None}, "no contract_content_hash"),
        ({"contract_content_hash": ""}, "malformed contract_content_hash"),
        ({"contract_content_hash": "x" * 1025}, "malformed contract_content_hash"),
        ({"type": None}, "no type"),
        ({"type": "Accept"}, "malformed type: must be accept, reject, revoke"),
        ({"type": ""}, "malformed type"),
        ({"signed_at": None}, "no signed_at"),
        ({"signed_at": "1672527600"}, "no signed_at"),
        ({"signed_at": -1}, "no signed_at"),
        ({"signed_at": True}, "no signed_at"),
    ],
)
def test_a_payload_without_its_members_is_refused(change: dict[str, Any], problem: str) -> None:
    payload = {"contract_content_hash": CONTENT_HASH, "type": "accept", "signed_at": samples.NOW, **change}
    text = sign_compact(payload, ec_key(), SIGNER.thumbprint)
    with pytest.raises(SignatureVerificationFailed, match=f"the payload of the signature has a? ?{problem}"):
        parse_signature(text)


@pytest.mark.parametrize("algorithm", list(Algorithm))
@given(st.sampled_from(SignatureType), st.integers(0, 2**53 - 1))
def test_what_is_signed_verifies(algorithm: Algorithm, kind: SignatureType, signed_at: int) -> None:
    payload = SignaturePayload(CONTENT_HASH, kind, signed_at)
    signer = SIGNERS[algorithm]
    text = sign_contract(payload, KEYS[algorithm], signer.thumbprint, algorithm)
    unverified = parse_signature(text)
    assert (unverified.text, unverified.algorithm, unverified.thumbprint) == (text, algorithm, signer.thumbprint)
    assert verify_signature(unverified, signer) == payload


def test_the_certificate_must_be_the_one_that_the_signature_names() -> None:
    renewed_with_the_same_key = samples.peer(ec_key())
    with pytest.raises(SignatureVerificationFailed, match="names the certificate with thumbprint"):
        verify_signature(parse_signature(signed()), renewed_with_the_same_key)


def test_a_signature_by_another_key_is_refused() -> None:
    forged = sign_contract(ACCEPT, ec_key(number=1), SIGNER.thumbprint)
    with pytest.raises(SignatureVerificationFailed, match="does not verify"):
        verify_signature(parse_signature(forged), SIGNER)


def test_a_key_of_another_kind_is_refused() -> None:
    forged = sign_contract(ACCEPT, rsa_key(), SIGNER.thumbprint)
    with pytest.raises(SignatureVerificationFailed, match="does not fit RS512"):
        verify_signature(parse_signature(forged), SIGNER)


def test_we_do_not_sign_with_an_algorithm_that_does_not_fit() -> None:
    with pytest.raises(UnusableKey):
        sign_contract(ACCEPT, ec_key(), SIGNER.thumbprint, Algorithm.RS256)


def test_the_signer_must_be_the_peer_that_it_should_be() -> None:
    check_signer(SIGNER, CONSUMER)
    with pytest.raises(PeerIdSignatureMismatch, match=f"peer id '{PROVIDER}' does not match '{CONSUMER}'"):
        check_signer(SIGNER, PROVIDER)


def test_the_payload_must_be_meant_for_this_contract() -> None:
    assert check_payload(ACCEPT, HASHES, SignatureType.ACCEPT) is HASHES[0]
    other = SignaturePayload("$1$1$" + "A" * 86, SignatureType.ACCEPT, samples.NOW)
    with pytest.raises(SignatureContractContentHashMismatch, match=r"profile fsc-2\.0"):
        check_payload(other, HASHES, SignatureType.ACCEPT)
    by_another_algorithm = SignaturePayload("$9$1$AAAA", SignatureType.ACCEPT, samples.NOW)
    with pytest.raises(UnknownHashAlgorithmHash):
        check_payload(by_another_algorithm, HASHES, SignatureType.ACCEPT)


@pytest.mark.parametrize("expected", list(SignatureType))
@pytest.mark.parametrize("found", list(SignatureType))
def test_the_payload_must_have_the_type_of_the_endpoint(expected: SignatureType, found: SignatureType) -> None:
    payload = SignaturePayload(CONTENT_HASH, found, samples.NOW)
    if found is expected:
        check_payload(payload, HASHES, expected)
    else:
        with pytest.raises(SignatureVerificationFailed, match=f"type {found}; a signature of type {expected}"):
            check_payload(payload, HASHES, expected)


def test_a_signature_is_not_shown() -> None:
    assert signed().split(".")[2] not in repr(parse_signature(signed()))
