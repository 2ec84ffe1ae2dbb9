"""Certificates that our own CA would never make."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certs.custody import KeyPair, PrivateKey


def self_signed(
    subject: x509.Name, *, extensions: Sequence[x509.ExtensionType] = (), private_key: PrivateKey | None = None
) -> KeyPair:
    """A certificate with any subject and extensions."""
    return signed(subject, None, extensions=extensions, private_key=private_key)


def signed(
    subject: x509.Name,
    issuer: KeyPair | None,
    *,
    extensions: Sequence[x509.ExtensionType] = (),
    private_key: PrivateKey | None = None,
) -> KeyPair:
    """A certificate with any subject and extensions, by any issuer."""
    key = private_key or ec.generate_private_key(ec.SECP256R1())
    begin = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.certificate.subject if issuer else subject)
        .serial_number(x509.random_serial_number())
        .public_key(key.public_key())
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=30))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
    certificate = builder.sign(issuer.private_key if issuer else key, hashes.SHA256())
    return KeyPair((certificate, *(issuer.chain if issuer else ())), key)


def peer_subject(peer_id: str = "00000001823288444000", name: str = "Gemeente Voorbeeld") -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.SERIAL_NUMBER, peer_id), x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)]
    )


def scope(
    *,
    full_name: list[x509.GeneralName] | None = None,
    users: bool = False,
    authorities: bool = False,
    reasons: frozenset[x509.ReasonFlags] | None = None,
    indirect: bool = False,
    attributes: bool = False,
) -> x509.IssuingDistributionPoint:
    return x509.IssuingDistributionPoint(full_name, None, users, authorities, reasons, indirect, attributes)


def crl_with(issuer: KeyPair, *extensions: x509.ExtensionType) -> bytes:
    now = datetime.now(UTC)
    builder = x509.CertificateRevocationListBuilder().issuer_name(issuer.certificate.subject)
    builder = builder.last_update(now).next_update(now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(issuer.private_key, hashes.SHA256()).public_bytes(Encoding.DER)
