import asyncio
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.tls import client_context, server_context
from clock import SystemClock
from gateway.relay.transport import HIGH_WATER, SocketTransport, TlsTransport
from tests.gateway.harness import CONSUMER, PROVIDER, RULE, key_pair, make_group

_PATIENCE_S = 20
_STEPS = st.sampled_from(["write", "write much", "write_eof", "pause", "resume", "turn"])
_ENDS = st.sampled_from(["linger", "abort"])
"""`close` as well without TLS; with it, what nobody read (session tickets) makes the kernel take back the last data."""
_loops = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uv"])


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
    async with asyncio.timeout(_PATIENCE_S):
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


async def play(steps: list[str], end: str, *, tls: bool) -> None:
    """Do the steps at one end; the other end only listens, and ends when this end does."""
    at_near, at_far = Recorder(), Recorder(goes_on=False)
    with pair() as (near, far):
        mine, theirs = await both(near, far, at_near, at_far, tls=tls)
        said = bytearray()
        for number, step in enumerate(steps):
            match step:
                case "write" | "write much":
                    data = bytes([number % 256]) * (10 if step == "write" else 700_000)
                    if "write_eof" not in steps[:number]:
                        said += data
                    mine.write(data)
                case "write_eof":
                    mine.write_eof()
                case "pause":
                    theirs.pause_reading()
                case "resume":
                    theirs.resume_reading()
                case _:
                    await asyncio.sleep(0)
        {"close": mine.close, "linger": mine.linger, "abort": mine.abort}[end]()
        assert mine.is_closing()
        mine.write(b"nothing is written after the end")
        theirs.resume_reading()
        if end == "abort":  # whether the other side hears of it at once depends on its loop
            await until(lambda: bool(at_near.lost))
            theirs.abort()
        await until(lambda: bool(at_near.lost and at_far.lost))
        await asyncio.sleep(0)
        assert (at_near.made, len(at_near.lost)) == (1, 1)
        assert (at_far.made, len(at_far.lost)) == (1, 1)
        if end == "abort":
            assert said.startswith(at_far.data)
        else:
            assert at_far.data == said
            assert at_near.lost == [None]
        assert near.fileno() == far.fileno() == -1


@_loops
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_nothing_is_lost_and_the_end_is_told_once(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], tls: bool
) -> None:
    with asyncio.Runner(loop_factory=loop_factory) as runner:

        @given(st.lists(_STEPS, max_size=8), _ENDS if tls else _ENDS | st.just("close"))
        @settings(max_examples=15, deadline=None)
        def check(steps: list[str], end: str) -> None:
            runner.run(play(steps, end, tls=tls))

        check()


@_loops
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
def test_each_side_may_end_before_the_other(loop_factory: Callable[[], asyncio.AbstractEventLoop], tls: bool) -> None:
    async def talk() -> None:
        at_near, at_far = Recorder(), Recorder()
        with pair() as (near, far):
            mine, theirs = await both(near, far, at_near, at_far, tls=tls)
            mine.write(b"a question")
            mine.write_eof()
            mine.write(b"not said any more")
            await until(lambda: bool(at_far.ended))
            assert bytes(at_far.data) == b"a question"
            assert not at_near.lost
            assert not at_far.lost
            theirs.write(b"x" * 1_000_000)
            theirs.write_eof()
            # Both have said all: neither has to be closed by anybody.
            await until(lambda: bool(at_near.lost and at_far.lost))
            assert len(at_near.data) == 1_000_000
            assert at_near.lost == at_far.lost == [None]

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(talk())


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_what_waits_for_the_socket_is_bounded_by_who_writes(tls: bool) -> None:
    at_near, at_far = Recorder(), Recorder()
    with pair() as (near, far):
        mine, theirs = await both(near, far, at_near, at_far, tls=tls)
        theirs.pause_reading()
        written = 0
        async with asyncio.timeout(_PATIENCE_S):
            while not at_near.pauses:
                mine.write(b"x" * 50_000)
                written += 50_000
                await asyncio.sleep(0)
        assert at_near.pauses == [True]
        assert mine.get_write_buffer_size() > HIGH_WATER
        theirs.resume_reading()
        await until(lambda: len(at_far.data) == written)
        assert at_near.pauses == [True, False]
        assert mine.get_write_buffer_size() == 0
        mine.abort()
        theirs.abort()
        await until(lambda: bool(at_near.lost and at_far.lost))


@pytest.mark.parametrize("tls", [False, True], ids=["plain", "tls"])
async def test_an_abort_is_seen_as_one(tls: bool) -> None:
    at_near, at_far = Recorder(), Recorder()
    with pair() as (near, far):
        mine, _ = await both(near, far, at_near, at_far, tls=tls)
        mine.abort()
        mine.abort()
        await until(lambda: bool(at_near.lost and at_far.lost))
        assert isinstance(at_far.lost[0], ConnectionResetError)
        assert at_near.lost == [None]


async def test_a_fault_of_the_protocol_ends_its_connection_alone(caplog: pytest.LogCaptureFixture) -> None:
    class Faulty(Recorder):
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("of the protocol")

    at_near, at_far = Recorder(goes_on=False), Faulty()
    with pair() as (near, far):
        mine, _ = await both(near, far, at_near, at_far, tls=False)
        mine.write(b"x")
        await until(lambda: bool(at_near.lost and at_far.lost))
    assert [one.message for one in caplog.records] == ["connection_fault"]
    caplog.clear()


# -- TLS


async def test_what_is_no_handshake_is_told_once_and_not_to_the_protocol() -> None:
    at_far = Recorder()
    results: list[Exception | None] = []
    with pair() as (near, far):
        incoming = server_context(key_pair(PROVIDER), make_group().trust, RULE, clock=SystemClock())
        server = TlsTransport(asyncio.get_running_loop(), far, at_far, incoming, server_side=True)
        server.shake_hands(results.append)
        near.send(b"GET / HTTP/1.1\r\n\r\n" * 100)
        await until(lambda: bool(results))
        await until(lambda: far.fileno() == -1)
    assert len(results) == 1
    assert isinstance(results[0], ssl.SSLError)
    assert (at_far.made, at_far.lost) == (0, [])


async def test_an_end_without_a_goodbye_is_not_a_clean_one() -> None:
    at_near, at_far = Recorder(), Recorder(goes_on=False)
    with pair() as (near, far):
        mine, theirs = await tls_pair(near, far, at_near, at_far)
        near.shutdown(socket.SHUT_WR)  # somebody in between cut it
        await until(lambda: bool(at_far.ended))
        assert not theirs.ended_clean
        mine.abort()
        await until(lambda: bool(at_near.lost and at_far.lost))


async def test_an_end_with_a_goodbye_is_a_clean_one() -> None:
    at_near, at_far = Recorder(), Recorder(goes_on=False)
    with pair() as (near, far):
        mine, theirs = await tls_pair(near, far, at_near, at_far)
        mine.close()
        await until(lambda: bool(at_near.lost and at_far.lost))
        assert theirs.ended_clean


async def test_what_nobody_has_read_is_known() -> None:
    at_near = Recorder()
    with pair() as (near, far):
        mine = SocketTransport(asyncio.get_running_loop(), near, at_near)
        mine.start()
        mine.pause_reading()
        assert not mine.has_unread()
        far.send(b"more")
        await until(mine.has_unread)
        mine.resume_reading()
        await until(lambda: at_near.data == b"more")
        assert not mine.has_unread()
        far.close()
        assert not mine.has_unread()
        mine.abort()
        await until(lambda: bool(at_near.lost))
        assert not mine.has_unread()
