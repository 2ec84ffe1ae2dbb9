"""What happens inside a handshake, step by step in memory: no loop, no socket."""

import logging
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.errors import (
    CertificateExpired,
    CertificateNotYetValid,
    CertificateRevoked,
    InvalidSubject,
    PeerNotVerified,
    RevocationUnknown,
    UnexpectedPeer,
    UntrustedCertificate,
)
from certs.handshake import GroupContext, KnownIssuers, PeerContext
from certs.identity import PeerId, SubjectRule, describe
from certs.issuing import DAY_S
from certs.revocation import RevocationMode
from certs.tls import client_context, context_of, load_pair, peer_of, server_context, sni_listener
from certs.trust import MAX_INTERMEDIATES, TrustStore
from clock import FixedClock
from tests.certs.conftest import CONSUMER_ID, PROVIDER_ID
from tests.certs.material import peer_subject, self_signed
from tests.certs.wire import VERSIONS, Ends, client_hello, plain_client, shake

RULE = SubjectRule()
NAME = "inway.elders.localhost"
# What either end may be the first to say when OpenSSL refuses a certificate.
REFUSED = "(?i)alert|certificate verify failed|did not return a certificate"


@pytest.fixture
def trust(authority: DevelopmentAuthority) -> TrustStore:
    return TrustStore.from_pem([authority.anchors_pem()])


@pytest.fixture
def server(provider: KeyPair, trust: TrustStore, clock: FixedClock) -> PeerContext:
    return server_context(provider, trust, RULE, clock=clock)


def with_crls(authority: DevelopmentAuthority, *crls: bytes, mode: RevocationMode = RevocationMode.SOFT) -> TrustStore:
    return TrustStore.from_pem([authority.anchors_pem()], crls=crls, mode=mode)


def refused_by_server(ends: Ends) -> BaseException | None:
    """Shake hands, expect our own refusal at the server, and return its reason."""
    with pytest.raises(ssl.SSLCertVerificationError) as refused:
        ends.shake()
    assert ends.server.peer is None
    with pytest.raises(PeerNotVerified):
        peer_of(ends.server)
    assert refused.value.strerror == refused.value.verify_message == str(refused.value.__cause__)
    with pytest.raises(ssl.SSLCertVerificationError):
        ends.server.do_handshake()
    return refused.value.__cause__


