"""Connections through Outway and Inway: used again, cut, given up; and framing that is refused."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from tests.gateway.dataplane import GET, START, DataPlane
from tests.gateway.echo import answering
from tests.gateway.wire import Message, Wire


async def test_connections_are_used_again(plane: DataPlane, application: Wire) -> None:
    for _ in range(5):
        await application.ask(GET)
        await application.ask(START + b"Content-Length: 4\r\n\r\n", b"body")
        await application.ask(b"HEAD / HTTP/1.1\r\nHost: klant.x\r\n\r\n")
    assert plane.service.connections == 1


async def test_a_connection_that_the_service_closed_is_not_used_again(plane: DataPlane, application: Wire) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)
        await wire.close()

    plane.service.behaviour = behave
    for _ in range(3):
        assert (await application.ask(GET)).status == 200
    assert plane.service.connections == 3


async def test_an_upload_into_a_dying_connection_is_never_continued_on_another(
    plane: DataPlane, application: Wire
) -> None:
    bodies = []

    async def behave(request: Message, wire: Wire) -> None:
        del request
        part = await wire.chunk()
        if plane.service.connections == 1:
            wire.hang_up()
            return
        bodies.append(part + b"".join([part async for part in wire.chunks()]))
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    await application.ask(GET)  # there is a connection to use again now
    plane.service.reads_body = False
    plane.service.behaviour = behave
    head = START.replace(b"POST", b"PUT") + b"Transfer-Encoding: chunked\r\n\r\n"
    await application.send(head, b"3\r\none\r\n")
    await asyncio.sleep(0.05)  # the Service hangs up in the meantime
    answer = await application.ask(b"3\r\ntwo\r\n0\r\n\r\n")
    assert (answer.status, bodies) in ((502, []), (200, [b"onetwo"]))


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ],
)
async def test_half_an_answer_is_not_taken_for_the_whole(plane: DataPlane, application: Wire, said: bytes) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        await answering(said)(request, wire)
        wire.hang_up()

    plane.service.behaviour = behave
    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
        await application.ask(GET)


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 100\r\n\r\nhalf", b"Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
async def test_half_a_request_is_not_taken_for_the_whole(plane: DataPlane, framing: bytes) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def behave(request: Message, wire: Wire) -> None:
        arrived.set()
        try:
            await wire.body(request.head)
        except (asyncio.IncompleteReadError, ConnectionError):
            ended.set()
            raise

    plane.service.reads_body = False
    plane.service.behaviour = behave
    async with plane.outway() as application:
        await application.send(START + framing)
        await arrived.wait()
        application.hang_up()
        await asyncio.wait_for(ended.wait(), 5)


async def test_who_hangs_up_while_waiting_is_not_worked_for(plane: DataPlane) -> None:
    arrived, ended = asyncio.Event(), asyncio.Event()

    async def behave(request: Message, wire: Wire) -> None:
        del request
        arrived.set()
        if await wire.is_closed_by_peer():
            ended.set()

    plane.service.behaviour = behave
    async with plane.outway() as application:
        await application.send(GET)
        await arrived.wait()
        application.reset()
        await asyncio.wait_for(ended.wait(), 5)


async def test_who_hangs_up_while_reading_is_not_worked_for(plane: DataPlane) -> None:
    ended = asyncio.Event()

    async def behave(request: Message, wire: Wire) -> None:
        del request
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        if await wire.is_closed_by_peer():
            ended.set()

    plane.service.behaviour = behave
    async with plane.outway() as application:
        await application.send(GET)
        await application.head()
        application.reset()
        await asyncio.wait_for(ended.wait(), 5)


async def test_an_upgrade_that_is_not_made_does_not_harm_the_connection(plane: DataPlane, application: Wire) -> None:
    upgrade = b"GET / HTTP/1.1\r\nHost: klant.x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    for _ in range(2):
        answer = await application.ask(upgrade)
        assert (answer.status, answer.body) == (200, b"ok")
    assert plane.service.received[0].head.get("Upgrade") == "websocket"  # the Service was asked
    assert plane.service.connections == 1


async def test_pipelined_requests_are_answered_in_order(plane: DataPlane, application: Wire) -> None:
    await application.send(b"".join(GET.replace(b"GET /", b"GET /%d" % number) for number in range(5)))
    for _ in range(5):
        assert (await application.message()).status == 200
    assert [message.head.target for message in plane.service.received] == [f"/{number}" for number in range(5)]


# -- strict framing


@pytest.mark.parametrize(
    "request_text",
    [
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Content-Length: 4\r\nContent-Length: 5\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Content-Length: +4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Content-Length: 4, 4\r\n\r\nbody",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: klant.x\r\n{fsc}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: klant.x\r\n{fsc}X-Folded: a\r\n b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: klant.x\r\n{fsc}X-Space : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: klant.x\r\n{fsc}X-Bare: a\nX-Smuggled: b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: klant.x\r\n{fsc}X-Null: a\0b\r\n\r\n",
        b"GET / HTTP/1.1\nHost: klant.x\n{fsc}\n",
        b"GET /a b HTTP/1.1\r\nHost: klant.x\r\n{fsc}\r\n",
        b"GET /caf\xc3\xa9 HTTP/1.1\r\nHost: klant.x\r\n{fsc}\r\n",
        b"GET / HTTP/3.0\r\nHost: klant.x\r\n{fsc}\r\n",
        b"G\x00T / HTTP/1.1\r\nHost: klant.x\r\n{fsc}\r\n",
    ],
)
@pytest.mark.parametrize("role", ["outway", "inway"])
async def test_a_request_that_two_parsers_could_read_differently_goes_nowhere(
    plane: DataPlane, request_text: bytes, role: str
) -> None:
    connect: Callable[[], AbstractAsyncContextManager[Wire]] = plane.outway if role == "outway" else plane.inway
    lines = plane.authorized() if role == "inway" else b""
    async with connect() as wire:
        await wire.send(request_text.replace(b"{fsc}", lines))
        head = await wire.head()
    assert head.status == 400
    assert plane.service.connections == 0
    assert await plane.provider_records() == []
