"""Calls to other Peers: to the one that was meant and no other, and every failure one kind of error."""

import asyncio
import contextlib
import gc
import os
import socket
import ssl
from collections.abc import AsyncIterator

import aiohttp
import pytest

from certs.custody import KeyPair
from certs.errors import CustodyError
from certs.identity import PeerId
from certs.tls import server_context
from gateway.http.client import LoopOwnedSocket, PeerClient, PeerUnreachable, describe_failure, new_session
from gateway.state.local_peer import LocalPeer
from tests.gateway.harness import CONSUMER, DAY_S, FOREIGN, OTHER, RULE, Federation, ForeignPeer, federation, make_group

LIMIT = 10_000


@pytest.fixture
async def group() -> AsyncIterator[Federation]:
    async with federation() as opened:
        yield opened


@pytest.fixture
async def peer(group: Federation) -> LocalPeer:
    return (await group.host(CONSUMER)).peer


def client_of(group: Federation, peer: LocalPeer, *, timeout_s: float = 5) -> PeerClient:
    return PeerClient(group.sessions.peers, peer.outgoing_context, timeout_s=timeout_s, max_body_bytes=LIMIT)


async def unreachable(client: PeerClient, url: str, peer_id: PeerId = FOREIGN) -> str:
    with pytest.raises(PeerUnreachable) as caught:
        await client.call(peer_id, "GET", url)
    return str(caught.value)


