"""Signatures made by hand: right ones with something changed, and the code with which each must be refused."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import TypeAlias

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWS

from certs.custody import KeyPair
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import encode_base64url
from tests.gateway.harness import (
    ForeignPeer,
    authority,
    content_hash_of,
    key_pair,
)
from tests.hostile.stage import now, sign

Forge: TypeAlias = Callable[[ForeignPeer, JsonObject], str]

FAILED = (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
ALGORITHM = (422, "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE")
WRONG_PEER = (422, "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH")
WRONG_HASH = (422, "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH")
UNKNOWN_HASH = (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")


def encode(value: object) -> str:
    """One part of a JWS."""
    return encode_base64url(json.dumps(value).encode())


def payload_of(content: JsonObject, **changes: object) -> JsonObject:
    """What is signed, as it should be but for `changes`."""
    return {"contract_content_hash": content_hash_of(content), "type": "accept", "signed_at": now(), **changes}


def header_of(pair: KeyPair, **changes: object) -> JsonObject:
    """The header, as it should be but for `changes`; None removes a member."""
    header = {"alg": "ES256", "x5t#S256": pair.thumbprint, **changes}
    return {name: value for name, value in header.items() if value is not None}


def jws(header: object, payload: object, pair: KeyPair, algorithm: str = "ES256") -> str:
    """A JWS that is truly signed with the key of `pair`, whatever is in it."""
    text = f"{encode(header)}.{encode(payload)}"
    return f"{text}.{encode_base64url(PyJWS().get_algorithm_by_name(algorithm).sign(text.encode(), pair.private_key))}"


def with_header(**changes: object) -> Forge:
    """Truly signed, under a header with `changes`."""
    return lambda peer, content: jws(header_of(peer.pair, **changes), payload_of(content), peer.pair)


def with_payload(**changes: object) -> Forge:
    """Truly signed, with `changes` in what is said."""
    return lambda peer, content: jws(header_of(peer.pair), payload_of(content, **changes), peer.pair)


def with_secret(algorithm: str, encoding: Encoding, format_: PublicFormat) -> Forge:
    """Signed with the public key as a shared secret: what a library that trusts `alg` takes for good."""

    def forge(peer: ForeignPeer, content: JsonObject) -> str:
        secret = peer.pair.certificate.public_key().public_bytes(encoding, format_)
        text = f"{encode(header_of(peer.pair, alg=algorithm))}.{encode(payload_of(content))}"
        return f"{text}.{encode_base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    return forge


def with_certificate_as_secret(peer: ForeignPeer, content: JsonObject) -> str:
    secret = peer.pair.certificate.public_bytes(Encoding.PEM)
    text = f"{encode(header_of(peer.pair, alg='HS256'))}.{encode(payload_of(content))}"
    return f"{text}.{encode_base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"


def without_signature(algorithm: str) -> Forge:
    return lambda peer, content: f"{encode(header_of(peer.pair, alg=algorithm))}.{encode(payload_of(content))}."


def changed(change: Callable[[str], str]) -> Forge:
    """A right signature, and then `change` to its text."""
    return lambda peer, content: change(sign(peer, content))


def zero_signature(peer: ForeignPeer, content: JsonObject) -> str:
    """r = s = 0: what some verifiers of ECDSA took for good."""
    return sign(peer, content).rpartition(".")[0] + "." + encode_base64url(bytes(64))


def der_signature(peer: ForeignPeer, content: JsonObject) -> str:
    """The ASN.1 form of a right signature, which JWS does not have."""
    text = sign(peer, content).rpartition(".")[0]
    assert isinstance(peer.pair.private_key, ec.EllipticCurvePrivateKey)
    return f"{text}.{encode_base64url(peer.pair.private_key.sign(text.encode(), ec.ECDSA(hashes.SHA256())))}"


def _part(text: str, index: int, change: Callable[[str], str]) -> str:
    parts = text.split(".")
    parts[index] = change(parts[index])
    return ".".join(parts)


FORGERIES: dict[str, tuple[Forge, tuple[int, str]]] = {
    # algorithms
    "alg none, unsigned": (without_signature("none"), ALGORITHM),
    "alg NONE, unsigned": (without_signature("NONE"), ALGORITHM),
    "alg empty, unsigned": (without_signature(""), ALGORITHM),
    "alg none, signed": (with_header(alg="none"), ALGORITHM),
    "alg absent": (with_header(alg=None), FAILED),
    "alg a number": (with_header(alg=256), FAILED),
    "alg a list": (with_header(alg=["ES256"]), FAILED),
    "alg in lower case": (with_header(alg="es256"), ALGORITHM),
    "HS256, public key in PEM": (with_secret("HS256", Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), ALGORITHM),
    "HS256, public key in DER": (with_secret("HS256", Encoding.DER, PublicFormat.SubjectPublicKeyInfo), ALGORITHM),
    "HS256, certificate": (with_certificate_as_secret, ALGORITHM),
    "PS256": (with_header(alg="PS256"), ALGORITHM),
    "EdDSA": (with_header(alg="EdDSA"), ALGORITHM),
    "ES256K": (with_header(alg="ES256K"), ALGORITHM),
    "a long name": (with_header(alg="E" * 4_000), ALGORITHM),
    "RS256 for a curve": (with_header(alg="RS256"), FAILED),
    "ES512 for another curve": (with_header(alg="ES512"), FAILED),
    "RS256 name, public key as secret": (
        with_secret("RS256", Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        FAILED,
    ),
    # headers that point elsewhere or ask for more
    "crit": (with_header(crit=["exp"]), FAILED),
    "crit empty": (with_header(crit=[]), FAILED),
    "b64 with crit": (with_header(b64=False, crit=["b64"]), FAILED),
    # certificates
    "no thumbprint": (with_header(**{"x5t#S256": None}), FAILED),
    "unknown thumbprint": (with_header(**{"x5t#S256": encode_base64url(b"x" * 32)}), FAILED),
    "malformed thumbprint": (with_header(**{"x5t#S256": "../../etc/passwd"}), FAILED),
    "a thumbprint of a number": (with_header(**{"x5t#S256": 5}), FAILED),
    "thumbprint of its issuer": (
        lambda peer, content: jws(header_of(authority().intermediate), payload_of(content), authority().intermediate),
        FAILED,
    ),
    "another key": (
        lambda peer, content: jws(header_of(peer.pair), payload_of(content), key_pair(peer.peer_id)),
        FAILED,
    ),
    # payload
    "another contract": (with_payload(contract_content_hash="$1$1$" + "A" * 86), WRONG_HASH),
    "another hash algorithm": (with_payload(contract_content_hash="$9$1$" + "A" * 86), UNKNOWN_HASH),
    "not a hash": (with_payload(contract_content_hash="hash"), WRONG_HASH),
    "no hash": (with_payload(contract_content_hash=None), FAILED),
    "a hash of a megabyte": (with_payload(contract_content_hash="$1$1$" + "A" * 1_000_000), FAILED),
    "type reject": (with_payload(type="reject"), FAILED),
    "type revoke": (with_payload(type="revoke"), FAILED),
    "type unknown": (with_payload(type="agree"), FAILED),
    "type a list": (with_payload(type=["accept"]), FAILED),
    "signed_at a text": (with_payload(signed_at="now"), FAILED),
    "signed_at a truth value": (with_payload(signed_at=True), FAILED),
    "signed_at before time": (with_payload(signed_at=-1), FAILED),
    "signed_at a decimal": (with_payload(signed_at=1.5), FAILED),
    "payload a list": (lambda peer, content: jws(header_of(peer.pair), [payload_of(content)], peer.pair), FAILED),
    "header a text": (lambda peer, content: jws("ES256", payload_of(content), peer.pair), FAILED),
    # the text itself
    "empty": (changed(lambda text: ""), FAILED),
    "one part": (changed(lambda text: text.partition(".")[0]), FAILED),
    "two parts": (changed(lambda text: text.rpartition(".")[0]), FAILED),
    "four parts": (changed(lambda text: text + ".x"), FAILED),
    "a dot at the end": (changed(lambda text: text + "."), FAILED),
    "five empty parts": (changed(lambda text: "...."), FAILED),
    "dots alone": (changed(lambda text: ".."), FAILED),
    "dots for ever": (changed(lambda text: "." * 1_000_000), FAILED),
    "without its last character": (changed(lambda text: text[:-1]), FAILED),
    "without its last ten": (changed(lambda text: text[:-10]), FAILED),
    "with padding": (changed(lambda text: text + "=="), FAILED),
    "with a space before": (changed(lambda text: " " + text), FAILED),
    "with a newline after": (changed(lambda text: text + "\n"), FAILED),
    "with a newline within": (changed(lambda text: _part(text, 1, lambda part: part[:9] + "\n" + part[9:])), FAILED),
    "in standard base64": (
        changed(lambda text: _part(text, 2, lambda part: base64.b64encode(bytes(range(190, 254))).decode())),
        FAILED,
    ),
    "beyond ASCII": (changed(lambda text: text + "é"), FAILED),
    "with a NUL": (changed(lambda text: text + "\0"), FAILED),
    "with a letter changed": (
        changed(lambda text: _part(text, 2, lambda part: ("B" if part[0] == "A" else "A") + part[1:])),
        FAILED,
    ),
    "with a large header": (with_header(padding="x" * 1_000_000), FAILED),
    "a deep header": (
        changed(lambda text: _part(text, 0, lambda _: encode_base64url(b'{"a":' * 9_000 + b"1" + b"}" * 9_000))),
        FAILED,
    ),
    "a header with a name twice": (
        changed(lambda text: _part(text, 0, lambda _: encode_base64url(b'{"alg":"ES256","alg":"none"}'))),
        FAILED,
    ),
    "r and s of zero": (zero_signature, FAILED),
    "in DER": (der_signature, FAILED),
}
