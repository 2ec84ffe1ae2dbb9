"""A certificate of the Group with its private key: what its holder signs, and how to verify what others signed.

Standard: FSC Core, Signatures, Access token and Providing X.509 certificates; RFC 7515, 7517, 8705.
"""

import base64
import hashlib
import json
import ssl
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.oid import NameOID

JsonObject: TypeAlias = dict[str, Any]

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
"""What the standard allows a Contract signature or a token to be made with."""

_BY_CURVE = {"secp256r1": ("ES256", "P-256"), "secp384r1": ("ES384", "P-384"), "secp521r1": ("ES512", "P-521")}


def base64url(data: bytes) -> str:
    """As JOSE writes bytes: without padding."""
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def thumbprint_of(certificate: x509.Certificate) -> str:
    """`x5t#S256` of a certificate."""
    return base64url(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def key_thumbprint_of(certificate: x509.Certificate) -> str:
    """The public key thumbprint by which a Contract names an Outway."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def peer_id_of(certificate: x509.Certificate) -> str:
    """The Peer ID, by the rule of a Dutch Group."""
    [attribute] = certificate.subject.get_attributes_for_oid(NameOID.SERIAL_NUMBER)
    return str(attribute.value)


@dataclass(frozen=True)
class Credential:
    """The files of one certificate; `root_file` is the Trust Anchor that its holder believes in."""

    cert_file: Path
    key_file: Path
    root_file: Path

    @cached_property
    def chain(self) -> list[x509.Certificate]:
        """Leaf first."""
        return x509.load_pem_x509_certificates(self.cert_file.read_bytes())

    @property
    def certificate(self) -> x509.Certificate:
        """The leaf."""
        return self.chain[0]

    @cached_property
    def private_key(self) -> Any:
        """The key of the leaf."""
        return load_pem_private_key(self.key_file.read_bytes(), None)

    @property
    def thumbprint(self) -> str:
        """`x5t#S256` of the certificate."""
        return thumbprint_of(self.certificate)

    @property
    def key_thumbprint(self) -> str:
        """The public key thumbprint."""
        return key_thumbprint_of(self.certificate)

    @property
    def algorithm(self) -> str:
        """What the key signs with when nothing else is asked."""
        key = self.certificate.public_key()
        return _BY_CURVE[key.curve.name][0] if isinstance(key, ec.EllipticCurvePublicKey) else "RS256"

    def sign(self, payload: JsonObject, algorithm: str | None = None) -> str:
        """A compact JWS that names this certificate."""
        headers = {"x5t#S256": self.thumbprint}
        return jwt.PyJWS().encode(json.dumps(payload).encode(), self.private_key, algorithm or self.algorithm, headers)

    def jwk(self) -> JsonObject:
        """The key as a JWKS lists it."""
        return {
            **_key_members(self.certificate.public_key()),
            "use": "sig",
            "alg": self.algorithm,
            "kid": self.thumbprint,
            "x5c": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in self.chain],
            "x5t#S256": self.thumbprint,
        }

    def context(self, *, server: bool = False) -> ssl.SSLContext:
        """Mutual TLS with this certificate: nobody gets through without one of the Group."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.cert_file, self.key_file)
        context.load_verify_locations(self.root_file)
        context.verify_mode = ssl.CERT_REQUIRED
        return context


@dataclass(frozen=True)
class Verified:
    """A JWS that was verified with a certificate of the Group."""

    header: JsonObject
    payload: JsonObject
    peer_id: str


def verify(jws: str, jwks: JsonObject, root_file: Path) -> Verified:
    """Verify a JWS with the certificate in `jwks` that its header names.

    Raises: AssertionError, or jwt.InvalidTokenError when the signature itself is wrong.
    """
    header = jwt.get_unverified_header(jws)
    assert header["alg"] in ALGORITHMS
    leaf, *issuers = _chain_of(header["x5t#S256"], jwks)
    root = x509.load_pem_x509_certificate(root_file.read_bytes())
    for issued, issuer in zip([leaf, *issuers], [*issuers, root], strict=True):
        issued.verify_directly_issued_by(issuer)
    payload = jwt.PyJWS().decode(jws, leaf.public_key(), algorithms=list(ALGORITHMS))  # type: ignore[arg-type]
    return Verified(header, json.loads(payload), peer_id_of(leaf))


def _chain_of(thumbprint: str, jwks: JsonObject) -> list[x509.Certificate]:
    for key in jwks["keys"]:
        chain = [x509.load_der_x509_certificate(base64.b64decode(one, validate=True)) for one in key["x5c"]]
        if thumbprint_of(chain[0]) == thumbprint:
            return chain
    raise AssertionError(f"the key set has no certificate with thumbprint {thumbprint}")


def _key_members(key: object) -> JsonObject:
    if isinstance(key, ec.EllipticCurvePublicKey):
        numbers, size = key.public_numbers(), (key.curve.key_size + 7) // 8
        point = {name: base64url(n.to_bytes(size, "big")) for name, n in (("x", numbers.x), ("y", numbers.y))}
        return {"kty": "EC", "crv": _BY_CURVE[key.curve.name][1], **point}
    assert isinstance(key, rsa.RSAPublicKey)
    modulus, exponent = key.public_numbers().n, key.public_numbers().e
    return {"kty": "RSA", "n": base64url(modulus.to_bytes(384, "big")), "e": base64url(exponent.to_bytes(3, "big"))}
