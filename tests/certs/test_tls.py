"""Contexts on real sockets, on both event loops and both TLS versions; the other end is a client or server not ours."""

import asyncio
import contextlib
import os
import socket
import ssl
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.errors import CustodyError, InvalidSubject, PeerNotVerified
from certs.handshake import GroupContext, PeerContext
from certs.identity import PeerId, SubjectRule
from certs.revocation import RevocationMode
from certs.tls import client_context, context_of, load_pair, peer_of, server_context, server_name_of, sni_listener
from certs.trust import TrustStore
from clock import FixedClock
from tests.certs.conftest import CONSUMER_ID, PROVIDER_ID
from tests.certs.material import peer_subject, signed
from tests.certs.wire import VERSIONS, Ends, ask, client_hello, plain_client, shake

T = TypeVar("T")
LoopFactory = Callable[[], asyncio.AbstractEventLoop]
LOOPS = [pytest.param(asyncio.new_event_loop, id="asyncio"), pytest.param(uvloop.new_event_loop, id="uvloop")]
RULE = SubjectRule()
INWAY = "inway.elders.localhost"
OTHER = "inway.derden.localhost"
OTHER_ID = "00000001777777777000"

on_both_loops = pytest.mark.parametrize("loop_factory", LOOPS)
on_both_versions = pytest.mark.parametrize("version", VERSIONS)


@dataclass
class Served:
    """What the application on the server saw of each connection it was given."""

    peers: list[str] = field(default_factory=list)
    contexts: list[PeerContext] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)
    resumed: list[bool] = field(default_factory=list)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tls = writer.get_extra_info("ssl_object")
        self.peers.append(peer_of(tls).peer_id)
        self.contexts.append(context_of(tls))
        self.names.append(server_name_of(tls))
        self.resumed.append(tls.session_reused)
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()


def run(loop_factory: LoopFactory, main: Callable[[], Awaitable[T]]) -> T:
    async def start() -> T:
        return await main()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        return runner.run(start())


def serve(loop_factory: LoopFactory, context: ssl.SSLContext, client: Callable[[int], None]) -> Served:
    """Serve with `context` while the blocking `client` runs in a thread, and tell what was served."""
    served = Served()

    async def main() -> None:
        server = await asyncio.start_server(served.handle, "127.0.0.1", 0, ssl=context, ssl_handshake_timeout=1)
        async with server:
            await asyncio.to_thread(client, server.sockets[0].getsockname()[1])

    run(loop_factory, main)
    return served


@pytest.fixture
def trust(authority: DevelopmentAuthority) -> TrustStore:
    return TrustStore.from_pem([authority.anchors_pem()])


@pytest.fixture
def server(provider: KeyPair, trust: TrustStore, clock: FixedClock) -> PeerContext:
    return server_context(provider, trust, RULE, clock=clock)


@pytest.fixture
def other(authority: DevelopmentAuthority, trust: TrustStore, clock: FixedClock) -> PeerContext:
    pair = authority.issue(peer_id=OTHER_ID, name="Gemeente Derden", dns_names=[OTHER])
    return server_context(pair, trust, RULE, clock=clock)


@pytest.fixture
def tenants(server: PeerContext, other: PeerContext) -> dict[str | None, PeerContext]:
    return {INWAY: server, OTHER: other}


@pytest.fixture
def listener(tenants: dict[str | None, PeerContext]) -> GroupContext:
    return sni_listener(tenants.get)


