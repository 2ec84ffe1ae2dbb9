"""The key set of a Peer."""

import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from certs.thumbprint import CertificateThumbprint, certificate_thumbprint
from gateway.fsc.jwks import MAX_KEYS, build_jwks, find_chain, jwk_of, published_chains
from gateway.fsc.jws import UnusableKey
from tests.gateway.fsc.samples import SigningKey, certificate, ec_key, rsa_key

LEAF = certificate(ec_key(), issuer="intermediate")
INTERMEDIATE = certificate(ec_key(number=1), issuer="root")
ROOT = certificate(ec_key(number=2))
CHAIN = (LEAF, INTERMEDIATE, ROOT)
THUMBPRINT = certificate_thumbprint(LEAF)


def encoded(index: int) -> str:
    return base64.b64encode(CHAIN[index].public_bytes(Encoding.DER)).decode()


@pytest.mark.parametrize(
    ("key", "members"),
    [
        (rsa_key(), {"kty": "RSA", "alg": "RS512", "e": "AQAB"}),
        (ec_key(), {"kty": "EC", "alg": "ES256", "crv": "P-256"}),
        (ec_key(ec.SECP384R1), {"kty": "EC", "alg": "ES384", "crv": "P-384"}),
        (ec_key(ec.SECP521R1), {"kty": "EC", "alg": "ES512", "crv": "P-521"}),
    ],
)
def test_a_key_is_the_key_of_its_certificate(key: SigningKey, members: dict[str, str]) -> None:
    leaf = certificate(key)
    written = jwk_of([leaf])
    assert members.items() <= written.items()
    assert jwt.PyJWK(json.loads(json.dumps(written))).key == key.public_key()
    thumbprint = certificate_thumbprint(leaf)
    assert written["kid"] == written["x5t#S256"] == written["x5t#s256"] == thumbprint
    assert base64.urlsafe_b64decode(written["x5t"] + "=") == leaf.fingerprint(SHA1())
    assert written["use"] == "sig"


def test_coordinates_have_the_full_size_of_the_curve() -> None:
    for curve, length in ((ec.SECP256R1, 43), (ec.SECP384R1, 64), (ec.SECP521R1, 88)):
        for number in range(5):
            written = jwk_of([certificate(ec_key(curve, number))])
            assert len(written["x"]) == len(written["y"]) == length


def test_the_chain_is_served_without_its_root() -> None:
    assert jwk_of(CHAIN)["x5c"] == [encoded(0), encoded(1)]
    assert jwk_of([ROOT])["x5c"] == [encoded(2)]


def test_a_certificate_that_can_sign_nothing_is_refused() -> None:
    with pytest.raises(UnusableKey):
        jwk_of([certificate(ec.generate_private_key(ec.SECP256K1()))])


def test_each_certificate_is_listed_once_in_the_order_given() -> None:
    other = certificate(rsa_key())
    keys = build_jwks([CHAIN, (other,), CHAIN])["keys"]
    assert [key["kid"] for key in keys] == [THUMBPRINT, certificate_thumbprint(other)]


def test_a_chain_is_found_by_the_certificate_itself() -> None:
    jwks = json.loads(json.dumps(build_jwks([(certificate(rsa_key()),), CHAIN])))
    assert find_chain(jwks, THUMBPRINT) == (LEAF, INTERMEDIATE)
    assert find_chain(jwks, certificate_thumbprint(INTERMEDIATE)) is None


def test_every_chain_that_can_be_read_is_listed() -> None:
    jwks = build_jwks([CHAIN, (ROOT,)])
    assert list(published_chains(jwks)) == [(LEAF, INTERMEDIATE), (ROOT,)]
    junk: list[Any] = [None, {"x5c": ["AAAA"]}, {"x5c": []}, 7]
    assert list(published_chains({"keys": [*junk, *jwks["keys"]]})) == [(LEAF, INTERMEDIATE), (ROOT,)]
    assert len(list(published_chains({"keys": jwks["keys"] * MAX_KEYS}))) == MAX_KEYS


def test_what_the_key_set_says_of_a_certificate_is_not_believed() -> None:
    claimed = CertificateThumbprint("A" * 43)
    jwks = {"keys": [{"kid": claimed, "x5t#S256": claimed, "x5t#s256": claimed, "x5c": [encoded(0)]}]}
    assert find_chain(jwks, claimed) is None
    assert find_chain(jwks, THUMBPRINT) == (LEAF,)


@pytest.mark.parametrize(
    "junk",
    [
        None,
        1,
        "x",
        [],
        {},
        {"x5c": None},
        {"x5c": []},
        {"x5c": [None]},
        {"x5c": ["not base64!"]},
        {"x5c": ["AAAA"]},
        {"x5c": [encoded(0)[:-8]]},
        {"x5c": ["A" * 50_000]},
        {"x5c": [encoded(0) + "\n"]},
        {"x5c": ["é"]},
    ],
)
def test_junk_beside_the_key_is_passed_over(junk: Any) -> None:
    assert find_chain({"keys": [junk]}, THUMBPRINT) is None
    assert find_chain({"keys": [junk, {"x5c": [encoded(0)]}]}, THUMBPRINT) == (LEAF,)
    assert find_chain({"keys": [{"x5c": [encoded(0), junk]}]}, THUMBPRINT) == (LEAF,)


@pytest.mark.parametrize("jwks", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_what_is_no_key_set_holds_no_key(jwks: dict[str, Any]) -> None:
    assert find_chain(jwks, THUMBPRINT) is None


def test_an_endless_key_set_is_not_read_to_its_end() -> None:
    key = {"x5c": [encoded(0)]}
    assert find_chain({"keys": [{}] * (MAX_KEYS - 1) + [key]}, THUMBPRINT) == (LEAF,)
    assert find_chain({"keys": [{}] * MAX_KEYS + [key]}, THUMBPRINT) is None
    assert len(find_chain({"keys": [{"x5c": [encoded(0), *[encoded(1)] * 100]}]}, THUMBPRINT) or ()) == 10


@given(st.binary(max_size=200))
def test_no_bytes_make_the_search_fail(data: bytes) -> None:
    assert find_chain({"keys": [{"x5c": [base64.b64encode(data).decode()]}]}, THUMBPRINT) is None
