"""Certificate revocation lists: reading them, and what one list can say about one certificate. Pure.

Standard: RFC 5280 sections 5 and 6.3, for complete lists signed by the issuer itself. Delta and indirect lists, and
lists for some reasons only, are refused when read: taken as complete they would call revoked certificates good.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.errors import InvalidTrustMaterial
from certs.identity import readable_subject

_PEM_BEGIN = b"-----BEGIN X509 CRL-----"
_PEM_CRL = re.compile(rb"-----BEGIN X509 CRL-----.+?-----END X509 CRL-----", re.DOTALL)
_SIGNING_KEYS = (
    rsa.RSAPublicKey,
    ec.EllipticCurvePublicKey,
    ed25519.Ed25519PublicKey,
    ed448.Ed448PublicKey,
    dsa.DSAPublicKey,
)

_Extension = TypeVar("_Extension", bound=x509.ExtensionType)


@dataclass(frozen=True, slots=True, eq=False)
class RevocationList:
    """One complete CRL, its serial numbers ready for look-up. Instants are Unix seconds; None: it states none."""

    crl: x509.CertificateRevocationList
    issuer: x509.Name
    authority_key: bytes | None
    """Which key of the issuer signed it, as far as it says."""
    number: int | None
    this_update: int
    next_update: int | None
    serial_numbers: frozenset[int]
    scope: x509.IssuingDistributionPoint | None

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        """Tell whether `issuer` made this list: the same name, the right to sign lists, and the signature."""
        try:
            if self.issuer != issuer.subject or not _may_sign_lists(issuer):
                return False
            key = issuer.public_key()
            return isinstance(key, _SIGNING_KEYS) and self.crl.is_signature_valid(key)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            return False

    def is_same_series(self, other: "RevocationList") -> bool:
        """Tell whether the two are editions of one list: same issuer, same key, same scope."""
        return (self.issuer, self.authority_key, self.scope) == (other.issuer, other.authority_key, other.scope)

    def is_older_than(self, other: "RevocationList") -> bool:
        """Tell which of two editions of one list came first: by CRL number (RFC 5280 5.2.3), else by date."""
        if self.number is not None and other.number is not None and self.number != other.number:
            return self.number < other.number
        return self.this_update < other.this_update

    def der(self) -> bytes:
        """Render the list as its issuer signed it."""
        return self.crl.public_bytes(Encoding.DER)

    def is_current(self, now: int) -> bool:
        """Tell whether a newer list is not due yet.

        A list from the future counts as current: it knows more than any older one.
        """
        return self.next_update is not None and now <= self.next_update

    def covers(self, certificate: x509.Certificate) -> bool:
        """Tell whether absence from this list says that `certificate` is not revoked (RFC 5280 6.3.3, step b)."""
        if self.scope is None:
            return True
        if self.scope.only_contains_ca_certs and not is_authority(certificate):
            return False
        if self.scope.only_contains_user_certs and is_authority(certificate):
            return False
        return self.scope.full_name is None or not set(self.scope.full_name).isdisjoint(_points_of(certificate))


def parse_crls(data: bytes) -> tuple[RevocationList, ...]:
    """Read the CRLs in one file: any number in PEM, or one in DER.

    Raises: InvalidTrustMaterial.
    """
    try:
        pems = _PEM_CRL.findall(data)
        if len(pems) != data.count(_PEM_BEGIN):
            raise InvalidTrustMaterial("is a bundle of CRLs that is cut off: fetch it again")
        crls = [x509.load_pem_x509_crl(pem) for pem in pems] if pems else [x509.load_der_x509_crl(data)]
        return tuple(_read_list(crl) for crl in crls)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise InvalidTrustMaterial("is not a readable CRL, in PEM (BEGIN X509 CRL) or DER") from error


def is_authority(certificate: x509.Certificate) -> bool:
    """Tell whether the certificate may issue others (basic constraints). An unreadable one may not."""
    constraints = _extension(certificate, x509.BasicConstraints)
    return constraints is not None and constraints.ca


def _read_list(crl: x509.CertificateRevocationList) -> RevocationList:
    scope: x509.IssuingDistributionPoint | None = None
    authority_key: bytes | None = None
    number: int | None = None
    for extension in crl.extensions:
        if isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
        elif isinstance(extension.value, x509.AuthorityKeyIdentifier):
            authority_key = extension.value.key_identifier
        elif isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif extension.critical:
            raise InvalidTrustMaterial(_unsupported(crl, f"critical extension {extension.oid.dotted_string}"))
    if scope is not None and (
        scope.indirect_crl or scope.only_some_reasons or scope.only_contains_attribute_certs or scope.relative_name
    ):
        raise InvalidTrustMaterial(_unsupported(crl, "indirect or partial scope"))
    next_update = crl.next_update_utc
    return RevocationList(
        crl=crl,
        issuer=crl.issuer,
        authority_key=authority_key,
        number=number,
        this_update=int(crl.last_update_utc.timestamp()),
        next_update=None if next_update is None else int(next_update.timestamp()),
        serial_numbers=frozenset(entry.serial_number for entry in crl),
        scope=scope,
    )


def _unsupported(crl: x509.CertificateRevocationList, what: str) -> str:
    return f"is a CRL of {readable_subject(crl.issuer)} with an unsupported {what}: use the issuer's complete CRL"


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    usage = _extension(issuer, x509.KeyUsage)
    return usage is None or usage.crl_sign


def _points_of(certificate: x509.Certificate) -> Iterable[x509.GeneralName]:
    points = _extension(certificate, x509.CRLDistributionPoints)
    return () if points is None else (name for point in points for name in point.full_name or ())


def _extension(certificate: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
