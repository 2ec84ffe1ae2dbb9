"""Which certificates a Group believes: Trust Anchors, chains to them, validity in time and revocation.

Standard: FSC Core, Trust Anchors and TLS configuration; RFC 5280 section 6. OpenSSL builds and checks the chain;
revocation is ours (`certs.revocation`).
Units: `now` is whole Unix seconds.
"""

import contextlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

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
    InvalidTrustMaterial,
    MalformedCertificate,
    UntrustedCertificate,
)
from certs.identity import readable_name
from certs.open_connections import OpenConnections
from certs.revocation import Chain, Revocation, RevocationMode, RevocationStatus

MAX_INTERMEDIATES = 64
MAX_CHAINS = 1000
"""Verified chains that are remembered, the newest."""
MIN_RSA_BITS = 2048
MIN_EC_BITS = 256

_DIGEST = hashes.SHA256()

# OpenSSL's verification errors (x509_vfy.h) that mean more than "not trusted".
_REFUSALS: dict[int, type[CertificateRefused]] = {9: CertificateNotYetValid, 10: CertificateExpired}


@dataclass(frozen=True, slots=True)
class _Standing:
    """A chain that was accepted, and the seconds within which nothing but other CRLs can change that."""

    chain: Chain
    not_before: int
    until: int


class TrustStore:
    """The Trust Anchors of a Group with the CRLs that go with them. Anchors stay: others are another store's.

    `connections` are those that this store vouched for, and any before it: see `recheck_connections`.
    """

    def __init__(
        self,
        anchors: Iterable[x509.Certificate],
        lists: Iterable[RevocationList],
        mode: RevocationMode,
        connections: OpenConnections | None = None,
    ) -> None:
        self.anchors: tuple[x509.Certificate, ...] = tuple(dict.fromkeys(anchors))
        self.revocation = Revocation(lists, mode)
        self.revocation.meet(self.anchors)
        self.connections = OpenConnections() if connections is None else connections
        self._openssl_anchors = [crypto.X509.from_cryptography(anchor) for anchor in self.anchors]
        self._chains: dict[tuple[bytes, ...], Chain] = {}
        self._standing: dict[bytes, _Standing] = {}

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
            _make_room(self._chains)
            self._chains[seen] = chain
        # 3. Revocation of the leaf and the intermediates, every time.
        self.revocation.check(chain, now)
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

    def meet(self, authorities: Sequence[x509.Certificate], now: int) -> None:
        """Know those of these CAs that lead to a Trust Anchor, before any Peer brings them: their CRLs count."""
        for authority in filter(is_authority, authorities[:MAX_INTERMEDIATES]):
            with contextlib.suppress(CertificateRefused):
                self.revocation.meet(self._verified_chain(authority, authorities[:MAX_INTERMEDIATES], now))

    def use_lists(self, lists: Iterable[RevocationList]) -> None:
        """Go by these CRLs from here on, in every connection and signature that is verified by this store."""
        self.revocation.use(lists)
        self._standing.clear()

    def recheck_connections(self, now: int) -> int:
        """Cut the open connections whose certificate is not believed any more; returns how many."""
        return self.connections.recheck(self, now)

    def standing_chain(self, leaf: bytes, now: int) -> Chain | None:
        """The chain by which `leaf`, in DER, was accepted on an earlier connection, if that holds at `now`."""
        standing = self._standing.get(leaf)
        return standing.chain if standing is not None and standing.not_before <= now <= standing.until else None

    def verify_presented(self, leaf: bytes, chain: Chain, now: int) -> None:
        """Check the chain that TLS verified for `leaf`: validity by our clock, and revocation.

        Raises: CertificateRefused.
        """
        self.check_validity(chain, now)
        until = self.revocation.check(chain, now)
        _make_room(self._standing)
        self._standing[leaf] = _Standing(
            chain,
            max(int(one.not_valid_before_utc.timestamp()) for one in chain),
            min(until, *(int(one.not_valid_after_utc.timestamp()) for one in chain)),
        )

    def revocation_status(self, now: int) -> tuple[RevocationStatus, ...]:
        """Show the CRLs of every anchor and every issuer met so far; nothing when mode is off."""
        return self.revocation.status(now)

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


def _make_room(remembered: dict[Any, Any]) -> None:
    while len(remembered) >= MAX_CHAINS:
        del remembered[next(iter(remembered))]


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