@pytest.mark.parametrize("version", VERSIONS)
class TestRefusals:
    def test_a_subject_that_names_no_peer(
        self, authority: DevelopmentAuthority, trust: TrustStore, server: PeerContext, version: ssl.TLSVersion
    ) -> None:
        twice = [x509.NameAttribute(NameOID.SERIAL_NUMBER, PROVIDER_ID)]
        pair = authority.issue(peer_id=CONSUMER_ID, name="Peer", dns_names=["a.test"], extra_subject=twice)
        ends = Ends(server, plain_client(pair, trust.anchors_pem(), version), NAME)
        ends.shake()
        assert ends.server.peer is None
        with pytest.raises(InvalidSubject, match="2 times"):
            peer_of(ends.server)
        assert context_of(ends.server) is server

    def test_a_revoked_certificate(
        self, provider: KeyPair, clock: FixedClock, now: int, version: ssl.TLSVersion
    ) -> None:
        own = DevelopmentAuthority.create("own", now=now)
        pair = own.issue(peer_id=CONSUMER_ID, name="Peer", dns_names=["a.test"])
        us = own.issue(peer_id=PROVIDER_ID, name="We are", dns_names=[NAME])
        own.revoke(pair.certificate)
        client = plain_client(pair, own.anchors_pem().decode(), version)
        for mode in (RevocationMode.SOFT, RevocationMode.HARD):
            trust = with_crls(own, own.crl_pem(), own.root_crl_pem(), mode=mode)
            reason = refused_by_server(Ends(server_context(us, trust, RULE, clock=clock), client, NAME))
            assert isinstance(reason, CertificateRevoked)

    def test_unknown_revocation_in_hard_mode(
        self,
        authority: DevelopmentAuthority,
        provider: KeyPair,
        consumer: KeyPair,
        clock: FixedClock,
        version: ssl.TLSVersion,
    ) -> None:
        trust = with_crls(authority, authority.crl_pem(), mode=RevocationMode.HARD)
        client = plain_client(consumer, trust.anchors_pem(), version)
        server = server_context(provider, trust, RULE, clock=clock)
        assert isinstance(refused_by_server(Ends(server, client, NAME)), RevocationUnknown)

    def test_time_by_our_own_clock(
        self, consumer: KeyPair, server: PeerContext, trust: TrustStore, clock: FixedClock, version: ssl.TLSVersion
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), version)
        clock.at = consumer.not_after + 1
        assert isinstance(refused_by_server(Ends(server, client, NAME)), CertificateExpired)
        clock.at = consumer.not_before - 1
        assert isinstance(refused_by_server(Ends(server, client, NAME)), CertificateNotYetValid)

    def test_another_peer_than_the_one_meant(
        self, consumer: KeyPair, server: PeerContext, trust: TrustStore, clock: FixedClock, version: ssl.TLSVersion
    ) -> None:
        client = client_context(consumer, trust, RULE, expected_peer=PeerId("00000001999999999000"), clock=clock)
        client.maximum_version = version
        ends = Ends(server, client, NAME)
        with pytest.raises(ssl.SSLCertVerificationError, match=f"reached Peer {PROVIDER_ID}") as refused:
            ends.shake()
        assert isinstance(refused.value.__cause__, UnexpectedPeer)

    def test_openssl_refuses_what_it_can(
        self,
        stranger: DevelopmentAuthority,
        authority: DevelopmentAuthority,
        server: PeerContext,
        trust: TrustStore,
        now: int,
        version: ssl.TLSVersion,
    ) -> None:
        expired = authority.issue(
            peer_id=CONSUMER_ID, name="Peer", dns_names=["a.test"], not_before=now - 2 * DAY_S, days=1
        )
        foreign = stranger.issue(peer_id=CONSUMER_ID, name="Peer", dns_names=["a.test"])
        own = self_signed(peer_subject())
        for pair in (expired, foreign, own, None):
            ends = Ends(server, plain_client(pair, trust.anchors_pem(), version), NAME)
            with pytest.raises(ssl.SSLError, match=REFUSED):
                ends.shake()
            assert ends.server.peer is None


@pytest.mark.parametrize("version", VERSIONS)
def test_a_good_peer_is_known_on_both_sides(
    consumer: KeyPair,
    provider: KeyPair,
    server: PeerContext,
    trust: TrustStore,
    clock: FixedClock,
    version: ssl.TLSVersion,
) -> None:
    client = client_context(consumer, trust, RULE, expected_peer=PeerId(PROVIDER_ID), clock=clock)
    client.maximum_version = version
    ends = shake(server, client, NAME)
    assert ends.server.peer == describe(consumer.certificate, RULE)
    assert peer_of(ends.client) == describe(provider.certificate, RULE)
    assert ends.server.version() == version.name.replace("_", ".")


