import asyncio

import pytest

from gateway.relay.settings import RelayTimeouts
from tests.gateway.echo import EchoService, answering
from tests.gateway.relay.alone import GET, PATIENT, POST, relay_alone
from tests.gateway.wire import Message, Wire, listening

HASTY = RelayTimeouts(connect_s=5, read_s=0.5, header_s=5, idle_s=5)


@pytest.mark.parametrize("number", [1, 2, 5])
async def test_answers_under_a_known_head_are_what_the_service_says(number: int) -> None:
    service = EchoService()
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        for body in (b"ok", b"no", b"ok") * number:
            service.behaviour = answering(b"HTTP/1.1 203 Own\r\nX: y\r\nContent-Length: 2\r\n\r\n" + body)
            answer = await wire.ask(GET)
            assert (answer.head.start, answer.body) == ("HTTP/1.1 203 Own", body)
            assert answer.head.headers == (("X", "y"), ("Content-Length", "2"))
        assert (await wire.ask(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 203
        assert alone.origin.familiar


async def silent(request: Message, wire: Wire) -> None:
    del request
    await wire.is_closed_by_peer()


async def test_a_silent_service_is_asked_once_though_its_connection_was_used_before() -> None:
    service = EchoService()
    async with listening(service.serve) as port, relay_alone(port, HASTY) as alone, alone.client() as wire:
        assert (await wire.ask(GET)).status == 200
        service.behaviour = silent
        assert (await wire.ask(GET)).status == 502
    assert len(service.received) == 2


@pytest.mark.parametrize(("request_head", "status", "times"), [(GET, 200, 3), (POST + b"\r\n", 502, 2)])
async def test_what_died_as_the_request_went_is_tried_once_more_when_that_is_safe(
    request_head: bytes, status: int, times: int
) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        if len(service.received) == 2:
            wire.hang_up()
        else:
            await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)

    service = EchoService()
    service.behaviour = behave
    async with listening(service.serve) as port, relay_alone(port, PATIENT) as alone, alone.client() as wire:
        assert (await wire.ask(GET)).status == 200
        assert (await wire.ask(request_head)).status == status
    assert len(service.received) == times


async def test_a_connection_that_its_server_closed_is_not_used() -> None:
    service = EchoService()

    async def behave(request: Message, wire: Wire) -> None:
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)
        await wire.close()

    service.behaviour = behave
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        for _ in range(3):
            assert (await wire.ask(POST + b"\r\n")).status == 200  # which would not be said twice
            await asyncio.sleep(0.05)
    assert service.connections == 3


async def left_over(request: Message, wire: Wire) -> None:
    """Answers HEAD with a body, which comes when the next request is there, as bad Services do."""
    if request.head.start.startswith("HEAD"):
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        await asyncio.sleep(0.2)
        await wire.send(b"body")
    else:
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)


async def test_what_is_left_of_an_answer_before_is_no_answer() -> None:
    service = EchoService()
    service.behaviour = left_over
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        assert (await wire.ask(b"HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")).status == 200
        assert (await wire.ask(GET)).body == b"ok"
        assert service.connections == 2
