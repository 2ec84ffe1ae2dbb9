"""Verification of the Peer inside the TLS handshake: a connection that exists has a verified Peer.

Standard: FSC Core, TLS configuration.

Theory of operation. OpenSSL verifies the chain while it shakes hands, but it knows nothing of Peer IDs and soft
revocation, and on a resumed session it verifies nothing at all. So the object that asyncio and uvloop shake hands with
(both make it by `SSLContext.wrap_bio`) does the rest of the work at the end of its last `do_handshake`: until that
returns, neither loop calls the application nor sends what is written, and when it raises they abort the connection.
One thing a listener leaves to the application: a trusted certificate whose subject names no Peer (see `misnamed`).

Resumption. A resumed session remembers the Peer's own certificate, not the issuers that came with it. The context that
made the connection object also holds the session keys; it therefore remembers the issuers of every chain verified on
its connections, which are all that a session it can resume may need. They are few: one per issuing CA of the Group.

Cost. A certificate that was accepted once by the same Trust Anchors and the same CRLs is not looked at again: its chain
and whom it names are remembered by its bytes, for as long as nothing in them can have changed (`TrustStore`).

Afterwards. Each connection whose Peer was verified is among the `connections` of its trust store, which cuts it when
its certificate is not believed any more.
"""

import logging
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

from cryptography import x509

from certs.errors import (
    CertificateRefused,
    CertsError,
    InvalidSubject,
    MalformedCertificate,
    PeerNotVerified,
    UnexpectedPeer,
    UntrustedCertificate,
)
from certs.identity import PeerCertificate, PeerId, SubjectRule, describe
from certs.revocation import Chain
from certs.trust import MAX_INTERMEDIATES, TrustStore

logger = logging.getLogger(__name__)

_DER = 2  # _ssl.ENCODING_DER
_APPLICATION_VERIFICATION = 50  # X509_V_ERR_APPLICATION_VERIFICATION


class Clock(Protocol):
    """What a handshake needs to know of time."""

    def now(self) -> int:
        """Whole Unix seconds."""
        ...


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """Which Peers a context accepts; `expected_peer` None accepts every Peer of the Group."""

    trust: TrustStore
    rule: SubjectRule
    clock: Clock
    expected_peer: PeerId | None = None


class KnownIssuers:
    """The intermediate certificates of chains that were verified, for sessions that are resumed. Bounded."""

    def __init__(self) -> None:
        self._certificates: dict[x509.Certificate, None] = {}

    def remember(self, chain: Chain) -> None:
        """Keep the intermediates of a verified chain; the longest known make room."""
        for certificate in chain[1:-1]:
            self._certificates.setdefault(certificate)
        while len(self._certificates) > MAX_INTERMEDIATES:
            del self._certificates[next(iter(self._certificates))]

    def all(self) -> Chain:
        """Every certificate that is remembered."""
        return tuple(self._certificates)


