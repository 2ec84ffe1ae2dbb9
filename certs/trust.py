"""Which certificates a Group believes: Trust Anchors, chains to them, validity in time and revocation.

Standard: FSC Core, Trust Anchors and TLS configuration; RFC 5280 section 6. OpenSSL builds and checks the chain;
revocation is ours, because "soft" (refuse what is revoked, tolerate what is unknown) is no OpenSSL flag.
Units: `now` is whole Unix seconds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Self, TypeAlias

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from OpenSSL import crypto

from certs.crl import RevocationList, is_authority, parse_crls
from certs.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRefused,
    CertificateRevoked,
    InvalidTrustMaterial,
    MalformedCertificate,
    RevocationUnknown,
    UntrustedCertificate,
)
from certs.identity import readable_name, readable_subject

Chain: TypeAlias = tuple[x509.Certificate, ...]
"""Leaf first, then each issuer, the Trust Anchor last."""

MAX_INTERMEDIATES = 64
MAX_CHAINS = 1000
"""Verified chains that are remembered, the newest."""
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256

_DIGEST = hashes.SHA256()

# OpenSSL's verification errors (x509_vfy.h) that mean more than "not trusted".
_REFUSALS: dict[int, type[CertificateRefused]] = {9: CertificateNotYetValid, 10: CertificateExpired}


class RevocationMode(StrEnum):
    """What a Group demands to know of revocation."""

    OFF = "off"
    """No CRL is looked at."""
    SOFT = "soft"
    """A revoked certificate is refused; a missing or stale CRL is tolerated, and shown."""
    HARD = "hard"
    """A revoked certificate is refused, and so is one of which no usable CRL tells."""


class CrlState(StrEnum):
    """How far the CRLs of one issuer can be relied on."""

    CURRENT = "current"
    STALE = "stale"
    MISSING = "missing"
    UNVERIFIED = "unverified"
    """There is a list in this name, but no known certificate of the issuer verifies it (yet)."""


@dataclass(frozen=True, slots=True)
class RevocationStatus:
    """The state of one issuer's CRLs, for health and console. `next_update` is that of the newest list, if any."""

    issuer: str
    state: CrlState
    next_update: int | None


