import asyncio
from collections.abc import Callable

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.relay.transport import HIGH_WATER, SocketTransport
from tests.gateway.relay.pairs import PATIENCE_S, Recorder, both, pair, until

_STEPS = st.sampled_from(["write", "write much", "write_eof", "pause", "resume", "turn"])
_ENDS = st.sampled_from(["linger", "abort"])
"""`close` as well without TLS; with it, what nobody read (session tickets) makes the kernel take back the last data."""
_loops = pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uv"])


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
        async with asyncio.timeout(PATIENCE_S):
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
