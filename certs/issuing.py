"""Making keys, certificates, requests and CRLs as FSC wants them. Pure but for randomness; trusts its caller.

Standard: FSC Core, TLS configuration (subject and SAN), in the Dutch profile: subject.serialNumber is the Peer ID and
subject.organizationName the Peer name; RFC 5280 section 4.2 for the extensions.
Units: instants are whole Unix seconds.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certs.custody import KeyPair, PrivateKey
from certs.errors import IssueRefused
from certs.identity import parse_peer_id, parse_peer_name

RSA_BITS = 3072
DAY_S = 86_400
SKEW_S = 300
"""How far back validity begins: the other side's clock may be behind ours."""

_DNS_NAME = re.compile(r"(?=.{1,253}$)(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_PRINTABLE_STRING = re.compile(r"[A-Za-z0-9 '()+,./:=?-]+")
_MAX_COMMON_NAME = 64


class Algorithm(StrEnum):
    """Kind of key: EC on P-256, or RSA."""

    EC = "ec"
    RSA = "rsa"


@dataclass(frozen=True, slots=True)
class Holder:
    """Who a certificate is for.

    Raises: IssueRefused when it is not fit for a certificate of a Group.
    """

    peer_id: str
    name: str
    dns_names: tuple[str, ...]
    extra_subject: tuple[x509.NameAttribute[str], ...] = ()

    def __post_init__(self) -> None:
        try:
            parse_peer_id(self.peer_id)
            parse_peer_name(self.name)
        except ValueError as error:
            raise IssueRefused(str(error)) from error
        if _PRINTABLE_STRING.fullmatch(self.peer_id) is None:
            raise IssueRefused("a Peer ID in subject.serialNumber has letters, digits, spaces and '()+,-./:=? only")
        if not self.dns_names:
            raise IssueRefused("a certificate needs at least one DNS name, of the Manager, Inway or Outway")
        for dns_name in self.dns_names:
            if _DNS_NAME.fullmatch(dns_name) is None:
                raise IssueRefused(f"{dns_name!r} is not a DNS name: lower-case letters, digits, hyphens and dots")

    def subject(self) -> x509.Name:
        """The distinguished name. A first DNS name too long for a common name stands in the SAN only."""
        attributes = [
            x509.NameAttribute(NameOID.SERIAL_NUMBER, self.peer_id),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, self.name),
            *self.extra_subject,
        ]
        if len(self.dns_names[0]) <= _MAX_COMMON_NAME:
            attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, self.dns_names[0]))
        return x509.Name(attributes)

    def alternative_name(self) -> x509.SubjectAlternativeName:
        """The DNS names as an extension."""
        return x509.SubjectAlternativeName([x509.DNSName(name) for name in self.dns_names])


def generate_key(algorithm: Algorithm) -> PrivateKey:
    """Make a private key."""
    if algorithm is Algorithm.RSA:
        return rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return ec.generate_private_key(ec.SECP256R1())


def make_authority(
    common_name: str, key: PrivateKey, *, issuer: KeyPair | None, not_before: int, not_after: int
) -> KeyPair:
    """Make a CA: self-signed without `issuer`, otherwise one that issues only leaves."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = (
        _certificate(name, key, issuer.certificate.subject if issuer else name, not_before, not_after)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0 if issuer else 1), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
    )
    return KeyPair((_sign(builder, issuer, key),), key)


def make_leaf(holder: Holder, key: PrivateKey, *, issuer: KeyPair, not_before: int, not_after: int) -> KeyPair:
    """Make a Peer's certificate, good as TLS client and server and for signatures."""
    builder = (
        _certificate(holder.subject(), key, issuer.certificate.subject, not_before, not_after)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True, key_encipherment=_is_rsa(key)), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(holder.alternative_name(), critical=False)
    )
    return KeyPair((_sign(builder, issuer, key), *issuer.chain), key)


def make_csr(holder: Holder, key: PrivateKey) -> bytes:
    """Make a certificate signing request in PEM, for a real CA."""
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(holder.subject())
        .add_extension(holder.alternative_name(), critical=False)
        .sign(key, hashes.SHA256())
    )
    return request.public_bytes(Encoding.PEM)


def make_crl(issuer: KeyPair, serial_numbers: Iterable[int], *, this_update: int, next_update: int) -> bytes:
    """Make the complete CRL of an issuer, in PEM."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(_instant(this_update))
        .next_update(_instant(next_update))
        .add_extension(x509.CRLNumber(this_update), critical=False)
        .add_extension(_issuer_identifier(issuer), critical=False)
    )
    for serial_number in serial_numbers:
        entry = x509.RevokedCertificateBuilder().serial_number(serial_number).revocation_date(_instant(this_update))
        builder = builder.add_revoked_certificate(entry.build())
    return builder.sign(issuer.private_key, hashes.SHA256()).public_bytes(Encoding.PEM)


def _certificate(
    subject: x509.Name, key: PrivateKey, issuer: x509.Name, not_before: int, not_after: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .not_valid_before(_instant(not_before))
        .not_valid_after(_instant(not_after))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _sign(builder: x509.CertificateBuilder, issuer: KeyPair | None, own_key: PrivateKey) -> x509.Certificate:
    if issuer is None:
        return builder.sign(own_key, hashes.SHA256())
    return builder.add_extension(_issuer_identifier(issuer), critical=False).sign(issuer.private_key, hashes.SHA256())


def _issuer_identifier(issuer: KeyPair) -> x509.AuthorityKeyIdentifier:
    return x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.private_key.public_key())


def _usage(**granted: bool) -> x509.KeyUsage:
    every = (
        "digital_signature content_commitment key_encipherment data_encipherment key_agreement "
        "key_cert_sign crl_sign encipher_only decipher_only"
    )
    return x509.KeyUsage(**{usage: granted.get(usage, False) for usage in every.split()})


def _is_rsa(key: PrivateKey) -> bool:
    return isinstance(key, rsa.RSAPrivateKey)


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)
