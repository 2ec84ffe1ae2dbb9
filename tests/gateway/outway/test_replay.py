"""Bodies that stream by, and those that can be sent once more."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.outway import replay
from gateway.outway.replay import MAX_KEPT_BYTES, ReplayableBody


async def source(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def read(body: AsyncIterator[bytes] | None) -> bytes:
    return b"" if body is None else b"".join([chunk async for chunk in body])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.binary(min_size=1, max_size=50), max_size=10))
async def test_a_small_body_passes_as_it_is_and_once_more(chunks: list[bytes]) -> None:
    body = ReplayableBody(source(*chunks))
    assert await read(body.first()) == b"".join(chunks)
    assert await body.can_repeat()
    assert await read(body.again()) == b"".join(chunks)


async def test_no_body_stays_no_body() -> None:
    body = ReplayableBody(None)
    assert body.first() is None
    assert await body.can_repeat()
    assert body.again() is None


@pytest.mark.parametrize(("size", "can_repeat"), [(MAX_KEPT_BYTES, True), (MAX_KEPT_BYTES + 1, False)])
async def test_only_so_much_is_kept(size: int, can_repeat: bool) -> None:
    body = ReplayableBody(source(b"x" * (size - 10), b"y" * 10))
    assert len(await read(body.first())) == size
    assert await body.can_repeat() is can_repeat


async def test_the_rest_is_read_when_nobody_sends_it_any_more() -> None:
    body = ReplayableBody(source(b"one", b"two"))
    first = body.first()
    assert first is not None
    assert await anext(first) == b"one"
    assert await body.can_repeat()
    assert await read(body.again()) == b"onetwo"


async def test_half_of_a_body_is_never_taken_for_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    async def stalling() -> AsyncIterator[bytes]:
        yield b"one"
        await asyncio.Event().wait()

    async def breaking() -> AsyncIterator[bytes]:
        yield b"one"
        raise ConnectionResetError

    monkeypatch.setattr(replay, "PATIENCE_S", 0.01)
    assert not await ReplayableBody(stalling()).can_repeat()
    assert not await ReplayableBody(breaking()).can_repeat()


async def test_reading_by_two_at_the_same_time_keeps_the_order() -> None:
    gate = asyncio.Event()

    async def gated() -> AsyncIterator[bytes]:
        yield b"one"
        await gate.wait()
        yield b"two"
        yield b"three"

    body = ReplayableBody(gated())
    async with asyncio.TaskGroup() as tasks:
        sending = tasks.create_task(read(body.first()))
        judging = tasks.create_task(body.can_repeat())
        await asyncio.sleep(0)
        gate.set()
    assert judging.result()
    assert sending.result().startswith(b"one")
    assert await read(body.again()) == b"onetwothree"


async def test_a_large_body_is_not_waited_for() -> None:
    body = ReplayableBody(source(b"x" * (MAX_KEPT_BYTES + 1), b"more"))
    first = body.first()
    assert first is not None
    await anext(first)
    assert not await body.can_repeat()