@on_both_loops
class TestListenerRefuses:
    @on_both_versions
    @pytest.mark.parametrize("name", ["unknown.localhost", None])
    def test_a_name_it_does_not_serve_or_none(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        name: str | None,
        listener: GroupContext,
        consumer: KeyPair,
        trust: TrustStore,
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), version)
        client.check_hostname = False

        def attempt(port: int) -> None:
            with pytest.raises(ssl.SSLError, match="unrecognized name"):
                ask(port, client, name)

        assert serve(loop_factory, listener, attempt).peers == []

    @on_both_versions
    def test_a_client_without_certificate(
        self, loop_factory: LoopFactory, version: ssl.TLSVersion, listener: GroupContext, trust: TrustStore
    ) -> None:
        def attempt(port: int) -> None:
            with pytest.raises(ssl.SSLError, match=r"certificate required|handshake failure"):
                ask(port, plain_client(None, trust.anchors_pem(), version), INWAY)

        assert serve(loop_factory, listener, attempt).peers == []

    @on_both_versions
    def test_a_certificate_of_another_group(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        listener: GroupContext,
        stranger: DevelopmentAuthority,
        trust: TrustStore,
    ) -> None:
        pair = stranger.issue(peer_id=CONSUMER_ID, name="Gemeente Voorbeeld", dns_names=["a.test"])

        def attempt(port: int) -> None:
            with pytest.raises(ssl.SSLError, match="alert"):
                ask(port, plain_client(pair, trust.anchors_pem(), version), INWAY)

        assert serve(loop_factory, listener, attempt).peers == []

    @on_both_versions
    def test_a_revoked_certificate_even_on_a_resumed_session(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        clock: FixedClock,
        now: int,
    ) -> None:
        own = DevelopmentAuthority.create("own", now=now)
        us = own.issue(peer_id=PROVIDER_ID, name="Gemeente Elders", dns_names=[INWAY])
        pair = own.issue(peer_id=CONSUMER_ID, name="Gemeente Voorbeeld", dns_names=["a.test"])

        def current() -> PeerContext:
            trust = TrustStore.from_pem([own.anchors_pem()], crls=[own.crl_pem()], mode=RevocationMode.SOFT)
            return server_context(us, trust, RULE, clock=clock)

        selected = [current()]
        client = plain_client(pair, own.anchors_pem().decode(), version)

        def attempt(port: int) -> None:
            first = ask(port, client, INWAY)
            again = ask(port, client, INWAY, first.session)
            assert again.text == "hello\n"
            own.revoke(pair.certificate)
            selected[0] = current()
            for session in (None, again.session):
                # The connection is cut without a word; how that shows depends on who was faster.
                try:
                    text = ask(port, client, INWAY, session).text
                except OSError:
                    continue
                assert text == ""

        served = serve(loop_factory, sni_listener(lambda _: selected[0]), attempt)
        assert (served.peers, served.resumed) == ([CONSUMER_ID] * 2, [False, True])

    def test_something_that_is_no_tls(self, loop_factory: LoopFactory, listener: GroupContext) -> None:
        def attempt(port: int) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n" * 2)
                began = time.monotonic()
                with contextlib.suppress(ConnectionResetError):
                    while connection.recv(1000):
                        pass
                assert time.monotonic() - began < 5

        assert serve(loop_factory, listener, attempt).peers == []

    @pytest.mark.parametrize("afterwards", [b"", b"\x16\x03\x01 and more"])
    def test_a_client_that_lingers_after_the_alert(
        self, loop_factory: LoopFactory, listener: GroupContext, trust: TrustStore, afterwards: bytes
    ) -> None:
        hello = client_hello("unknown.localhost", plain_client(None, trust.anchors_pem()))

        def attempt(port: int) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(hello)
                alert = connection.recv(1000)
                assert (alert[0], alert[-2:]) == (21, bytes([2, 112])), "fatal, unrecognized_name"
                connection.sendall(afterwards)
                with contextlib.suppress(ConnectionResetError):
                    assert connection.recv(1000) == b""

        assert serve(loop_factory, listener, attempt).peers == []


@on_both_loops
@on_both_versions
class TestListenerServes:
    def test_two_tenants_each_with_their_own_certificate(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        listener: GroupContext,
        server: PeerContext,
        other: PeerContext,
        consumer: KeyPair,
        trust: TrustStore,
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), version)

        def attempt(port: int) -> None:
            # The client checks that the certificate carries the name it asked for.
            for name in (INWAY, OTHER, INWAY.upper()):
                assert ask(port, client, name).text == "hello\n"

        served = serve(loop_factory, listener, attempt)
        assert served.contexts == [server, other, server]
        assert [context.owner.peer_id for context in served.contexts] == [PROVIDER_ID, OTHER_ID, PROVIDER_ID]
        assert served.names == [INWAY, OTHER, INWAY]
        assert served.peers == [CONSUMER_ID] * 3

    def test_sessions_are_resumed_and_the_peer_is_known(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        listener: GroupContext,
        consumer: KeyPair,
        trust: TrustStore,
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), version)

        def attempt(port: int) -> None:
            session = None
            for _ in range(3):
                session = ask(port, client, INWAY, session).session

        served = serve(loop_factory, listener, attempt)
        assert (served.peers, served.resumed) == ([CONSUMER_ID] * 3, [False, True, True])

    def test_rotation_is_replacing_what_select_returns(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        tenants: dict[str | None, PeerContext],
        listener: GroupContext,
        authority: DevelopmentAuthority,
        consumer: KeyPair,
        trust: TrustStore,
        clock: FixedClock,
    ) -> None:
        renewed = authority.issue(peer_id=PROVIDER_ID, name="Gemeente Elders", dns_names=[INWAY])
        old, new = tenants[INWAY], server_context(renewed, trust, RULE, clock=clock)
        client = plain_client(consumer, trust.anchors_pem(), version)

        def attempt(port: int) -> None:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
                client.wrap_socket(connection, server_hostname=INWAY) as before,
            ):
                assert before.getpeercert(binary_form=True) == der(old.owner.certificate)
                tenants[INWAY] = new
                with (
                    socket.create_connection(("127.0.0.1", port), timeout=10) as connection2,
                    client.wrap_socket(connection2, server_hostname=INWAY) as after,
                ):
                    assert after.getpeercert(binary_form=True) == der(renewed.certificate)
                    after.sendall(b"new\n")
                    assert after.recv(100) == b"new\n"
                before.sendall(b"old\n")
                assert before.recv(100) == b"old\n", "the old connection finishes"

        assert serve(loop_factory, listener, attempt).contexts == [old, new]


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


