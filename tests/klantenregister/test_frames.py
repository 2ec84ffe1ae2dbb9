"""`klantenregister.frames`: what a supervisor and its workers say to each other."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klantenregister.frames import (
    BACKLOG_BYTES,
    MAX_FRAME_BYTES,
    Frame,
    FrameProtocol,
    FrameReader,
    Garbled,
    Kind,
    Start,
    parse_message,
    parse_start,
    render,
    render_message,
    render_start,
)
from tests.gateway.harness import eventually


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from(Kind), st.binary(max_size=300)), max_size=8),
    st.integers(min_value=1, max_value=50),
)
def test_frames_come_out_as_they_went_in_however_they_are_cut(sent: list[tuple[Kind, bytes]], size: int) -> None:
    stream = b"".join(render(kind, payload) for kind, payload in sent)
    reader = FrameReader()
    read = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]

    assert read == [Frame(kind, payload) for kind, payload in sent]


@pytest.mark.parametrize("length", [0, MAX_FRAME_BYTES + 1])
def test_a_length_that_cannot_be_is_refused(length: int) -> None:
    with pytest.raises(Garbled):
        list(FrameReader().feed(length.to_bytes(4, "big") + b"\x01"))


@given(st.text(max_size=30), st.binary(max_size=100))
def test_a_message_keeps_its_channel_and_its_bytes(channel: str, message: bytes) -> None:
    assert parse_message(render_message(channel, message)) == (channel, message)


@given(st.integers(min_value=0, max_value=99), st.booleans(), st.binary(max_size=100))
def test_a_start_keeps_what_it_tells(number: int, is_first: bool, text: bytes) -> None:
    start = Start(number, is_first, text)
    assert parse_start(render_start(start)) == start


@pytest.mark.parametrize("payload", [b"", b"\n", b"x 1\n", b"1\n"])
def test_a_start_without_a_number_is_refused(payload: bytes) -> None:
    with pytest.raises(Garbled):
        parse_start(payload)


@pytest.mark.parametrize("payload", [b"", b"\0\0\0", b"\0\0\0\x01\xff"])
def test_a_message_without_a_channel_is_refused(payload: bytes) -> None:
    with pytest.raises(Garbled):
        parse_message(payload)


class End:
    """One end, and what it heard."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.losses = 0
        self.frames = FrameProtocol(self.heard.append, self._lost)

    def _lost(self) -> None:
        self.losses += 1


def _same(frames: FrameProtocol) -> FrameProtocol:
    return frames


@asynccontextmanager
async def two_ends() -> AsyncIterator[tuple[End, End]]:
    loop = asyncio.get_running_loop()
    ends = End(), End()
    for end, one in zip(ends, socket.socketpair(), strict=True):
        await loop.create_unix_connection(partial(_same, end.frames), sock=one)
    yield ends
    for end in ends:
        end.frames.close()
    await eventually(lambda: all(end.losses == 1 for end in ends))


async def test_what_is_sent_arrives_and_the_end_is_told_once() -> None:
    async with two_ends() as (here, there):
        assert here.frames.send(Kind.SERVING, b"20")
        await eventually(lambda: there.heard == [Frame(Kind.SERVING, b"20")])
        there.frames.close()
        await eventually(lambda: here.losses == 1)
        assert not here.frames.send(Kind.MESSAGE, b"nobody")


async def test_what_is_no_frame_ends_the_connection() -> None:
    async with two_ends() as (here, there):
        assert here.frames._transport is not None
        here.frames._transport.write(b"\xff" * 9)
        await eventually(lambda: there.losses == 1)
    assert there.heard == []


async def test_one_who_does_not_read_loses_messages_and_is_told_so() -> None:
    async with two_ends() as (here, there):
        assert there.frames._transport is not None
        there.frames._transport.pause_reading()
        sent = 0
        while here.frames.send(Kind.MESSAGE, b"x" * 100_000):
            sent += 1
            await asyncio.sleep(0)
            assert sent * 100_000 < 4 * BACKLOG_BYTES
        assert here.frames.send(Kind.SETTINGS, b"never dropped")
        there.frames._transport.resume_reading()
        await eventually(lambda: Frame(Kind.LOST, b"") in there.heard)

    assert Frame(Kind.SETTINGS, b"never dropped") in there.heard
    assert sum(frame.kind == Kind.MESSAGE for frame in there.heard) == sent