class TrustStore:
    """The Trust Anchors of a Group with the CRLs that go with them. Replace it to change it."""

    def __init__(
        self, anchors: Iterable[x509.Certificate], lists: Iterable[RevocationList], mode: RevocationMode
    ) -> None:
        self.anchors: tuple[x509.Certificate, ...] = tuple(dict.fromkeys(anchors))
        self.mode = mode
        self._lists = tuple(lists)
        self._openssl_anchors = [crypto.X509.from_cryptography(anchor) for anchor in self.anchors]
        self._authentic: dict[tuple[RevocationList, x509.Certificate], bool] = {}
        self._issuers: dict[x509.Certificate, None] = dict.fromkeys(self.anchors)
        self._chains: dict[tuple[bytes, ...], Chain] = {}

    @classmethod
    def from_pem(
        cls, anchors: Iterable[bytes], *, crls: Iterable[bytes] = (), mode: RevocationMode = RevocationMode.OFF
    ) -> Self:
        """Build from PEM bundles of anchors and from CRLs in PEM or DER.

        Raises: InvalidTrustMaterial, also when there is no anchor at all.
        """
        certificates = [certificate for bundle in anchors for certificate in parse_anchors(bundle)]
        if not certificates:
            raise InvalidTrustMaterial("no Trust Anchor is given: a Group needs at least one")
        return cls(certificates, [crl for data in crls for crl in parse_crls(data)], mode)

    def anchors_pem(self) -> str:
        """Render the anchors as one PEM bundle."""
        return b"".join(anchor.public_bytes(Encoding.PEM) for anchor in self.anchors).decode("ascii")

    def verify_chain(
        self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate] = (), *, now: int
    ) -> Chain:
        """Decide whether the Group believes `leaf`, and return its chain, leaf first and anchor last.

        Standard: FSC Core, Contract signature verification; RFC 5280 section 6.
        Says nothing of the subject (`certs.identity.describe`) nor of the purpose: a contract is signed with any
        certificate of the Group.
        Raises: CertificateRefused.
        """
        # 1. A Peer does not decide how much work this is.
        if len(intermediates) > MAX_INTERMEDIATES:
            raise UntrustedCertificate(f"the chain has more than {MAX_INTERMEDIATES} intermediates")
        # 2. The chain up to an anchor: of certificates seen before, what can change is only whether it is still valid.
        seen = tuple(certificate.fingerprint(_DIGEST) for certificate in (leaf, *intermediates))
        chain = self._chains.get(seen)
        if chain is None or not _is_valid(chain, now):
            chain = self._verified_chain(leaf, intermediates, now)
            while len(self._chains) >= MAX_CHAINS:
                del self._chains[next(iter(self._chains))]
            self._chains[seen] = chain
        # 3. Revocation of the leaf and the intermediates, every time.
        self.check_revocation(chain, now)
        return chain

    def check_validity(self, chain: Chain, now: int) -> None:
        """Check that every certificate of a chain that was verified before is still valid.

        Raises: CertificateExpired, CertificateNotYetValid.
        """
        for certificate in chain:
            if now < certificate.not_valid_before_utc.timestamp():
                raise CertificateNotYetValid(f"the certificate of {readable_name(certificate)} is not valid yet")
            if now > certificate.not_valid_after_utc.timestamp():
                raise CertificateExpired(f"the certificate of {readable_name(certificate)} has expired")

    def check_revocation(self, chain: Chain, now: int) -> None:
        """Check that no certificate of a verified chain is revoked by its issuer, the anchor excepted.

        Standard: RFC 5280 section 6.3.3.
        Raises: CertificateRevoked, RevocationUnknown.
        """
        if self.mode is RevocationMode.OFF:
            return
        for certificate, issuer in pairwise(chain):
            self._issuers.setdefault(issuer)
            # 1. The lists that the issuer itself signed; any other is as good as missing.
            lists = self._lists_of(issuer)
            # 2. Listed is revoked, in a stale list as well: revocation does not lapse.
            if any(certificate.serial_number in crl.serial_numbers for crl in lists):
                raise CertificateRevoked(
                    f"the certificate of {readable_name(certificate)} was revoked by {readable_name(issuer)}"
                )
            # 3. Not listed is good only by a list that is current and covers this certificate.
            if self.mode is RevocationMode.HARD and (lack := _lack_of(lists, certificate, now)):
                raise RevocationUnknown(
                    f"whether the certificate of {readable_name(certificate)} is revoked is unknown: "
                    f"the CRL of {readable_name(issuer)} {lack}"
                )

    def revocation_status(self, now: int) -> tuple[RevocationStatus, ...]:
        """Show the CRLs of every anchor and every issuer met so far; nothing when mode is off."""
        if self.mode is RevocationMode.OFF:
            return ()
        shown = [_status_of(readable_name(issuer), self._lists_of(issuer), now) for issuer in self._issuers]
        verified = {crl for issuer in self._issuers for crl in self._lists_of(issuer)}
        strangers = [
            RevocationStatus(readable_subject(crl.issuer), CrlState.UNVERIFIED, crl.next_update)
            for crl in self._lists
            if crl not in verified
        ]
        return (*shown, *strangers)

    def _lists_of(self, issuer: x509.Certificate) -> list[RevocationList]:
        return [crl for crl in self._lists if self._is_authentic(crl, issuer)]

    def _is_authentic(self, crl: RevocationList, issuer: x509.Certificate) -> bool:
        # A CRL can be megabytes: its signature is verified once, not at every handshake.
        known = self._authentic.get((crl, issuer))
        if known is None:
            known = self._authentic[crl, issuer] = crl.is_signed_by(issuer)
        return known

    def _verified_chain(self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], now: int) -> Chain:
        # a. Signatures, names, basic constraints, path length and validity, by OpenSSL.
        chain = self._build_chain(leaf, intermediates, now)
        # b. Strength: the one thing of the TLS security level that this way of calling OpenSSL leaves out.
        for certificate in chain:
            _check_strength(certificate, is_anchor=certificate is chain[-1])
        return chain

    def _build_chain(self, leaf: x509.Certificate, intermediates: Sequence[x509.Certificate], now: int) -> Chain:
        store = crypto.X509Store()
        for anchor in self._openssl_anchors:
            store.add_cert(anchor)
        # A Group may anchor its trust in a certificate that is not self-signed.
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
        store.set_time(datetime.fromtimestamp(now, UTC))
        try:
            untrusted = [crypto.X509.from_cryptography(certificate) for certificate in intermediates]
            context = crypto.X509StoreContext(store, crypto.X509.from_cryptography(leaf), untrusted)
            return tuple(certificate.to_cryptography() for certificate in context.get_verified_chain())
        except crypto.X509StoreContextError as error:
            raise _refusal_of(error) from error
        except (crypto.Error, ValueError) as error:
            raise MalformedCertificate(f"the chain of {readable_name(leaf)} cannot be read") from error