@pytest.mark.parametrize("version", VERSIONS)
class TestResumption:
    """A resumed session brings no chain, and OpenSSL verifies nothing: we do, with what is true now."""

    @pytest.fixture
    def own(self, now: int) -> DevelopmentAuthority:
        return DevelopmentAuthority.create("own", now=now)

    @pytest.fixture
    def pair(self, own: DevelopmentAuthority) -> KeyPair:
        return own.issue(peer_id=CONSUMER_ID, name="Peer", dns_names=["a.test"])

    @pytest.fixture
    def us(self, own: DevelopmentAuthority) -> KeyPair:
        return own.issue(peer_id=PROVIDER_ID, name="We are", dns_names=[NAME])

    @pytest.fixture
    def selected(self, own: DevelopmentAuthority, us: KeyPair, clock: FixedClock) -> list[PeerContext]:
        """The one context that the listener selects; a test rotates by replacing it."""
        return [server_context(us, with_crls(own), RULE, clock=clock)]

    @pytest.fixture
    def listener(self, selected: list[PeerContext]) -> GroupContext:
        return sni_listener(lambda _: selected[0])

    def resume(
        self, listener: GroupContext, own: DevelopmentAuthority, pair: KeyPair, version: ssl.TLSVersion
    ) -> tuple[ssl.SSLContext, ssl.SSLSession]:
        client = plain_client(pair, own.anchors_pem().decode(), version)
        first = shake(listener, client, NAME)
        assert not first.server.session_reused
        return client, first.session()

    def test_the_peer_is_verified_again(
        self, listener: GroupContext, own: DevelopmentAuthority, pair: KeyPair, version: ssl.TLSVersion
    ) -> None:
        client, session = self.resume(listener, own, pair, version)
        ends = shake(listener, client, NAME, session)
        assert ends.server.session_reused
        assert ends.server.peer == describe(pair.certificate, RULE)
        assert ends.server.server_name == NAME

    def test_it_survives_rotation(
        self,
        listener: GroupContext,
        selected: list[PeerContext],
        own: DevelopmentAuthority,
        pair: KeyPair,
        clock: FixedClock,
        version: ssl.TLSVersion,
    ) -> None:
        client, session = self.resume(listener, own, pair, version)
        renewed = own.issue(peer_id=PROVIDER_ID, name="We are", dns_names=[NAME])
        selected[0] = server_context(renewed, with_crls(own), RULE, clock=clock)
        ends = shake(listener, client, NAME, session)
        assert ends.server.session_reused
        assert ends.server.context is selected[0]
        assert ends.server.peer == describe(pair.certificate, RULE)

    def test_revocation_bites(
        self,
        listener: GroupContext,
        selected: list[PeerContext],
        own: DevelopmentAuthority,
        pair: KeyPair,
        us: KeyPair,
        clock: FixedClock,
        version: ssl.TLSVersion,
    ) -> None:
        client, session = self.resume(listener, own, pair, version)
        own.revoke(pair.certificate)
        selected[0] = server_context(us, with_crls(own, own.crl_pem()), RULE, clock=clock)
        ends = Ends(listener, client, NAME, session)
        assert isinstance(refused_by_server(ends), CertificateRevoked)
        assert ends.server.session_reused

    def test_an_anchor_that_left_the_group_is_gone(
        self,
        listener: GroupContext,
        selected: list[PeerContext],
        own: DevelopmentAuthority,
        stranger: DevelopmentAuthority,
        pair: KeyPair,
        us: KeyPair,
        clock: FixedClock,
        version: ssl.TLSVersion,
    ) -> None:
        client, session = self.resume(listener, own, pair, version)
        selected[0] = server_context(us, with_crls(stranger), RULE, clock=clock)
        assert isinstance(refused_by_server(Ends(listener, client, NAME, session)), UntrustedCertificate)

    def test_expiry_bites(
        self,
        listener: GroupContext,
        own: DevelopmentAuthority,
        pair: KeyPair,
        clock: FixedClock,
        version: ssl.TLSVersion,
    ) -> None:
        client, session = self.resume(listener, own, pair, version)
        clock.at = pair.not_after + 1
        assert isinstance(refused_by_server(Ends(listener, client, NAME, session)), CertificateExpired)

    def test_issuers_are_known_to_each_listener_though_another_verified_the_peer(
        self,
        listener: GroupContext,
        selected: list[PeerContext],
        own: DevelopmentAuthority,
        pair: KeyPair,
        version: ssl.TLSVersion,
    ) -> None:
        # The Peer is known already by way of another listener, and then the CRLs are replaced.
        shake(selected[0], plain_client(pair, own.anchors_pem().decode(), version), NAME)
        client, session = self.resume(listener, own, pair, version)
        selected[0].policy.trust.use_lists(())
        ends = shake(listener, client, NAME, session)
        assert ends.server.session_reused
        assert ends.server.peer == describe(pair.certificate, RULE)

    def test_without_a_listener_it_works_too(
        self, selected: list[PeerContext], own: DevelopmentAuthority, pair: KeyPair, version: ssl.TLSVersion
    ) -> None:
        client, session = self.resume(selected[0], own, pair, version)
        ends = shake(selected[0], client, NAME, session)
        assert ends.server.session_reused
        assert ends.server.peer == describe(pair.certificate, RULE)