class PeerConnection(ssl.SSLObject):
    """One TLS connection. After the handshake `peer` is the verified Peer and `context` the context that served it."""

    peer: PeerCertificate | None = None
    misnamed: InvalidSubject | None = None
    """On a listener: why the certificate of the Peer, which is trusted, names no Peer of the Group. `peer` is None
    then, and the application has to say so: FSC Core has an error code for it."""

    chain: Chain = ()
    """The verified chain of the Peer's certificate, leaf first, Trust Anchor last."""

    on_cut: Callable[[], object] | None = None
    """What the transport of the connection wants to be told when `cut` has ended it."""

    server_name: str | None = None
    """On a listener: the name that the Peer asked for (SNI), lower case."""

    _outgoing: ssl.MemoryBIO
    _issuers: KnownIssuers
    _failure: ssl.SSLError | None = None

    def do_handshake(self) -> None:
        """Take the next step of the handshake; the last one verifies the Peer.

        Raises: ssl.SSLCertVerificationError with our reason as its cause and text; what ssl raises.
        """
        if self._failure is not None:
            raise self._failure
        try:
            super().do_handshake()
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except ssl.SSLError as error:
            self._fail(error)
            self._let_alert_out(error)
            raise
        try:
            self.peer = self._verify_peer()
        except CertsError as refusal:
            failure = _as_ssl_error(refusal)
            self._fail(failure)
            raise failure from refusal

    def cut(self, refusal: CertificateRefused) -> None:
        """Let nothing in or out any more: whatever drives the connection fails at its next read or write."""
        self._failure = _as_ssl_error(refusal)
        # Event loops keep the methods of this object, which all go by way of the inner one.
        self._sslobj: Any = _CutConnection(self._sslobj, self._failure)
        if self.on_cut is not None:
            self.on_cut()

    def _verify_peer(self) -> PeerCertificate | None:
        if not isinstance(self.context, PeerContext):
            raise PeerNotVerified("the connection was not given the context of a Peer")
        policy = self.context.policy
        # 1. The chain to a Trust Anchor, and that none of it is revoked.
        self.chain = self._believed_chain(policy.trust, policy.clock.now())
        self._issuers.remember(self.chain)
        # 2. The subject names a Peer by the Group's rule.
        try:
            peer = describe(self.chain[0], policy.rule)
        except InvalidSubject as error:
            if not self.server_side:
                raise
            self.misnamed = error
            policy.trust.connections.add(self)
            return None
        # 3. It is the Peer we meant to reach.
        if policy.expected_peer is not None and peer.peer_id != policy.expected_peer:
            raise UnexpectedPeer(f"reached Peer {peer.peer_id} where Peer {policy.expected_peer} was meant")
        policy.trust.connections.add(self)
        return peer

    def _believed_chain(self, trust: TrustStore, now: int) -> Chain:
        leaf = self.getpeercert(binary_form=True)
        if leaf is None:
            raise UntrustedCertificate("the Peer presented no certificate")
        # 1. As it was accepted before.
        chain = trust.standing_chain(leaf, now)
        if chain is not None:
            return chain
        # 2. As OpenSSL has just verified it, or built anew for a resumed session.
        chain = self._verified_chain()
        if not chain:
            chain = trust.verify_chain(_parse(leaf), self._issuers.all(), now=now)
        trust.verify_presented(leaf, chain, now)
        return chain

    def _verified_chain(self) -> Chain:
        if sys.version_info >= (3, 13):
            return tuple(_parse(der) for der in self.get_verified_chain())
        # The same, before it was public.
        inner: Any = self._sslobj
        return tuple(_parse(item.public_bytes(_DER)) for item in inner.get_verified_chain() or ())

    def _fail(self, error: ssl.SSLError) -> None:
        self._failure = error
        reason = getattr(error, "verify_message", "") or error.strerror or type(error).__name__
        logger.info("tls_handshake_failed", extra={"reason": reason, "server_name": self.server_name})

    def _let_alert_out(self, error: ssl.SSLError) -> None:
        # The event loops drop what a failed server handshake has to say, and the Peer would see a reset without a
        # reason. Asking for more input makes them send the alert first; whatever comes next raises the failure.
        if self.server_side and self._outgoing.pending:
            raise ssl.SSLWantReadError(ssl.SSL_ERROR_WANT_READ, "the alert must go out") from error


class _CutConnection:
    """What is inside a connection that was cut: it still tells what it was, and fails at every step."""

    def __init__(self, inner: object, failure: ssl.SSLError) -> None:
        self._inner = inner
        self._failure = failure

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def _refuse(self, *_: object) -> NoReturn:
        raise self._failure

    read = write = do_handshake = shutdown = _refuse

    def pending(self) -> int:
        """Nothing waits to be read."""
        return 0


class GroupContext(ssl.SSLContext):
    """A context whose connections are verified by this package. Only for event loops: it makes no blocking sockets."""

    sslobject_class = PeerConnection

    def __init__(self, protocol: int) -> None:  # ssl.SSLContext takes the protocol in __new__
        super().__init__()
        self._issuers = KnownIssuers()

    def wrap_bio(
        self,
        incoming: ssl.MemoryBIO,
        outgoing: ssl.MemoryBIO,
        server_side: bool = False,
        server_hostname: str | bytes | None = None,
        session: ssl.SSLSession | None = None,
    ) -> PeerConnection:
        """Make the connection object that an event loop drives."""
        connection = super().wrap_bio(incoming, outgoing, server_side, server_hostname, session)
        assert isinstance(connection, PeerConnection)
        connection._outgoing = outgoing
        connection._issuers = self._issuers
        return connection

    def wrap_socket(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse: a blocking socket would shake hands without the verification of this module."""
        raise PeerNotVerified("use this context with asyncio or uvloop: a blocking socket would not verify the Peer")


class PeerContext(GroupContext):
    """A context that speaks for one of our Peers, `owner`, and accepts others by `policy`."""

    def __init__(self, protocol: int, owner: PeerCertificate, policy: PeerPolicy) -> None:
        super().__init__(protocol)
        self.owner = owner
        self.policy = policy


def _parse(der: bytes) -> x509.Certificate:
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise MalformedCertificate("a certificate of the Peer cannot be read") from error


def _as_ssl_error(refusal: CertsError) -> ssl.SSLCertVerificationError:
    """Give our refusal the form of OpenSSL's, so that event loops and HTTP clients treat it as such."""
    error = ssl.SSLCertVerificationError(ssl.SSL_ERROR_SSL, str(refusal))
    error.library, error.reason = "SSL", "CERTIFICATE_VERIFY_FAILED"
    error.verify_code, error.verify_message = _APPLICATION_VERIFICATION, str(refusal)
    return error