def _is_valid(chain: Chain, now: int) -> bool:
    """Whether every certificate is within its validity, its last second excluded as OpenSSL does."""
    return all(one.not_valid_before_utc.timestamp() <= now < one.not_valid_after_utc.timestamp() for one in chain)


def parse_anchors(data: bytes) -> tuple[x509.Certificate, ...]:
    """Read a PEM bundle of Trust Anchors.

    Raises: InvalidTrustMaterial when it holds none, or one that may not issue certificates.
    """
    try:
        anchors = tuple(x509.load_pem_x509_certificates(data))
    except ValueError as error:
        raise InvalidTrustMaterial("holds no readable certificate in PEM: expected BEGIN CERTIFICATE") from error
    for anchor in anchors:
        if not is_authority(anchor):
            raise InvalidTrustMaterial(
                f"the certificate of {readable_name(anchor)} is no CA (basic constraints): a Trust Anchor must be one"
            )
    return anchors


def _lack_of(lists: Sequence[RevocationList], certificate: x509.Certificate, now: int) -> str | None:
    """Say why absence from these lists proves nothing; None when it does."""
    if not lists:
        return "is missing"
    current = [crl for crl in lists if crl.is_current(now)]
    if not current:
        return "is stale"
    return None if any(crl.covers(certificate) for crl in current) else "does not cover it"


def _status_of(issuer: str, lists: Sequence[RevocationList], now: int) -> RevocationStatus:
    if not lists:
        return RevocationStatus(issuer, CrlState.MISSING, None)
    newest = max(lists, key=lambda crl: crl.next_update or 0)
    return RevocationStatus(issuer, CrlState.CURRENT if newest.is_current(now) else CrlState.STALE, newest.next_update)


def _refusal_of(error: crypto.X509StoreContextError) -> CertificateRefused:
    code, _depth, text = error.errors
    refusal = _REFUSALS.get(code, UntrustedCertificate)
    return refusal(f"the certificate of {readable_name(error.certificate.to_cryptography())} is refused: {text}")


def _check_strength(certificate: x509.Certificate, *, is_anchor: bool) -> None:
    try:
        key = certificate.public_key()
        digest = certificate.signature_hash_algorithm
    except (ValueError, UnsupportedAlgorithm) as error:
        raise MalformedCertificate(f"key or signature of {readable_name(certificate)} cannot be read") from error
    weak_key = (isinstance(key, rsa.RSAPublicKey) and key.key_size < MIN_RSA_BITS) or (
        isinstance(key, ec.EllipticCurvePublicKey) and key.key_size < MIN_EC_BITS
    )
    # Nobody verifies the signature of an anchor, so its strength does not matter.
    weak_digest = not is_anchor and isinstance(digest, (hashes.MD5, hashes.SHA1))
    if weak_key or weak_digest:
        raise UntrustedCertificate(
            f"the certificate of {readable_name(certificate)} is too weak: at least RSA {MIN_RSA_BITS} or "
            f"EC {MIN_EC_BITS} bits, signed with SHA-256 or better"
        )
