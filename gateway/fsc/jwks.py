"""The key set of a Peer: written from its certificates, and searched for the certificate that a JWS names.

Standard: FSC Core, Manager / Providing X.509 certificates; RFC 7517 sections 4 and 5; schema `jwks` of `manager.yaml`.

`manager.yaml` spells the SHA-256 thumbprint `x5t#s256`, RFC 7517 `x5t#S256`: both are written. Neither is read: the
thumbprint is computed from the certificate itself, so a key set cannot pass one certificate off as another.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Iterator, Sequence

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.thumbprint import CertificateThumbprint, certificate_thumbprint
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import algorithm_for, encode_base64url

MAX_KEYS = 200
MAX_CHAIN = 10
MAX_CERTIFICATE_LENGTH = 32_768

_CURVE_NAMES = {"secp256r1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def build_jwks(chains: Iterable[Sequence[x509.Certificate]]) -> JsonObject:
    """Write the key set of a Peer, one key for each different certificate, in the order given.

    Raises: UnusableKey for a certificate that can sign nothing in FSC.
    """
    by_thumbprint: dict[CertificateThumbprint, Sequence[x509.Certificate]] = {}
    for chain in chains:
        by_thumbprint.setdefault(certificate_thumbprint(chain[0]), chain)
    return {"keys": [jwk_of(chain) for chain in by_thumbprint.values()]}


def jwk_of(chain: Sequence[x509.Certificate]) -> JsonObject:
    """Write the key of one certificate.

    Shape: `chain` is leaf first; its root, if there, is left out.
    Raises: UnusableKey.
    """
    leaf = chain[0]
    thumbprint = certificate_thumbprint(leaf)
    key = leaf.public_key()
    algorithm = algorithm_for(key)
    served = [leaf, *(certificate for certificate in chain[1:] if certificate.issuer != certificate.subject)]
    return {
        **_key_members(key),
        "use": "sig",
        "alg": algorithm.name,
        "kid": thumbprint,
        "x5c": [base64.b64encode(certificate.public_bytes(Encoding.DER)).decode() for certificate in served],
        "x5t": encode_base64url(hashlib.sha1(leaf.public_bytes(Encoding.DER), usedforsecurity=False).digest()),
        "x5t#S256": thumbprint,
        "x5t#s256": thumbprint,
    }


def find_chain(jwks: JsonObject, thumbprint: CertificateThumbprint) -> tuple[x509.Certificate, ...] | None:
    """Find the certificate with this thumbprint in a key set of a Peer, with its chain, leaf first.

    Whatever is not a key with certificates is passed over; at most MAX_KEYS keys are looked at.
    Does **not** verify anything: the chain is as trustworthy as whoever sent it.
    """
    for chain in _encoded_chains(jwks):
        leaf = _decode_certificate(chain[0])
        if leaf is not None and certificate_thumbprint(leaf) == thumbprint:
            return _decode_chain(leaf, chain)
    return None


def published_chains(jwks: JsonObject) -> Iterator[tuple[x509.Certificate, ...]]:
    """Every chain in a key set of a Peer, leaf first, under the same limits. Does **not** verify anything."""
    for chain in _encoded_chains(jwks):
        leaf = _decode_certificate(chain[0])
        if leaf is not None:
            yield _decode_chain(leaf, chain)


def _decode_chain(leaf: x509.Certificate, encoded: list[object]) -> tuple[x509.Certificate, ...]:
    issuers = [_decode_certificate(one) for one in encoded[1:MAX_CHAIN]]
    return (leaf, *(issuer for issuer in issuers if issuer is not None))


def _encoded_chains(jwks: JsonObject) -> Iterator[list[object]]:
    keys = jwks.get("keys")
    for key in keys[:MAX_KEYS] if isinstance(keys, list) else ():
        chain = key.get("x5c") if isinstance(key, dict) else None
        if isinstance(chain, list) and chain:
            yield chain


def _decode_certificate(encoded: object) -> x509.Certificate | None:
    if not isinstance(encoded, str) or len(encoded) > MAX_CERTIFICATE_LENGTH:
        return None
    try:
        return x509.load_der_x509_certificate(base64.b64decode(encoded, validate=True))
    except (binascii.Error, ValueError):
        return None


def _key_members(key: object) -> JsonObject:
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        return {"kty": "RSA", "n": _unsigned(numbers.n), "e": _unsigned(numbers.e)}
    if isinstance(key, ec.EllipticCurvePublicKey):
        point = key.public_numbers()
        size = (key.curve.key_size + 7) // 8
        return {
            "kty": "EC",
            "crv": _CURVE_NAMES[key.curve.name],
            "x": encode_base64url(point.x.to_bytes(size, "big")),
            "y": encode_base64url(point.y.to_bytes(size, "big")),
        }
    return {}


def _unsigned(number: int) -> str:
    return encode_base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))
