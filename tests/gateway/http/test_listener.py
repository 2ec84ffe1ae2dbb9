"""One socket for many protocols: after the handshake each connection gets the one its name stands for."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest

from certs.tls import client_context, server_context, server_name_of, sni_listener
from clock import SystemClock
from gateway.http.listener import ProtocolFactory, Route, listen_tls
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