@on_both_loops
class TestClient:
    """Our client against a server that is not ours."""

    def call(
        self, loop_factory: LoopFactory, context: PeerContext, server_pair: KeyPair, anchors: str, name: str
    ) -> tuple[str, bytes]:
        """Connect and send; return the Peer ID we believe to have reached and what the server application read."""
        plain = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        plain.load_verify_locations(cadata=anchors)
        plain.verify_mode = ssl.CERT_REQUIRED
        load_pair(plain, server_pair)
        self.received: asyncio.Queue[bytes] = asyncio.Queue()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(OSError):
                self.received.put_nowait(await reader.read())
            writer.close()

        async def main() -> tuple[str, bytes]:
            server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=plain)
            async with server:
                port = server.sockets[0].getsockname()[1]
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
                peer = peer_of(writer.get_extra_info("ssl_object"))
                writer.write(b"request")
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                return peer.peer_id, await asyncio.wait_for(self.received.get(), 10)

        return run(loop_factory, main)

    @on_both_versions
    def test_another_peer_is_refused_before_a_byte_is_sent(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        consumer: KeyPair,
        provider: KeyPair,
        trust: TrustStore,
        clock: FixedClock,
    ) -> None:
        for check_host_name in (True, False):
            context = client_context(
                consumer,
                trust,
                RULE,
                expected_peer=PeerId(OTHER_ID),
                check_host_name=check_host_name,
                clock=clock,
            )
            context.maximum_version = version
            with pytest.raises(ssl.SSLCertVerificationError, match=f"{PROVIDER_ID}.*{OTHER_ID} was meant"):
                self.call(loop_factory, context, provider, trust.anchors_pem(), INWAY)
            assert self.received.empty() or self.received.get_nowait() == b""

    def test_another_host_name_is_refused_unless_relaxed(
        self, loop_factory: LoopFactory, consumer: KeyPair, provider: KeyPair, trust: TrustStore, clock: FixedClock
    ) -> None:
        meant = PeerId(PROVIDER_ID)
        strict = client_context(consumer, trust, RULE, expected_peer=meant, clock=clock)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            self.call(loop_factory, strict, provider, trust.anchors_pem(), OTHER)
        relaxed = client_context(consumer, trust, RULE, expected_peer=meant, check_host_name=False, clock=clock)
        reached = self.call(loop_factory, relaxed, provider, trust.anchors_pem(), OTHER)
        assert reached == (PROVIDER_ID, b"request")

    def test_a_common_name_is_no_host_name(
        self,
        loop_factory: LoopFactory,
        authority: DevelopmentAuthority,
        consumer: KeyPair,
        trust: TrustStore,
        clock: FixedClock,
    ) -> None:
        named = x509.Name([*peer_subject(), x509.NameAttribute(NameOID.COMMON_NAME, INWAY)])
        context = client_context(consumer, trust, RULE, expected_peer=None, clock=clock)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            self.call(loop_factory, context, signed(named, authority.intermediate), trust.anchors_pem(), INWAY)

    def test_a_server_of_another_group_is_refused(
        self,
        loop_factory: LoopFactory,
        stranger: DevelopmentAuthority,
        consumer: KeyPair,
        trust: TrustStore,
        clock: FixedClock,
    ) -> None:
        impostor = stranger.issue(peer_id=PROVIDER_ID, name="Gemeente Elders", dns_names=[INWAY])
        context = client_context(consumer, trust, RULE, expected_peer=PeerId(PROVIDER_ID), clock=clock)
        with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
            self.call(loop_factory, context, impostor, trust.anchors_pem(), INWAY)

    @on_both_versions
    def test_the_peer_meant_is_reached(
        self,
        loop_factory: LoopFactory,
        version: ssl.TLSVersion,
        consumer: KeyPair,
        provider: KeyPair,
        trust: TrustStore,
        clock: FixedClock,
    ) -> None:
        for expected in (PeerId(PROVIDER_ID), None):
            context = client_context(consumer, trust, RULE, expected_peer=expected, clock=clock)
            context.maximum_version = version
            reached = self.call(loop_factory, context, provider, trust.anchors_pem(), INWAY)
            assert reached == (PROVIDER_ID, b"request")


