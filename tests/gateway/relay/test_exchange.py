import asyncio

import pytest

from gateway.relay.exchange import Exchange
from gateway.relay.settings import RelayTimeouts
from tests.gateway.echo import EchoService
from tests.gateway.relay.alone import POST, in_process, relay_alone, until
from tests.gateway.wire import listening


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize("chunked", [True, False])
async def test_a_body_in_any_pieces_arrives_whole(size: int, chunked: bool) -> None:
    body = bytes(range(256)) * 8
    raw = b"%x\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n" % (1000, body[:1000], 1048, body[1000:]) if chunked else body
    framing = b"Transfer-Encoding: chunked\r\n\r\n" if chunked else b"Content-Length: 2048\r\n\r\n"
    stream = POST + framing + raw
    service = EchoService()
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        for _ in range(2):
            await wire.send(*[stream[at : at + size] for at in range(0, len(stream), size)])
            assert (await wire.message()).status == 200
    assert [one.body for one in service.received] == [body, body]
    assert service.connections == 1


async def test_work_in_this_process_ends_when_the_body_does_not_come() -> None:
    ended = asyncio.Event()

    async def read(exchange: Exchange) -> None:
        try:
            async for _ in exchange.body():
                pass
        finally:
            ended.set()

    short = RelayTimeouts(connect_s=5, read_s=0.5, header_s=5, idle_s=5)
    async with relay_alone(1, short) as alone, alone.client() as wire:
        alone.handle = in_process(read)
        await wire.send(POST + b"Content-Length: 10\r\n\r\nhalf")
        assert (await wire.message()).status == 408
        async with asyncio.timeout(10):
            await ended.wait()


async def test_what_was_refused_meanwhile_is_not_sent_on() -> None:
    service = EchoService()
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        held: list[Exchange] = []
        alone.handle = held.append
        await wire.send(POST + b"Transfer-Encoding: chunked\r\n\r\n")
        await until(lambda: bool(held))
        await wire.send(b"no chunk\r\n")
        assert (await wire.message()).status == 400
        alone.pass_on(held[0])  # the log has written it only now
        await asyncio.sleep(0.1)
    assert service.connections == 0
