"""The two thumbprints of the standard, as two types that cannot be mixed up.

Standard: FSC Core, TLS configuration and Contract signatures; RFC 7515 section 4.1.8 (`x5t#S256`).
Both are SHA-256. The one of the public key stands in contracts and survives renewal with the same key; the one of the
certificate stands in JOSE headers and in a token's `cnf`, and changes with every certificate. Pure.
"""

import base64
import binascii
import hashlib
import re
from typing import NewType

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

CertificateThumbprint = NewType("CertificateThumbprint", str)
"""base64url without padding (43 characters) of SHA-256 over the DER certificate."""

PublicKeyThumbprint = NewType("PublicKeyThumbprint", str)
"""Lower-case hexadecimal (64 characters) of SHA-256 over the DER SubjectPublicKeyInfo."""

_HEX_SHA256 = re.compile(r"[0-9a-f]{64}")
_BASE64_SHA256 = re.compile(r"[A-Za-z0-9+/_-]{43}=?")


def certificate_thumbprint(certificate: x509.Certificate) -> CertificateThumbprint:
    """Compute the `x5t#S256` of a certificate."""
    return _unpadded(hashlib.sha256(certificate.public_bytes(Encoding.DER)).digest())


def public_key_thumbprint(certificate_or_key: x509.Certificate | PublicKeyTypes) -> PublicKeyThumbprint:
    """Compute the thumbprint that contracts carry, from a public key or from the certificate of one."""
    key = certificate_or_key.public_key() if isinstance(certificate_or_key, x509.Certificate) else certificate_or_key
    return PublicKeyThumbprint(
        hashlib.sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()
    )


def parse_public_key_thumbprint(text: str) -> PublicKeyThumbprint:
    """Take `text` as a public key thumbprint.

    Shape: exactly 64 lower-case hexadecimal digits.
    Raises: ValueError.
    """
    if _HEX_SHA256.fullmatch(text) is None:
        raise ValueError("a public key thumbprint is 64 lower-case hexadecimal digits: SHA-256 of the DER public key")
    return PublicKeyThumbprint(text)


def normalise_certificate_thumbprint(text: str) -> CertificateThumbprint:
    """Spell a certificate thumbprint as we do, from any base64 spelling in use (padded, `+` and `/`).

    Raises: ValueError, also for trailing bits that are not zero: one thumbprint has one spelling.
    """
    if _BASE64_SHA256.fullmatch(text) is None:
        raise ValueError("a certificate thumbprint is the base64url of 32 bytes: 43 characters without padding")
    spelled = text.rstrip("=").translate(str.maketrans("+/", "-_"))
    try:
        canonical = _unpadded(base64.urlsafe_b64decode(spelled + "="))
    except binascii.Error as error:
        raise ValueError("a certificate thumbprint is the base64url of 32 bytes") from error
    if canonical != spelled:
        raise ValueError("the certificate thumbprint is not canonical base64: its last character carries stray bits")
    return canonical


def _unpadded(digest: bytes) -> CertificateThumbprint:
    return CertificateThumbprint(base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii"))
