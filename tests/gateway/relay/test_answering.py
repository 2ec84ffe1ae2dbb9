from collections.abc import AsyncIterator

from gateway.relay.answering import answer_from
from gateway.relay.upstream import Response
from tests.gateway.relay.alone import POST, in_process, relay_alone


async def test_an_answer_of_this_process_is_sent_as_it_comes() -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    async def close() -> None:
        closed.append(True)

    async def send() -> Response:
        return Response(200, "OK", (("X", "y"),), pieces(), close)

    async with relay_alone(1) as alone, alone.client() as wire:
        alone.handle = in_process(lambda exchange: answer_from(exchange, send()))
        answer = await wire.ask(POST + b"\r\n")
        assert (answer.status, answer.body, answer.head.get("X")) == (200, b"onetwo", "y")
    assert closed == [True]