def test_the_alert_goes_out_before_the_failure(server: PeerContext, trust: TrustStore, consumer: KeyPair) -> None:
    # A listener without any tenant: the first message fails.
    listener = sni_listener(lambda _: None)
    ends = Ends(listener, plain_client(consumer, trust.anchors_pem()), NAME)
    with pytest.raises(ssl.SSLWantReadError):
        ends.client.do_handshake()
    with pytest.raises(ssl.SSLWantReadError):
        ends.server.do_handshake()
    with pytest.raises(ssl.SSLError, match="unrecognized name"):
        ends.client.do_handshake()
    with pytest.raises(ssl.SSLError, match="callback failed"):
        ends.server.do_handshake()


def test_bytes_that_are_no_tls_fail_at_once(server: PeerContext) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = server.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    with pytest.raises(ssl.SSLError) as failed:
        connection.do_handshake()
    if isinstance(failed.value, ssl.SSLWantReadError):
        assert outgoing.read(), "waits for nothing but to send an alert"
        with pytest.raises(ssl.SSLError, match=r"(?i)http request|wrong version"):
            connection.do_handshake()


def test_a_handshake_that_nobody_switched_has_no_policy(
    consumer: KeyPair, provider: KeyPair, trust: TrustStore
) -> None:
    unswitched = GroupContext(ssl.PROTOCOL_TLS_SERVER)
    unswitched.load_verify_locations(cadata=trust.anchors_pem())
    load_pair(unswitched, provider)
    ends = Ends(unswitched, plain_client(consumer, trust.anchors_pem()), NAME)
    assert isinstance(refused_by_server(ends), PeerNotVerified)


def test_blocking_sockets_are_refused_because_they_verify_nothing(server: PeerContext) -> None:
    with socket.socket() as one, pytest.raises(PeerNotVerified, match="asyncio"):
        server.wrap_socket(one, server_side=True)


def test_a_refusal_is_logged_with_its_reason_and_nothing_secret(
    server: PeerContext, trust: TrustStore, consumer: KeyPair, clock: FixedClock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.at = consumer.not_after + 1
    with caplog.at_level(logging.INFO, "certs.handshake"):
        refused_by_server(Ends(server, plain_client(consumer, trust.anchors_pem()), NAME))
    (record,) = caplog.records
    assert record.getMessage() == "tls_handshake_failed"
    assert "Gemeente Voorbeeld" in record.__dict__["reason"]
    assert "expired" in record.__dict__["reason"]


def test_issuers_are_remembered_once_and_within_bounds(authority: DevelopmentAuthority) -> None:
    known = KnownIssuers()
    anchor = authority.root.certificate
    leaf = self_signed(peer_subject()).certificate
    first, second = (self_signed(peer_subject(name=name)).certificate for name in ("first", "second"))
    for _ in range(3):
        known.remember((leaf, first, anchor))
    known.remember((leaf, anchor))
    assert known.all() == (first,)
    known.remember((leaf, *([second] * 2), anchor))
    assert known.all() == (first, second)
    others = tuple(self_signed(peer_subject(name=f"CA {n}")).certificate for n in range(MAX_INTERMEDIATES))
    known.remember((leaf, *others, anchor))
    assert known.all() == others


def test_a_client_hello_cut_in_pieces_is_one_handshake(
    server: PeerContext, trust: TrustStore, consumer: KeyPair
) -> None:
    hello = client_hello(NAME, plain_client(consumer, trust.anchors_pem()))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = server.wrap_bio(incoming, outgoing, server_side=True)
    for index in range(len(hello)):
        assert outgoing.pending == 0
        incoming.write(hello[index : index + 1])
        with pytest.raises(ssl.SSLWantReadError):
            connection.do_handshake()
    assert outgoing.pending > 0
