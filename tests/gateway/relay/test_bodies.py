"""Bodies through Outway and Inway: as they are, as they come, and no faster than they are taken."""

import asyncio
import gzip
import tracemalloc

import pytest

from tests.gateway.dataplane import GET, START, DataPlane
from tests.gateway.echo import answering
from tests.gateway.wire import Message, Wire

MIB = 2**20


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "GET", "DELETE"])
async def test_a_body_of_known_length_keeps_it(plane: DataPlane, application: Wire, method: str) -> None:
    head = f"{method} / HTTP/1.1\r\nHost: klant.x\r\nContent-Length: 4\r\n\r\n".encode()
    answer = await application.ask(head, b"body")
    assert answer.status == 200
    (received,) = plane.service.received
    assert received.body == b"body"
    assert received.head.all("Content-Length") == ["4"]
    assert "transfer-encoding" not in received.head.names()


async def test_a_body_of_unknown_length_is_chunked_both_ways(plane: DataPlane, application: Wire) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n"
        b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nX-T: 1\r\n\r\n"
    )
    chunked = START + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    for number in range(2):
        answer = await application.ask(chunked)
        assert (answer.status, answer.body) == (200, b"abcde")
        assert application.trailers == b"X-T: 1\r\n"
        received = plane.service.received[number]
        assert received.body == b"abcde"
        for head in (answer.head, received.head):
            assert head.all("Transfer-Encoding") == ["chunked"]
            assert "content-length" not in head.names()


@pytest.mark.parametrize("line", [b"Content-Length: 0\r\n", b""])
async def test_a_post_without_a_body(plane: DataPlane, application: Wire, line: bytes) -> None:
    answer = await application.ask(START + line + b"\r\n")
    assert answer.status == 200
    assert plane.service.received[0].body == b""


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "unheard-of"])
async def test_compressed_bodies_are_left_as_they_are(plane: DataPlane, application: Wire, encoding: str) -> None:
    body = gzip.compress(b"content " * 100, mtime=0)
    fields = f"Content-Encoding: {encoding}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\n" + fields + body)
    answer = await application.ask(START + fields + body)
    for message in (answer, plane.service.received[0]):
        assert message.body == body
        assert message.head.get("Content-Encoding") == encoding
        assert message.head.get("Content-Length") == str(len(body))


async def test_a_body_arrives_while_it_is_sent(plane: DataPlane, application: Wire) -> None:
    parts: asyncio.Queue[bytes] = asyncio.Queue()

    async def behave(request: Message, wire: Wire) -> None:
        async for part in wire.chunks():
            parts.put_nowait(part)
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)

    plane.service.reads_body = False
    plane.service.behaviour = behave
    await application.send(START, b"Transfer-Encoding: chunked\r\n\r\n")
    for part in (b"one", b"two", b"three"):
        await application.send(b"%x\r\n%b\r\n" % (len(part), part))
        assert await asyncio.wait_for(parts.get(), 5) == part
    answer = await application.ask(b"0\r\n\r\n")
    assert (answer.status, answer.body) == (200, b"ok")


async def test_an_answer_arrives_while_it_is_made(plane: DataPlane, application: Wire) -> None:
    said: asyncio.Queue[bytes] = asyncio.Queue()

    async def behave(request: Message, wire: Wire) -> None:
        del request
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while part := await said.get():
            await wire.send(b"%x\r\n%b\r\n" % (len(part), part))
        await wire.send(b"0\r\n\r\n")

    plane.service.behaviour = behave
    await application.send(GET)
    assert (await application.head()).status == 200  # before the Service has said a byte of the body
    for part in (b"one", b"two"):
        said.put_nowait(part)
        assert await application.chunk() == part
    said.put_nowait(b"")
    assert await application.chunk() == b""


async def test_a_service_may_answer_before_the_upload_ends(plane: DataPlane, application: Wire) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        del request
        await wire.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        async for part in wire.chunks():
            await wire.send(b"%x\r\n%b\r\n" % (len(part), part))
        await wire.send(b"0\r\n\r\n")

    plane.service.reads_body = False
    plane.service.behaviour = behave
    await application.send(START, b"Transfer-Encoding: chunked\r\n\r\n")
    assert (await application.head()).status == 200
    for part in (b"one", b"two"):
        await application.send(b"%x\r\n%b\r\n" % (len(part), part))
        assert await application.chunk() == part
    await application.send(b"0\r\n\r\n")
    assert await application.chunk() == b""


async def test_a_service_may_refuse_an_upload_that_goes_on(plane: DataPlane, application: Wire) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        await answering(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")(request, wire)

    plane.service.reads_body = False
    plane.service.behaviour = behave
    await application.send(START, b"Content-Length: 1000000\r\n\r\n", b"x" * 1000)
    answer = await application.message()
    assert (answer.status, answer.body) == (413, b"no")


async def test_the_application_is_told_to_continue(plane: DataPlane, application: Wire) -> None:
    await application.send(START, b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")
    assert (await application.head()).status == 100
    answer = await application.ask(b"body")
    assert answer.status == 200
    assert plane.service.received[0].body == b"body"
    assert "expect" not in plane.service.received[0].head.names()


# -- volume


async def test_large_bodies_pass_in_little_memory(plane: DataPlane, application: Wire) -> None:
    size, piece = 24 * MIB, b"x" * (MIB // 4)
    counted = 0

    async def behave(request: Message, wire: Wire) -> None:
        nonlocal counted
        del request
        while counted < size:
            counted += len(await wire.some(MIB))
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            await wire.send(piece)

    plane.service.reads_body = False
    plane.service.behaviour = behave
    tracemalloc.start()
    try:
        await application.send(START, b"Content-Length: %d\r\n\r\n" % size)
        for _ in range(size // len(piece)):
            await application.send(piece)
        head = await application.head()
        received = 0
        while received < size:
            received += len(await application.some(MIB))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (head.status, received, counted) == (200, size, size)
    assert peak < 12 * MIB  # the two relays and the buffers of the test's own two ends


async def test_a_service_waits_for_a_slow_reader(plane: DataPlane, application: Wire) -> None:
    piece, sent = b"x" * MIB, 0
    size = 64

    async def behave(request: Message, wire: Wire) -> None:
        nonlocal sent
        del request
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (size * MIB))
        while sent < size:
            await wire.send(piece)
            sent += 1

    plane.service.behaviour = behave
    await application.send(GET)
    assert (await application.head()).status == 200
    before = -1
    while sent != before:  # until it stands still
        before = sent
        await asyncio.sleep(0.2)
    assert sent < size // 2
    received = 0
    while received < size * MIB:
        received += len(await application.some(MIB))
    assert sent == size


async def test_an_application_waits_for_a_slow_service(plane: DataPlane, application: Wire) -> None:
    reads, piece, sent, size = asyncio.Event(), b"x" * MIB, 0, 64

    async def behave(request: Message, wire: Wire) -> None:
        await reads.wait()
        left = size * MIB
        while left:
            left -= len(await wire.some(MIB))
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)

    async def upload() -> None:
        nonlocal sent
        while sent < size:
            await application.send(piece)
            sent += 1

    plane.service.reads_body = False
    plane.service.behaviour = behave
    await application.send(START, b"Content-Length: %d\r\n\r\n" % (size * MIB))
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(upload())
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.2)
        assert sent < size // 2
        reads.set()
    assert (await application.message()).body == b"ok"
