"""`klantenregister.worker`: the line between a worker and its supervisor, here played by the test."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from klantenregister.frames import Frame, FrameProtocol, Kind, Start, render_message, render_start
from klantenregister.worker import Line, Worker, alone, parse_settings, render_settings
from storage.errors import StoreUnavailable
from tests.gateway.harness import eventually
from tests.klantenregister.running import Place


class Other:
    """The end of the supervisor."""

    def __init__(self) -> None:
        self.heard: list[Frame] = []
        self.frames = FrameProtocol(self.heard.append, lambda: None)
        self.cut = asyncio.Event()

    async def joined(self, start: Start) -> Line:
        """The line of a worker that was started so."""
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        await loop.create_unix_connection(lambda: self.frames, sock=ours)
        self.frames.send(Kind.START, render_start(start))
        return await Line.join(theirs.detach(), self.cut)


@pytest.fixture
async def other() -> AsyncIterator[Other]:
    other = Other()
    yield other
    other.frames.close()
    await asyncio.sleep(0)


async def test_a_worker_learns_which_one_it_is(other: Other) -> None:
    line = await other.joined(Start(1, False, b"settings"))
    worker = Worker(1, line, line)

    assert line.start == Start(1, False, b"settings")
    assert (worker.is_leader, worker.is_first, worker.are_all_serving) == (False, False, False)
    other.frames.send(Kind.COMPLETE, b"1")
    await eventually(lambda: worker.are_all_serving)
    await line.close()


def test_without_a_supervisor_there_is_one_which_leads() -> None:
    worker = alone()

    assert (worker.is_leader, worker.is_first, worker.are_all_serving) == (True, True, True)


async def test_messages_come_from_the_others_and_go_to_them(other: Other) -> None:
    line = await other.joined(Start(0, True, b""))
    async with line.subscribe("changes") as messages:
        other.frames.send(Kind.MESSAGE, render_message("elsewhere", b"no"))
        other.frames.send(Kind.MESSAGE, render_message("changes", b"theirs"))
        assert await anext(messages) == b"theirs"
        await line.publish("changes", b"ours")
        assert await anext(messages) == b"ours"
    await eventually(lambda: other.heard == [Frame(Kind.MESSAGE, render_message("changes", b"ours"))])
    await line.close()


async def test_lost_messages_are_told_to_who_listens(other: Other) -> None:
    line = await other.joined(Start(0, True, b""))
    async with line.subscribe("changes") as messages:
        other.frames.send(Kind.LOST)
        with pytest.raises(StoreUnavailable):
            await anext(messages)
    async with line.subscribe("changes") as messages:
        other.frames.send(Kind.MESSAGE, render_message("changes", b"again"))
        assert await anext(messages) == b"again"
    await line.close()


async def test_when_the_supervisor_is_gone_the_worker_is_to_stop(other: Other) -> None:
    line = await other.joined(Start(0, True, b""))
    other.frames.close()

    async with asyncio.timeout(5):
        await other.cut.wait()
    with pytest.raises(StoreUnavailable):
        await line.publish("changes", b"to nobody")


async def test_a_supervisor_that_is_gone_before_it_said_anything_is_told() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with pytest.raises(StoreUnavailable):
        await Line.join(theirs.detach(), asyncio.Event())


async def test_of_several_settings_the_last_counts_and_they_arrive_whole(other: Other, place: Place) -> None:
    line = await other.joined(Start(1, False, b""))
    place.document["tenants"][0]["services"] = [
        {"name": "echo", "upstream": "http://127.0.0.1:1", "properties": {"a": 1}}
    ]
    first = place.settings()
    place.document["tenants"][0]["services"] = []
    last = place.settings()
    for settings in (first, last):
        other.frames.send(Kind.SETTINGS, render_settings(settings))
    await asyncio.sleep(0.05)

    assert await line.next_settings() == last
    assert parse_settings(render_settings(first)) == first
    await line.close()


async def test_the_leader_alone_tells_settings(other: Other, place: Place) -> None:
    line = await other.joined(Start(0, True, b""))
    Worker(1, line, line).share(place.settings())
    Worker(0, line, line).share(place.settings())
    line.tell_serving(20)

    await eventually(lambda: len(other.heard) == 2)
    assert [frame.kind for frame in other.heard] == [Kind.SETTINGS, Kind.SERVING]
    await line.close()