class TestSettings:
    def test_only_good_suites_and_versions(self, server: PeerContext, listener: GroupContext) -> None:
        for context in (server, listener):
            names = {cipher["name"] for cipher in context.get_ciphers()}
            assert names == {
                "TLS_AES_256_GCM_SHA384",
                "TLS_CHACHA20_POLY1305_SHA256",
                "TLS_AES_128_GCM_SHA256",
                "ECDHE-ECDSA-AES256-GCM-SHA384",
                "ECDHE-RSA-AES256-GCM-SHA384",
                "ECDHE-ECDSA-AES128-GCM-SHA256",
                "ECDHE-RSA-AES128-GCM-SHA256",
                "ECDHE-ECDSA-CHACHA20-POLY1305",
                "ECDHE-RSA-CHACHA20-POLY1305",
            }
            assert context.minimum_version is ssl.TLSVersion.TLSv1_2
            assert context.verify_mode is ssl.CERT_REQUIRED
            assert context.security_level >= 2
            assert context.options & ssl.OP_NO_COMPRESSION
            assert context.options & ssl.OP_NO_RENEGOTIATION

    @pytest.mark.parametrize("suite", ["ECDHE-ECDSA-AES128-SHA", "ECDHE-ECDSA-AES256-SHA384"])
    def test_a_client_with_insufficient_suites_is_refused(
        self, listener: GroupContext, consumer: KeyPair, trust: TrustStore, suite: str
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), ssl.TLSVersion.TLSv1_2, ciphers=suite)
        with pytest.raises(ssl.SSLError, match="handshake failure"):
            shake(listener, client, INWAY)

    @on_both_versions
    def test_a_switched_connection_is_as_strict_as_its_context(
        self, listener: GroupContext, consumer: KeyPair, trust: TrustStore, version: ssl.TLSVersion
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), version)
        client.set_alpn_protocols(["h2", "http/1.1"])
        ends = shake(listener, client, INWAY)
        assert ends.server.selected_alpn_protocol() == "http/1.1"
        assert ends.server.compression() is None
        suite = ends.server.cipher()
        assert suite is not None
        assert suite[0] in {"TLS_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"}

    def test_rsa_serves_as_well(
        self, authority: DevelopmentAuthority, consumer: KeyPair, trust: TrustStore, clock: FixedClock
    ) -> None:
        pair = authority.issue(peer_id=PROVIDER_ID, name="Gemeente Elders", dns_names=[INWAY], algorithm="rsa")
        server = server_context(pair, trust, RULE, clock=clock)
        for version in VERSIONS:
            ends = shake(server, plain_client(consumer, trust.anchors_pem(), version), INWAY)
            assert peer_of(ends.server).peer_id == CONSUMER_ID

    def test_an_intermediate_as_the_anchor_of_the_group(
        self, authority: DevelopmentAuthority, provider: KeyPair, consumer: KeyPair, clock: FixedClock
    ) -> None:
        trust = TrustStore.from_pem([authority.intermediate.pem_chain()])
        server = server_context(provider, trust, RULE, clock=clock)
        client = client_context(consumer, trust, RULE, expected_peer=PeerId(PROVIDER_ID), clock=clock)
        ends = shake(server, client, INWAY)
        assert peer_of(ends.server).peer_id == CONSUMER_ID


