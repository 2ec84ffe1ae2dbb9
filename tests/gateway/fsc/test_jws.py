"""Signed texts."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, HashAlgorithm
from hypothesis import given
from hypothesis import strategies as st

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.jws import (
    Algorithm,
    CompactJws,
    MalformedJws,
    PrivateKey,
    UnknownAlgorithm,
    UnusableKey,
    WrongSignature,
    algorithm_for,
    check_signature,
    parse_compact,
    sign_compact,
)
from tests.gateway.fsc.samples import ec_key, rsa_key

THUMBPRINT = CertificateThumbprint("DpAyDYakmVAQ4oOJC3UYLRk_ONRCqMj00TeGJemMiLA")
PAYLOAD = {"type": "accept", "signed_at": 1672527600}

KEYS: dict[Algorithm, PrivateKey] = {
    Algorithm.RS256: rsa_key(),
    Algorithm.RS384: rsa_key(),
    Algorithm.RS512: rsa_key(),
    Algorithm.ES256: ec_key(),
    Algorithm.ES384: ec_key(ec.SECP384R1),
    Algorithm.ES512: ec_key(ec.SECP521R1),
}


def part(value: bytes | dict[str, Any]) -> str:
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(header: dict[str, Any], payload: dict[str, Any] | bytes = b"{}") -> str:
    return f"{part(header)}.{part(payload)}.{part(b'signature')}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "three base64url parts"),
        ("a.b", "three base64url parts"),
        ("a.b.c.d", "three base64url parts"),
        ("é.b.c", "three base64url parts"),
        ("a.b.c", "header that is not base64url"),
        ("e30=.e30.e30", "header that is not base64url"),
        ("e+0.e30.e30", "header that is not base64url"),
        (f"{part(b'[]')}.e30.e30", "header that cannot be read"),
        (f"{part(b'x')}.e30.e30", "header that cannot be read"),
        (f"{part({'alg': 'ES256'})}.{part(b'[1]')}.e30", "payload that cannot be read"),
        (part(b'{"alg":"ES256","alg":"none"}') + ".e30.e30", "twice"),
        (unsigned({}), "has no alg"),
        (unsigned({"alg": 1}), "has no alg"),
        (unsigned({"alg": "ES256"}), "has no x5t#S256"),
        (unsigned({"alg": "ES256", "x5t#S256": 1}), "has no x5t#S256"),
        (unsigned({"alg": "ES256", "x5t#S256": "short"}), "malformed x5t#S256"),
        (unsigned({"alg": "ES256", "x5t#S256": THUMBPRINT, "crit": ["b64"], "b64": False}), "has a crit header"),
        (f"{part({'alg': 'ES256', 'x5t#S256': THUMBPRINT})}.e30.e31", "signature that is not base64url"),
    ],
)
def test_what_is_no_jws_of_fsc_is_refused(text: str, problem: str) -> None:
    with pytest.raises(MalformedJws, match=problem):
        parse_compact(text)


@pytest.mark.parametrize("name", ["none", "None", "HS256", "HS512", "PS256", "EdDSA", "ES256K", "rs256", "digest", ""])
def test_no_other_algorithm_is_known(name: str) -> None:
    with pytest.raises(UnknownAlgorithm, match="allowed are RS256, RS384, RS512, ES256, ES384, ES512"):
        parse_compact(unsigned({"alg": name, "x5t#S256": THUMBPRINT}))


@pytest.mark.parametrize(
    "spelling", [THUMBPRINT + "=", THUMBPRINT.replace("_", "/"), THUMBPRINT.replace("_", "/") + "="]
)
def test_a_thumbprint_is_read_in_every_spelling_in_use(spelling: str) -> None:
    assert parse_compact(unsigned({"alg": "ES256", "x5t#S256": spelling})).thumbprint == THUMBPRINT


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_what_is_signed_verifies(algorithm: Algorithm) -> None:
    key = KEYS[algorithm]
    jws = parse_compact(sign_compact(PAYLOAD, key, THUMBPRINT, algorithm=algorithm))
    assert (jws.algorithm, jws.thumbprint, jws.payload) == (algorithm, THUMBPRINT, PAYLOAD)
    check_signature(jws, key.public_key())


def signed_otherwise(algorithm: Algorithm, key: PrivateKey, data: bytes) -> bytes:
    """The signature by RFC 7518, made without the library that the code under test leaves it to."""
    digests: dict[str, HashAlgorithm] = {"256": SHA256(), "384": SHA384(), "512": SHA512()}
    digest = digests[algorithm.name[2:]]
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), digest)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    size = (key.key_size + 7) // 8
    return b"".join(number.to_bytes(size, "big") for number in decode_dss_signature(key.sign(data, ec.ECDSA(digest))))


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_another_implementation_agrees(algorithm: Algorithm) -> None:
    key: Any = KEYS[algorithm]
    ours = sign_compact(PAYLOAD, key, THUMBPRINT, algorithm=algorithm, type_name="JWT")
    assert jwt.decode(ours, key.public_key(), algorithms=[algorithm.name]) == PAYLOAD
    assert jwt.get_unverified_header(ours) == {"alg": algorithm.name, "x5t#S256": THUMBPRINT, "typ": "JWT"}
    text = f"{part({'alg': algorithm.name, 'x5t#S256': THUMBPRINT})}.{part(PAYLOAD)}"
    theirs = f"{text}.{part(signed_otherwise(algorithm, key, text.encode()))}"
    check_signature(parse_compact(theirs), key.public_key())


def test_the_example_of_the_standard_verifies() -> None:
    """RFC 7515 appendix A.3; its header has no thumbprint, so only the signature is looked at."""
    signing_input = (
        b"eyJhbGciOiJFUzI1NiJ9."
        b"eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    )
    x, y, signature = (
        urlsafe_b64decode(f"{text}==")
        for text in (
            "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
        )
    )
    numbers = ec.EllipticCurvePublicNumbers(int.from_bytes(x, "big"), int.from_bytes(y, "big"), ec.SECP256R1())
    jws = CompactJws(Algorithm.ES256, THUMBPRINT, {}, signing_input, signature)
    check_signature(jws, numbers.public_key())
    with pytest.raises(WrongSignature):
        check_signature(replace(jws, signing_input=signing_input + b"A"), numbers.public_key())


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_a_key_verifies_only_what_fits_it(algorithm: Algorithm) -> None:
    jws = parse_compact(sign_compact(PAYLOAD, KEYS[algorithm], THUMBPRINT, algorithm=algorithm))
    for other, key in KEYS.items():
        if key is not KEYS[algorithm]:
            with pytest.raises(UnusableKey, match="does not fit"):
                check_signature(jws, key.public_key())
            with pytest.raises(UnusableKey, match="does not fit"):
                sign_compact(PAYLOAD, key, THUMBPRINT, algorithm=algorithm)
        elif other is not algorithm:
            relabelled = f"{part({'alg': other.name, 'x5t#S256': THUMBPRINT})}.{part(PAYLOAD)}.{part(jws.signature)}"
            with pytest.raises(WrongSignature):
                check_signature(parse_compact(relabelled), key.public_key())


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_another_key_of_the_same_kind_does_not_verify(algorithm: Algorithm) -> None:
    jws = parse_compact(sign_compact(PAYLOAD, KEYS[algorithm], THUMBPRINT, algorithm=algorithm))
    other = rsa_key(3072) if algorithm.curve is None else ec_key(algorithm.curve, 1)
    with pytest.raises(WrongSignature):
        check_signature(jws, other.public_key())


def test_a_weak_rsa_key_neither_signs_nor_verifies() -> None:
    weak = rsa_key(1024)
    with pytest.raises(UnusableKey, match="1024 bits; at least 2048"):
        sign_compact(PAYLOAD, weak, THUMBPRINT)
    head = f"{part({'alg': 'RS256', 'x5t#S256': THUMBPRINT})}.{part(PAYLOAD)}"
    theirs = f"{head}.{part(weak.sign(head.encode(), padding.PKCS1v15(), SHA256()))}"
    with pytest.raises(UnusableKey, match="1024 bits"):
        check_signature(parse_compact(theirs), weak.public_key())


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate(), ec.generate_private_key(ec.SECP256K1())])
def test_a_key_of_another_kind_is_refused(key: PrivateKey) -> None:
    with pytest.raises(UnusableKey, match="neither RSA nor on one of the curves"):
        sign_compact(PAYLOAD, key, THUMBPRINT)
    jws = parse_compact(sign_compact(PAYLOAD, ec_key(), THUMBPRINT))
    with pytest.raises(UnusableKey, match="neither RSA nor on one of the curves"):
        check_signature(jws, key.public_key())


@pytest.mark.parametrize("signature", [b"", b"\x00" * 63, b"\x00" * 64, b"\xff" * 64, b"\x00" * 65])
def test_a_signature_of_another_form_is_wrong_not_a_crash(signature: bytes) -> None:
    head = sign_compact(PAYLOAD, ec_key(), THUMBPRINT).rpartition(".")[0]
    with pytest.raises(WrongSignature):
        check_signature(parse_compact(f"{head}.{part(signature)}"), ec_key().public_key())


def test_the_algorithm_follows_from_the_key() -> None:
    assert algorithm_for(rsa_key().public_key()) is Algorithm.RS512
    for algorithm in (Algorithm.ES256, Algorithm.ES384, Algorithm.ES512):
        assert algorithm_for(KEYS[algorithm].public_key()) is algorithm


_SIGNED = sign_compact(PAYLOAD, ec_key(), THUMBPRINT)


@given(st.integers(0, len(_SIGNED) - 1), st.characters(codec="ascii"))
def test_no_character_can_be_changed(place: int, character: str) -> None:
    changed = _SIGNED[:place] + character + _SIGNED[place + 1 :]
    if changed == _SIGNED:
        check_signature(parse_compact(changed), ec_key().public_key())
        return
    with pytest.raises((MalformedJws, WrongSignature, UnusableKey)):
        check_signature(parse_compact(changed), ec_key().public_key())


@given(
    st.text(max_size=80)
    | st.from_regex(r"[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,40}\.[A-Za-z0-9_-]{0,9}", fullmatch=True)
)
def test_no_text_makes_the_parser_fail_otherwise(text: str) -> None:
    with pytest.raises(MalformedJws):
        parse_compact(text)


def test_a_jws_is_not_shown() -> None:
    assert "accept" not in repr(parse_compact(_SIGNED))
