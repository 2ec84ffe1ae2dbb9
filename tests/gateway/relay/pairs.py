"""Two ends of a connection within one test, and who listens at them."""

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from certs.tls import client_context, server_context
from clock import SystemClock
from gateway.relay.tls_transport import TlsTransport
from gateway.relay.transport import SocketTransport
from tests.gateway.harness import CONSUMER, PROVIDER, RULE, key_pair, make_group

PATIENCE_S = 20


class Recorder(asyncio.Protocol):
    """Keeps what it hears, and in which order."""

    def __init__(self, *, goes_on: bool = True) -> None:
        self.made = 0
        self.lost: list[Exception | None] = []
        self.ended = 0
        self.data = bytearray()
        self.pauses: list[bool] = []
        self.goes_on = goes_on

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.made += 1

    def data_received(self, data: bytes) -> None:
        assert not self.lost
        self.data += data

    def eof_received(self) -> bool:
        self.ended += 1
        return self.goes_on

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.append(exc)

    def pause_writing(self) -> None:
        self.pauses.append(True)

    def resume_writing(self) -> None:
        self.pauses.append(False)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.001)


@contextmanager
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Both ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
    for one in (near, far):
        one.setblocking(False)
    try:
        yield near, far
    finally:
        for one in (near, far):
            # A loop that watches a closed descriptor ends the process: let it be forgotten first.
            if one.fileno() != -1:
                asyncio.get_running_loop().remove_reader(one.fileno())
                asyncio.get_running_loop().remove_writer(one.fileno())
                one.close()


async def tls_pair(
    near: socket.socket, far: socket.socket, at_near: Recorder, at_far: Recorder
) -> tuple[TlsTransport, TlsTransport]:
    """Both ends after the handshake."""
    group, clock = make_group(), SystemClock()
    outgoing = client_context(
        key_pair(CONSUMER), group.trust, RULE, expected_peer=PROVIDER, check_host_name=False, clock=clock
    )
    incoming = server_context(key_pair(PROVIDER), group.trust, RULE, clock=clock)
    loop = asyncio.get_running_loop()
    client = TlsTransport(loop, near, at_near, outgoing, server_side=False, server_name="x.localhost")
    server = TlsTransport(loop, far, at_far, incoming, server_side=True)
    results: list[Exception | None] = []
    server.shake_hands(results.append)
    client.shake_hands(results.append)
    await until(lambda: len(results) == 2)
    assert results == [None, None]
    server.start()
    client.start()
    return client, server


async def both(
    near: socket.socket, far: socket.socket, at_near: Recorder, at_far: Recorder, *, tls: bool
) -> tuple[SocketTransport, SocketTransport]:
    if tls:
        return await tls_pair(near, far, at_near, at_far)
    loop = asyncio.get_running_loop()
    transports = SocketTransport(loop, near, at_near), SocketTransport(loop, far, at_far)
    for transport in transports:
        transport.start()
    return transports
