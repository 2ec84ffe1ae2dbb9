"""Who a certificate says its holder is, by the Group's rule. Says nothing about whether to believe it. Pure.

Standard: FSC Core, Peer identification and TLS configuration: a Group fixes which subject fields give Peer ID and Peer
name; the OpenAPI description limits a Peer ID to 3..255 characters.
"""

import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from typing import NewType

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.x509.oid import NameOID

from certs.errors import InvalidSubject, MalformedCertificate
from certs.thumbprint import CertificateThumbprint, PublicKeyThumbprint, certificate_thumbprint, public_key_thumbprint

PeerId = NewType("PeerId", str)
"""Identifies a Peer within the Group; compared exactly."""

PeerName = NewType("PeerName", str)
"""What people call the Peer."""

MIN_LENGTH = 3
MAX_LENGTH = 255

SUBJECT_FIELDS: dict[str, x509.ObjectIdentifier] = {
    "subject.serialNumber": NameOID.SERIAL_NUMBER,
    "subject.organizationName": NameOID.ORGANIZATION_NAME,
    "subject.organizationalUnitName": NameOID.ORGANIZATIONAL_UNIT_NAME,
    "subject.organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "subject.commonName": NameOID.COMMON_NAME,
    "subject.userId": NameOID.USER_ID,
}
"""The subject fields that a Group may choose from, as configuration spells them."""

# Control, format (bidirectional overrides, zero width), surrogates, line and paragraph separators: they break logs or
# make one name look like another.
_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class SubjectRule:
    """Which subject fields give the Peer ID and the Peer name.

    Raises: ValueError when a field is not one of SUBJECT_FIELDS.
    """

    peer_id: str = "subject.serialNumber"
    peer_name: str = "subject.organizationName"

    def __post_init__(self) -> None:
        for field in (self.peer_id, self.peer_name):
            if field not in SUBJECT_FIELDS:
                raise ValueError(f"{field!r} is not a subject field: choose from {', '.join(SUBJECT_FIELDS)}")


@dataclass(frozen=True, slots=True)
class PeerIdentity:
    """Peer ID and Peer name as one certificate states them."""

    peer_id: PeerId
    name: PeerName


@dataclass(frozen=True, slots=True)
class PeerCertificate:
    """What a Peer's certificate states. Instants are whole Unix seconds; both are within validity (RFC 5280)."""

    certificate: x509.Certificate
    peer_id: PeerId
    name: PeerName
    thumbprint: CertificateThumbprint
    public_key_thumbprint: PublicKeyThumbprint
    not_before: int
    not_after: int
    dns_names: tuple[str, ...]
    """DNS names of the subject alternative name, lower case, in the certificate's order."""


def parse_peer_id(text: str) -> PeerId:
    """Take `text` as a Peer ID.

    Raises: ValueError, naming the rule that it breaks.
    """
    return PeerId(_parse_text(text, "Peer ID"))


def parse_peer_name(text: str) -> PeerName:
    """Take `text` as a Peer name.

    Raises: ValueError, naming the rule that it breaks.
    """
    return PeerName(_parse_text(text, "Peer name"))


def identity_of(certificate: x509.Certificate, rule: SubjectRule) -> PeerIdentity:
    """Read Peer ID and Peer name from the subject.

    Raises: InvalidSubject when a field is absent, repeated or not fit to be one; MalformedCertificate.
    """
    try:
        peer_id = parse_peer_id(_subject_field(certificate, rule.peer_id))
        name = parse_peer_name(_subject_field(certificate, rule.peer_name))
    except ValueError as error:
        raise InvalidSubject(f"the certificate of {readable_name(certificate)} names no Peer: {error}") from error
    return PeerIdentity(peer_id, name)


@lru_cache(maxsize=1024)
def describe(certificate: x509.Certificate, rule: SubjectRule) -> PeerCertificate:
    """Read all that we use of a Peer's certificate. Does **not** verify anything: see `certs.trust`.

    What a certificate says never changes, so it is read once for as long as it is in use.

    Raises: InvalidSubject, MalformedCertificate.
    """
    identity = identity_of(certificate, rule)
    try:
        key_thumbprint = public_key_thumbprint(certificate)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedCertificate(f"the public key of {readable_name(certificate)} cannot be read") from error
    return PeerCertificate(
        certificate=certificate,
        peer_id=identity.peer_id,
        name=identity.name,
        thumbprint=certificate_thumbprint(certificate),
        public_key_thumbprint=key_thumbprint,
        not_before=int(certificate.not_valid_before_utc.timestamp()),
        not_after=int(certificate.not_valid_after_utc.timestamp()),
        dns_names=dns_names_of(certificate),
    )


def dns_names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """Read the DNS names of the subject alternative name, lower case; none when the extension is absent.

    Raises: MalformedCertificate.
    """
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise MalformedCertificate(f"the extensions of {readable_name(certificate)} cannot be read") from error
    return tuple(name.lower() for name in names.get_values_for_type(x509.DNSName))


def readable_name(certificate: x509.Certificate) -> str:
    """Name a certificate for a log or a message: its organisation and common name, whatever a Peer put in them."""
    try:
        subject = certificate.subject
    except ValueError:
        return "an unreadable subject"
    return readable_subject(subject)


def readable_subject(subject: x509.Name) -> str:
    """Name a subject or issuer in one short line of printable characters."""
    wanted = (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME, NameOID.SERIAL_NUMBER)
    values = [str(attribute.value) for oid in wanted for attribute in subject.get_attributes_for_oid(oid)[:1]]
    text = " / ".join(values) or "an empty subject"
    return "".join("\N{REPLACEMENT CHARACTER}" if _is_forbidden(c) else c for c in text[:MAX_LENGTH])


def _subject_field(certificate: x509.Certificate, field: str) -> str:
    try:
        attributes = certificate.subject.get_attributes_for_oid(SUBJECT_FIELDS[field])
    except ValueError as error:
        raise MalformedCertificate("the subject of the certificate cannot be read") from error
    if len(attributes) != 1:
        raise ValueError(f"it needs {field} exactly once and has it {len(attributes)} times")
    value = attributes[0].value
    if not isinstance(value, str):
        raise ValueError(f"{field} is not text")
    return value


def _parse_text(text: str, what: str) -> str:
    if not MIN_LENGTH <= len(text) <= MAX_LENGTH:
        raise ValueError(f"a {what} has {MIN_LENGTH} to {MAX_LENGTH} characters, this one {len(text)}")
    # Printable ASCII, which most texts are, has none of them.
    if not (text.isascii() and text.isprintable()) and any(_is_forbidden(character) for character in text):
        raise ValueError(f"a {what} has no control or invisible characters")
    if text != text.strip():
        raise ValueError(f"a {what} neither begins nor ends with a space")
    return text


def _is_forbidden(character: str) -> bool:
    return unicodedata.category(character) in _FORBIDDEN_CATEGORIES
