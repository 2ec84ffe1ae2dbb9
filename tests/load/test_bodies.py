"""Large bodies in both directions through Outway and Inway: intact, and never in memory as a whole."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.e2e.federation import Program
from tests.load.scene import Scene, memory_mb
from tests.load.service import blocks
from tests.load.traffic import Door, new_transaction_id, parse_headers

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

UPLOAD = 20 * 2**20
DOWNLOAD = 50 * 2**20
SMALL = 2**20
MAX_GROWTH_MB = 30


@asynccontextmanager
async def _within_bounds(*programs: Program) -> AsyncIterator[None]:
    """Look at the memory of these programs all the time: it may grow a little only."""
    before = [memory_mb(program) for program in programs]
    most = list(before)

    async def look() -> None:
        while True:
            most[:] = [max(known, memory_mb(program)) for known, program in zip(most, programs, strict=True)]
            await asyncio.sleep(0.02)

    async with asyncio.TaskGroup() as tasks:
        looking = tasks.create_task(look())
        yield
        looking.cancel()
    grown = [round(high - low) for high, low in zip(most, before, strict=True)]
    assert max(grown) < MAX_GROWTH_MB, grown


async def _upload(door: Door, length: int, *, chunked: bool) -> str:
    """Send a body to be digested; what the Service made of it."""
    reader, writer = await door.connect()
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {length}"
    head = door.request(new_transaction_id(), "/digest", framing, "Connection: close")
    writer.write(head.replace(b"GET", b"POST", 1))
    for block in blocks(length):
        writer.write(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
        await writer.drain()
    if chunked:
        writer.write(b"0\r\n\r\n")
    answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 200 "), answer[:500]
    return answer.rpartition(b"\r\n\r\n")[2].decode()


async def _download(door: Door, length: int) -> str:
    """The digest of a body of this length, after it has come whole."""
    reader, writer = await door.connect()
    writer.write(door.request(new_transaction_id(), f"/bytes/{length}", "Connection: close"))
    assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    headers = parse_headers(await reader.readuntil(b"\r\n\r\n"))
    assert headers["content-length"] == str(length)
    digest = hashlib.sha256()
    while data := await reader.read(2**18):
        digest.update(data)
    writer.close()
    return digest.hexdigest()


def _digest(length: int) -> str:
    digest = hashlib.sha256()
    for block in blocks(length):
        digest.update(block)
    return digest.hexdigest()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_a_large_upload_arrives_intact(scene: Scene, chunked: bool) -> None:
    door = scene.outway()
    await _upload(door, SMALL, chunked=chunked)
    async with _within_bounds(*scene.programs):
        got = await _upload(door, UPLOAD, chunked=chunked)

    assert got == _digest(UPLOAD)


async def test_a_large_download_arrives_intact(scene: Scene) -> None:
    door = scene.outway()
    await _download(door, SMALL)
    async with _within_bounds(*scene.programs):
        got = await _download(door, DOWNLOAD)

    assert got == _digest(DOWNLOAD)


async def test_a_reader_that_stops_holds_the_service_back_and_fills_no_memory(scene: Scene) -> None:
    door = scene.outway()
    await _download(door, SMALL)
    async with _within_bounds(*scene.programs):
        reader, writer = await door.connect()
        writer.write(door.request(new_transaction_id(), f"/bytes/{DOWNLOAD}"))
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(2)
    writer.transport.abort()
