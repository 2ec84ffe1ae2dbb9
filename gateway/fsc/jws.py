"""Signed texts: JWS compact serialization with the six algorithms of FSC, and nothing else.

Standard: FSC Core, Signatures and Access token; RFC 7515 sections 3.1, 4.1 and 7.1; RFC 7518 sections 3.3 and 3.4.

The algorithm in the header only ever selects from a fixed list, and the key decides whether it may be used: an RSA key
verifies RS*, an elliptic curve verifies the one ES* that belongs to it. There is no `none`, no HS* and no PS*.
base64url is read strictly, so no two texts are the same JWS. The signatures themselves are the library's work.
"""

import base64
import binascii
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from jwt import PyJWS
from pydantic_core import to_json

from certs.thumbprint import CertificateThumbprint, normalise_certificate_thumbprint
from gateway.errors import InvalidRequest, quoted
from gateway.fsc.jcs import JsonObject, parse_json

MIN_RSA_BITS = 2048

PublicKey: TypeAlias = PublicKeyTypes
PrivateKey: TypeAlias = PrivateKeyTypes


class MalformedJws(Exception):
    """The text is not a JWS that FSC knows; the message is fit for a Peer."""


class UnknownAlgorithm(MalformedJws):
    """The text is a JWS, with an algorithm outside the six."""


class UnusableKey(Exception):
    """The key cannot make or check signatures of this kind; the message is fit for a Peer."""


class WrongSignature(Exception):
    """The signature was not made with this key over this text."""


class Algorithm(Enum):
    """The six algorithms; the curve is None for RSA."""

    RS256 = ("RS256", None)
    RS384 = ("RS384", None)
    RS512 = ("RS512", None)
    ES256 = ("ES256", ec.SECP256R1)
    ES384 = ("ES384", ec.SECP384R1)
    ES512 = ("ES512", ec.SECP521R1)

    def __init__(self, name: str, curve: type[ec.EllipticCurve] | None) -> None:
        self.curve = curve
        self.library = PyJWS().get_algorithm_by_name(name)


@dataclass(frozen=True, slots=True)
class CompactJws:
    """The parts of a JWS, believed by nobody yet."""

    algorithm: Algorithm
    thumbprint: CertificateThumbprint
    payload: JsonObject = field(repr=False)
    signing_input: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def parse_compact(text: str) -> CompactJws:
    """Take a JWS apart. The caller has limited its length.

    Raises: MalformedJws, UnknownAlgorithm.
    """
    parts = text.split(".")
    if len(parts) != 3 or not text.isascii():
        raise MalformedJws("is not a JWS in compact serialization: three base64url parts with a dot between them")
    header = _json_part(parts[0], "header")
    payload = _json_part(parts[1], "payload")
    return CompactJws(
        algorithm=_algorithm(header),
        thumbprint=_thumbprint(header),
        payload=payload,
        signing_input=f"{parts[0]}.{parts[1]}".encode(),
        signature=_decode(parts[2], "signature"),
    )


def check_signature(jws: CompactJws, key: PublicKey) -> None:
    """Check that `jws` was signed with the private half of `key`.

    Raises: UnusableKey, WrongSignature.
    """
    check_key(key, jws.algorithm)
    if not jws.algorithm.library.verify(jws.signing_input, key, jws.signature):
        raise WrongSignature("the signature does not belong to this text and this certificate")


def sign_compact(
    payload: JsonObject,
    key: PrivateKey,
    thumbprint: CertificateThumbprint,
    *,
    algorithm: Algorithm | None = None,
    type_name: str | None = None,
) -> str:
    """Make a JWS with the certificate's thumbprint in its header.

    Raises: UnusableKey.
    """
    public_key = key.public_key()
    algorithm = algorithm or algorithm_for(public_key)
    check_key(public_key, algorithm)
    signing_input = f"{_header_part(algorithm, thumbprint, type_name)}.{encode_base64url(to_json(payload))}"
    return f"{signing_input}.{encode_base64url(algorithm.library.sign(signing_input.encode(), key))}"


def algorithm_for(key: PublicKey) -> Algorithm:
    """The algorithm that we sign with: the one of the curve, RS512 for RSA.

    Raises: UnusableKey.
    """
    if isinstance(key, rsa.RSAPublicKey):
        return Algorithm.RS512
    if isinstance(key, ec.EllipticCurvePublicKey):
        for algorithm in Algorithm:
            if algorithm.curve is not None and isinstance(key.curve, algorithm.curve):
                return algorithm
    raise UnusableKey("the key is neither RSA nor on one of the curves P-256, P-384 and P-521")


def check_key(key: PublicKey, algorithm: Algorithm) -> None:
    """Check that a key fits an algorithm and is strong enough.

    Raises: UnusableKey.
    """
    if isinstance(key, rsa.RSAPublicKey):
        if algorithm.curve is not None:
            raise UnusableKey(f"the key is RSA, which does not fit {algorithm.name}")
        if key.key_size < MIN_RSA_BITS:
            raise UnusableKey(f"the RSA key has {key.key_size} bits; at least {MIN_RSA_BITS} are required")
    elif algorithm_for(key) is not algorithm:
        raise UnusableKey(f"the curve of the key does not fit {algorithm.name}")


def encode_base64url(data: bytes) -> str:
    """Spell bytes as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@lru_cache(maxsize=64)
def _header_part(algorithm: Algorithm, thumbprint: CertificateThumbprint, type_name: str | None) -> str:
    """The first part of a JWS: one certificate signs very many."""
    header = {"alg": algorithm.name, "x5t#S256": thumbprint}
    return encode_base64url(to_json(header if type_name is None else {**header, "typ": type_name}))


def _json_part(part: str, name: str) -> JsonObject:
    try:
        return parse_json(_decode(part, name))
    except InvalidRequest as error:
        raise MalformedJws(f"has a {name} that cannot be read: {error}") from error


def _decode(part: str, name: str) -> bytes:
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error as error:
        raise MalformedJws(f"has a {name} that is not base64url") from error
    # The library skips what it does not know and ignores left-over bits; the one right spelling does not.
    if encode_base64url(data) != part:
        raise MalformedJws(f"has a {name} that is not base64url without padding")
    return data


def _algorithm(header: JsonObject) -> Algorithm:
    name = header.get("alg")
    if not isinstance(name, str):
        raise MalformedJws("has no alg in its header")
    if "crit" in header:
        raise MalformedJws("has a crit header, which FSC does not use")
    try:
        return Algorithm[name]
    except KeyError as error:
        allowed = ", ".join(Algorithm.__members__)
        raise UnknownAlgorithm(f"has algorithm {quoted(name, 40)}; allowed are {allowed}") from error


def _thumbprint(header: JsonObject) -> CertificateThumbprint:
    value = header.get("x5t#S256")
    if not isinstance(value, str):
        raise MalformedJws("has no x5t#S256 in its header, the thumbprint of the certificate that signed")
    try:
        return normalise_certificate_thumbprint(value)
    except ValueError as error:
        raise MalformedJws(f"has a malformed x5t#S256: {error}") from error