class TestResumptionUnderAnotherName:
    """A client that mixes up its sessions never gets one tenant's connection with another tenant's context."""

    def test_tls_1_3_goes_by_the_name_asked_for(
        self, listener: GroupContext, other: PeerContext, consumer: KeyPair, trust: TrustStore
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), ssl.TLSVersion.TLSv1_3)
        session = shake(listener, client, INWAY).session()
        ends = shake(listener, client, OTHER, session)
        assert (context_of(ends.server), server_name_of(ends.server)) == (other, OTHER)
        with pytest.raises(ssl.SSLError, match="unrecognized name"):
            shake(listener, client, "unknown.localhost", session)

    @pytest.mark.parametrize("name", [OTHER, "unknown.localhost"])
    def test_tls_1_2_goes_by_the_name_of_the_session(
        self, listener: GroupContext, server: PeerContext, consumer: KeyPair, trust: TrustStore, name: str
    ) -> None:
        client = plain_client(consumer, trust.anchors_pem(), ssl.TLSVersion.TLSv1_2)
        session = shake(listener, client, INWAY).session()
        ends = shake(listener, client, name, session)
        assert (context_of(ends.server), server_name_of(ends.server)) == (server, INWAY)

    def test_a_tenant_that_left_is_not_resumed(
        self,
        tenants: dict[str | None, PeerContext],
        listener: GroupContext,
        consumer: KeyPair,
        trust: TrustStore,
    ) -> None:
        for version in VERSIONS:
            client = plain_client(consumer, trust.anchors_pem(), version)
            session = shake(listener, client, OTHER).session()
            left = tenants.pop(OTHER)
            with pytest.raises(ssl.SSLError, match="unrecognized name"):
                shake(listener, client, OTHER, session)
            tenants[OTHER] = left


class TestMaking:
    def test_a_certificate_that_names_no_peer(
        self, authority: DevelopmentAuthority, trust: TrustStore, clock: FixedClock
    ) -> None:
        with pytest.raises(InvalidSubject):
            server_context(authority.intermediate, trust, RULE, clock=clock)

    def test_a_key_of_another_certificate(
        self, provider: KeyPair, consumer: KeyPair, trust: TrustStore, clock: FixedClock
    ) -> None:
        mixed = KeyPair(provider.chain, consumer.private_key)
        with pytest.raises(CustodyError, match="cannot be used for TLS") as refused:
            server_context(mixed, trust, RULE, clock=clock)
        assert "PRIVATE" not in str(refused.value)

    def test_the_key_leaves_no_file_and_no_descriptor(
        self, provider: KeyPair, trust: TrustStore, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loaded: list[str] = []
        original = ssl.SSLContext.load_cert_chain

        def spy(context: ssl.SSLContext, certfile: str) -> None:
            loaded.append(os.readlink(certfile))
            original(context, certfile)

        monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", spy)
        before = os.listdir("/proc/self/fd")
        server_context(provider, trust, RULE, clock=clock)
        assert os.listdir("/proc/self/fd") == before
        assert loaded == ["/memfd:key pair (deleted)"]

    def test_no_memory_files_is_a_clear_error(
        self, provider: KeyPair, trust: TrustStore, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def forbidden(_name: str, _flags: int) -> int:
            raise PermissionError(1, "Operation not permitted")

        monkeypatch.setattr(os, "memfd_create", forbidden)
        with pytest.raises(CustodyError, match="Operation not permitted"):
            server_context(provider, trust, RULE, clock=clock)


class TestPeerOf:
    @pytest.mark.parametrize("thing", [None, "no connection", 7])
    def test_other_things_have_no_peer(self, thing: object) -> None:
        for question in (peer_of, context_of, server_name_of):
            with pytest.raises(PeerNotVerified):
                question(thing)

    def test_a_connection_has_no_peer_until_its_handshake_is_done(
        self, server: PeerContext, consumer: KeyPair, trust: TrustStore
    ) -> None:
        ends = Ends(server, plain_client(consumer, trust.anchors_pem()), INWAY)
        with pytest.raises(PeerNotVerified):
            peer_of(ends.server)
        with pytest.raises(PeerNotVerified):
            peer_of(ends.client)
        ends.shake()
        assert context_of(ends.server) is server
        assert server_name_of(ends.server) is None
        with pytest.raises(PeerNotVerified):
            peer_of(ends.client)


def test_a_name_that_is_no_ascii_is_never_selected(
    consumer: KeyPair, trust: TrustStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str | None] = []

    def select(name: str | None) -> None:
        asked.append(name)

    monkeypatch.setattr(sys, "unraisablehook", lambda _: None)
    hello = client_hello("aaaaaa.localhost", plain_client(consumer, trust.anchors_pem()))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    connection = sni_listener(select).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello.replace(b"aaaaaa", b"\xff\xfe\x01\xff\xff\xff"))
    with pytest.raises(ssl.SSLError):
        connection.do_handshake()
    with pytest.raises(ssl.SSLError, match="callback failed"):
        connection.do_handshake()
    assert asked == []
