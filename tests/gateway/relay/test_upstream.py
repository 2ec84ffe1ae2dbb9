"""What the port promises, played with an upstream in this very process."""

from collections.abc import AsyncIterator

import pytest

from gateway.errors import ServiceUnreachable
from gateway.relay.answering import answer_from
from gateway.relay.exchange import Exchange
from gateway.relay.upstream import Response, UpstreamFailed
from tests.gateway.relay.alone import GET, in_process, relay_alone


async def test_an_answer_that_breaks_off_is_not_taken_for_whole_and_is_closed() -> None:
    closed: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        yield b"half"
        raise ServiceUnreachable("it broke off")

    async def close() -> None:
        closed.append(True)

    async def send() -> Response:
        return Response(200, "OK", (), pieces(), close)

    async with relay_alone(1) as alone, alone.client() as wire:
        alone.handle = in_process(lambda exchange: answer_from(exchange, send()))
        await wire.send(GET)
        await wire.head()
        assert await wire.chunk() == b"half"
        with pytest.raises((ConnectionError, EOFError)):
            await wire.chunk()
    assert closed == [True]


async def test_one_that_fails_before_it_answers_can_be_told() -> None:
    async def send() -> Response:
        raise UpstreamFailed("it is not there")

    async def work(exchange: Exchange) -> None:
        try:
            await answer_from(exchange, send())
        except UpstreamFailed as error:
            exchange.refuse(ServiceUnreachable(str(error)))

    async with relay_alone(1) as alone, alone.client() as wire:
        alone.handle = in_process(work)
        assert (await wire.ask(GET)).status == 502
        assert (await wire.ask(GET)).status == 502