async def test_the_answer_is_told_whatever_its_status(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign()
    for status in (200, 302, 404, 500):
        foreign.status, foreign.body = status, b"hello"
        url = f"{foreign.address}/x"
        answer = await client_of(group, peer).call(FOREIGN, "PUT", url, headers={"X": "1"}, body=b"b")
        assert (answer.status, answer.body) == (status, b"hello")
    got = foreign.received[0]
    assert (got.method, got.path, got.body, got.headers["X"]) == ("PUT", "/x", b"b", "1")


async def test_nothing_is_sent_that_was_not_asked(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign()
    await client_of(group, peer).call(FOREIGN, "GET", f"{foreign.address}/x")
    assert set(foreign.received[0].headers) == {"Host"}


async def test_another_peer_is_told_nothing(group: Federation, peer: LocalPeer) -> None:
    other = await group.foreign(OTHER)
    reason = await unreachable(client_of(group, peer), f"{other.address}/x")
    assert f"reached Peer {OTHER} where Peer {FOREIGN} was meant" in reason
    assert other.received == []


async def test_a_peer_under_another_name_is_told_nothing(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign()
    url = foreign.address.replace(f"{FOREIGN}.localhost", "somebody-else.localhost")
    assert "Hostname mismatch" in await unreachable(client_of(group, peer), url)
    assert foreign.received == []


async def test_nobody_at_the_address(group: Federation, peer: LocalPeer) -> None:
    reason = await unreachable(client_of(group, peer), "https://nobody.localhost:9/x")
    assert reason.startswith("https://nobody.localhost:9/x: ")
    assert "refused" in reason.lower() or "connect" in reason.lower()


NOWHERE = ("https://does-not-exist.invalid:8443/", "https://:8443/", "not a url", "https://a\0b/")


@pytest.mark.parametrize("url", NOWHERE)
async def test_an_address_that_is_none(group: Federation, peer: LocalPeer, url: str) -> None:
    assert await unreachable(client_of(group, peer), url)


async def test_a_peer_that_does_not_answer_in_time(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign()
    foreign.pause = asyncio.Event()
    reason = await unreachable(client_of(group, peer, timeout_s=0.1), f"{foreign.address}/x")
    assert "did not answer within 0.1 s" in reason
    foreign.pause.set()


@pytest.mark.parametrize(("size", "fits"), [(LIMIT, True), (LIMIT + 1, False), (50 * LIMIT, False)])
async def test_an_answer_is_bounded(group: Federation, peer: LocalPeer, size: int, fits: bool) -> None:
    foreign = await group.foreign()
    foreign.body = b"a" * size
    client = client_of(group, peer)
    if fits:
        assert (await client.call(FOREIGN, "GET", f"{foreign.address}/x")).body == foreign.body
    else:
        assert f"more than {LIMIT} bytes" in await unreachable(client, f"{foreign.address}/x")


async def test_without_a_valid_certificate_nobody_is_reached(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign()
    group.clock.advance(400 * DAY_S)
    assert "no certificate that is valid now" in await unreachable(client_of(group, peer), foreign.address)
    assert foreign.received == []


async def test_a_key_that_cannot_be_used_is_told_as_such(group: Federation, peer: LocalPeer) -> None:
    def broken(peer_id: PeerId, pair: KeyPair | None = None) -> ssl.SSLContext:
        del peer_id, pair
        raise CustodyError("our key cannot be used for TLS")

    client = PeerClient(group.sessions.peers, broken, timeout_s=1, max_body_bytes=1)
    assert "our key cannot be used for TLS" in await unreachable(client, "https://a.localhost:8443/")


@contextlib.asynccontextmanager
async def _speaking(foreign: ForeignPeer, group: Federation, said: bytes) -> AsyncIterator[str]:
    """A server that says this and hangs up."""

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(said)
        await writer.drain()
        writer.close()

    context = server_context(foreign.pair, make_group().trust, RULE, clock=group.clock)
    server = await asyncio.start_server(speak, "127.0.0.1", 0, ssl=context)
    async with server:
        yield f"https://{FOREIGN}.localhost:{server.sockets[0].getsockname()[1]}/x"


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_answer(group: Federation, peer: LocalPeer, said: bytes) -> None:
    foreign = await group.foreign(listen=False)
    async with _speaking(foreign, group, said) as url:
        assert await unreachable(client_of(group, peer), url)


async def test_an_answer_is_not_decoded(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign(listen=False)
    said = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nhello"
    async with _speaking(foreign, group, said) as url:
        assert (await client_of(group, peer).call(FOREIGN, "GET", url)).body == b"hello"


async def test_a_session_keeps_no_cookies_and_follows_nothing(group: Federation, peer: LocalPeer) -> None:
    foreign = await group.foreign(listen=False)
    said = b"HTTP/1.1 302 Found\r\nLocation: /y\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n"
    async with _speaking(foreign, group, said) as url:
        assert (await client_of(group, peer).call(FOREIGN, "GET", url)).status == 302
    assert len(list(group.sessions.peers.cookie_jar)) == 0


async def test_timeouts_of_a_session_are_those_given() -> None:
    async with new_session(connect_timeout_s=3, read_timeout_s=7) as session:
        assert (session.timeout.total, session.timeout.sock_connect, session.timeout.sock_read) == (None, 3, 7)


def test_a_failure_is_told_by_its_innermost_reason() -> None:
    key = aiohttp.client_reqrep.ConnectionKey("h", 1, True, True, None, None, None)
    assert describe_failure(aiohttp.ClientConnectorError(key, OSError(111, "at a:1"))) == "Connection refused"
    assert describe_failure(OSError(113, "at a:1")) == "No route to host"
    assert describe_failure(socket.gaierror(socket.EAI_NONAME, "Name not known")) == "Name not known"
    assert "bad certificate" in describe_failure(ssl.SSLError(1, "bad certificate"))
    assert describe_failure(aiohttp.ServerDisconnectedError()) == "Server disconnected"
    assert describe_failure(ConnectionResetError()) == "ConnectionResetError"


def test_a_socket_whose_descriptor_was_closed_beneath_it_closes_nobody_elses() -> None:
    forgotten: socket.socket | None = LoopOwnedSocket()
    assert forgotten is not None
    number = forgotten.fileno()
    with socket.socket() as another:
        os.close(number)  # as uvloop does
        os.dup2(another.fileno(), number)  # the next connection gets the number

    forgotten = None
    gc.collect()

    os.close(number)


async def test_connections_to_peers_are_made_on_such_sockets(
    group: Federation, peer: LocalPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[int] = []

    class Noted(LoopOwnedSocket):
        def __init__(self, *arguments: int) -> None:
            super().__init__(*arguments)
            made.append(self.fileno())

    monkeypatch.setattr("gateway.http.client.LoopOwnedSocket", Noted)
    foreign = await group.foreign()
    assert (await client_of(group, peer).call(FOREIGN, "GET", f"{foreign.address}/x")).status == foreign.status
    assert len(made) == 1
