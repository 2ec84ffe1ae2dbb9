"""One socket for many protocols: after the handshake each connection gets the one its name stands for."""

import asyncio
import contextlib
import os
import resource
import socket
import ssl
from collections.abc import AsyncIterator, Iterator

import pytest

from certs.tls import client_context, server_context, server_name_of, sni_listener
from clock import SystemClock
from gateway.http.listener import ProtocolFactory, Route, TlsListener, listen_plain, listen_tls
from tests.gateway.harness import CONSUMER, PROVIDER, RULE, key_pair, make_group

HOSTS = ("manager.localhost", "inway.localhost", "removed.localhost")


class Greeter(asyncio.Protocol):
    """Says its name, then what it hears."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lost: list[Exception | None] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        transport.write(self.name.encode() + b"\n")

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)


class Served:
    """A listener for three names, one of which no protocol serves any more."""

    def __init__(self) -> None:
        self.made: list[Greeter] = []
        self.port = 0
        self.listener: TlsListener

    def route(self, connection: ssl.SSLObject) -> ProtocolFactory | None:
        name = server_name_of(connection) or ""
        return None if name.startswith("removed") else lambda: self._make(name)

    def _make(self, name: str) -> Greeter:
        self.made.append(Greeter(name))
        return self.made[-1]

    async def connect(self, name: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        group = make_group()
        context = client_context(
            key_pair(CONSUMER), group.trust, RULE, expected_peer=PROVIDER, check_host_name=False, clock=SystemClock()
        )
        return await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=name)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    served = Served()
    route: Route = served.route
    context = server_context(key_pair(PROVIDER), make_group().trust, RULE, clock=SystemClock())
    listener = sni_listener(lambda name: context if name in HOSTS else None)
    server = await listen_tls("127.0.0.1", 0, context=listener, route=route)
    async with server:
        served.listener = server
        served.port = server.sockets[0].getsockname()[1]
        yield served


async def test_each_connection_gets_the_protocol_of_its_name(served: Served) -> None:
    for name in HOSTS[:2]:
        reader, writer = await served.connect(name)
        assert await reader.readline() == name.encode() + b"\n"
        writer.write(b"hello\n")
        assert await reader.readline() == b"hello\n"
        writer.close()
        await writer.wait_closed()
    await asyncio.sleep(0.05)
    assert [one.lost for one in served.made] == [[None], [None]]


async def test_what_comes_right_behind_the_handshake_is_not_lost(served: Served) -> None:
    reader, writer = await served.connect(HOSTS[0])
    writer.write(b"a" * 200_000 + b"\n")
    assert await reader.readline() == HOSTS[0].encode() + b"\n"
    assert len(await reader.readexactly(200_001)) == 200_001
    writer.close()
    await writer.wait_closed()


async def test_a_name_without_a_protocol_is_closed(served: Served) -> None:
    reader, writer = await served.connect("removed.localhost")
    assert await reader.read() == b""
    assert served.made == []
    writer.close()
    await writer.wait_closed()


async def test_an_unknown_name_does_not_get_through_the_handshake(served: Served) -> None:
    with pytest.raises(ssl.SSLError):
        await served.connect("unknown.localhost")
    assert served.made == []


async def test_an_address_in_use_is_an_error(served: Served) -> None:
    context = sni_listener(lambda _: None)
    with pytest.raises(OSError, match="in use"):
        await listen_tls("127.0.0.1", served.port, context=context, route=served.route)


@contextlib.contextmanager
def no_descriptor_left() -> Iterator[None]:
    """The process can open nothing more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.dup(0)
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 50, hard))
    fillers = [spare]
    try:
        with contextlib.suppress(OSError):
            while True:
                fillers.append(os.dup(0))
        yield
    finally:
        for one in fillers:
            os.close(one)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_without_a_descriptor_left_it_waits_and_then_serves(caplog: pytest.LogCaptureFixture) -> None:
    loop = asyncio.get_running_loop()
    async with await listen_plain("127.0.0.1", 0, lambda: Greeter("there")) as listener:
        with socket.socket() as client:
            client.setblocking(False)
            with no_descriptor_left():
                await loop.sock_connect(client, listener.sockets[0].getsockname())
                await asyncio.sleep(0.3)  # the loop neither ends nor spins
                told = [one for one in caplog.records if one.message == "cannot_accept"]
                assert 1 <= len(told) <= 3
            async with asyncio.timeout(10):
                assert await loop.sock_recv(client, 100) == b"there\n"


async def test_who_does_not_end_its_handshake_is_cut(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.http.listener.HANDSHAKE_S", 0.1)
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"\x16\x03\x01\x02\x00")  # the beginning of a handshake
    assert await ended(reader)
    assert served.made == []
    writer.close()


async def test_handshakes_under_way_end_with_the_listener(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(b"\x16\x03\x01\x02\x00")
    await asyncio.sleep(0.1)
    served.listener.close()
    assert await ended(reader)
    assert served.made == []
    writer.close()


async def ended(reader: asyncio.StreamReader) -> bool:
    """Whether the connection is over, long before a handshake is given up."""
    async with asyncio.timeout(5):
        try:
            return await reader.read() == b""
        except ConnectionResetError:
            return True
