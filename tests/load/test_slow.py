"""Many that are slow, at every stage of a request: nobody else waits for them, and in time they are cut."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.load.scene import IS_SOAK, Scene, memory_mb
from tests.load.traffic import Door, new_transaction_id, percentile, summary, traffic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

EACH = 40
"""How many there are of each of the five kinds."""
LOAD_S = 30 if IS_SOAK else 2
TIMEOUTS = {"header_seconds": 4, "idle_seconds": 4, "read_seconds": 5}
SLACK_S = 10
"""How much later than configured something may be cut on a busy machine."""
BOUND_S = 2.0
MAX_GROWTH_MB = 80

Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Slow = Callable[[Door, "Slowness"], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Slowness:
    """What became of the slow ones."""

    cut: list[str] = field(default_factory=list)
    """The kinds of those that the program cut."""
    told: list[bytes] = field(default_factory=list)
    """The first line of answers to what a silent Service did not answer."""


@asynccontextmanager
async def _connected(door: Door) -> AsyncIterator[Stream]:
    """A connection with little room for what comes."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.setblocking(False)
    await asyncio.get_running_loop().sock_connect(raw, ("127.0.0.1", door.port))
    reader, writer = await asyncio.open_connection(sock=raw, ssl=door.tls, server_hostname=door.name)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def _idle(door: Door, seen: Slowness) -> None:
    async with _connected(door) as (reader, _):
        await _until_cut(reader)
    seen.cut.append("idle")


async def _slow_head(door: Door, seen: Slowness) -> None:
    async with _connected(door) as (reader, writer), asyncio.TaskGroup() as tasks:
        cut = tasks.create_task(_until_cut(reader))
        for byte in door.request(new_transaction_id(), "/echo"):
            if cut.done():
                break
            writer.write(bytes([byte]))
            await asyncio.wait([cut], timeout=1)
    seen.cut.append("head")


async def _slow_writer(door: Door, seen: Slowness) -> None:
    del seen
    async with _connected(door) as (_, writer):
        head = door.request(new_transaction_id(), "/digest", "Content-Length: 1000")
        writer.write(head.replace(b"GET", b"POST", 1))
        while True:
            writer.write(b".")
            await asyncio.sleep(1)


async def _slow_reader(door: Door, seen: Slowness) -> None:
    del seen
    async with _connected(door) as (_, writer):
        writer.write(door.request(new_transaction_id(), "/bytes/5000000"))
        writer.transport.pause_reading()  # type: ignore[attr-defined]  # what a stream writes to is also read from
        await asyncio.Event().wait()


async def _silent_service(door: Door, seen: Slowness) -> None:
    async with _connected(door) as (reader, writer):
        writer.write(door.request(new_transaction_id(), "/silent"))
        seen.told.append(await reader.readline())


KINDS: tuple[Slow, ...] = (_idle, _slow_head, _slow_writer, _slow_reader, _silent_service)


async def _until_cut(reader: asyncio.StreamReader) -> None:
    with suppress(ConnectionError):
        while await reader.read(1024):
            pass


@asynccontextmanager
async def _slow_ones(door: Door) -> AsyncIterator[Slowness]:
    """So many of each kind, for as long as the context is open."""
    seen = Slowness()
    async with asyncio.TaskGroup() as tasks:
        slow = []
        for _ in range(EACH):  # not all at once: it is not the handshakes that are under test
            slow += [tasks.create_task(kind(door, seen)) for kind in KINDS]
            await asyncio.sleep(0.02)
        await asyncio.sleep(1)
        yield seen
        for one in slow:
            one.cancel()


@pytest.mark.parametrize("role", ["inway", "outway"])
async def test_slow_clients_and_services_do_not_starve_others_and_are_cut(scene: Scene, role: str) -> None:
    program = scene.provider if role == "inway" else scene.consumer
    async with scene.running(program, timeouts=TIMEOUTS):
        door = await scene.inway() if role == "inway" else scene.outway()
        async with traffic(door, 4) as warm:
            await warm.wait_for_more(50)
        before_mb = memory_mb(program)
        began_at = time.monotonic()
        async with _slow_ones(door) as slow:
            async with traffic(door, 4) as good:
                await asyncio.sleep(LOAD_S)
                await good.wait_until(lambda: good.answered, 50)
            grown_mb = memory_mb(program) - before_mb
            patience_s = max(TIMEOUTS.values()) + SLACK_S
            while len(slow.cut) < 2 * EACH or len(slow.told) < EACH:
                assert time.monotonic() < began_at + patience_s, (len(slow.cut), len(slow.told))
                await asyncio.sleep(0.1)

    assert summary(good.failures) == {}
    assert percentile(good.attempts, 0.99) < BOUND_S
    assert grown_mb < MAX_GROWTH_MB
    assert {line.split(b" ")[1] for line in slow.told} == {b"502"}
