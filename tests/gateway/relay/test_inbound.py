import asyncio

import pytest

from gateway.relay.settings import RelayLimits, RelayTimeouts
from tests.gateway.echo import EchoService, answering
from tests.gateway.relay.alone import GET, POST, relay_alone
from tests.gateway.wire import Message, Wire, listening

SHORT = RelayTimeouts(connect_s=5, read_s=0.5, header_s=0.5, idle_s=0.5)
WEBSOCKET = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


@pytest.mark.parametrize("said", [b"", b"GE", b"GET / HTTP/1.1\r\nHost:", GET])
async def test_a_client_that_falls_silent_is_not_kept(said: bytes) -> None:
    async with listening(EchoService().serve) as port, relay_alone(port, SHORT) as alone, alone.client() as wire:
        await wire.send(said)
        if said == GET:
            assert (await wire.message()).status == 200
        assert await wire.is_closed_by_peer()


async def test_a_body_that_does_not_come_is_told() -> None:
    async with listening(EchoService().serve) as port, relay_alone(port, SHORT) as alone, alone.client() as wire:
        await wire.send(POST + b"Content-Length: 10\r\n\r\nhalf")
        assert (await wire.message()).status == 408
        assert await wire.is_closed_by_peer()


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
async def test_a_client_that_says_it_is_done_is_not_waited_for(version: bytes) -> None:
    async with listening(EchoService().serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(b"GET / HTTP/" + version + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await wire.message()).status == 200
        async with asyncio.timeout(1):  # less than a connection lingers
            while alone.site.open:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)


@pytest.mark.parametrize("cut", [0, 300_000])
async def test_who_says_more_after_its_last_request_still_gets_all_of_the_answer(cut: int) -> None:
    service = EchoService()
    service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000)
    more = b"y" * 300_000
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" + more[:cut])
        head = await wire.head()
        await wire.send(more[cut:])
        assert await wire.body(head) == b"x" * 3_000_000
        assert await wire.is_closed_by_peer()


async def test_who_asks_and_asks_and_never_reads_is_not_read_on() -> None:
    service = EchoService()
    service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        sending = asyncio.get_running_loop().create_task(wire.send(*[GET] * 2000))
        before = -1
        while before != len(service.received):
            before = len(service.received)
            await asyncio.sleep(0.3)
        assert before < 1000
        (inbound,) = alone.site.open
        assert inbound.transport.get_write_buffer_size() < 2**20
        for _ in range(2000):
            assert len((await wire.message()).body) == 50_000
        await sending


async def test_a_familiar_header_does_not_excuse_a_long_request_line() -> None:
    limits = RelayLimits(request_line_bytes=1000)
    async with (
        listening(EchoService().serve) as port,
        relay_alone(port, limits=limits) as alone,
        alone.client() as wire,
    ):
        for _ in range(3):
            assert (await wire.ask(GET)).status == 200
        assert (await wire.ask(GET.replace(b"/ ", b"/" + b"a" * 2000 + b" "))).status == 431


async def switching(request: Message, wire: Wire) -> None:
    """A Service that speaks another protocol: it repeats what it hears, and ends when the other side has."""
    del request
    await wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello")
    while data := await wire.some():
        await wire.send(data)
    await wire.send(b"bye")
    await wire.close()


async def test_a_tunnel_carries_bytes_both_ways_and_each_side_may_end_first() -> None:
    service = EchoService()
    service.behaviour = switching
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(WEBSOCKET, b"\x00early")
        head = await wire.head()
        assert (head.status, head.get("Upgrade")) == (101, "websocket")
        heard = b""
        while heard != b"hello\x00early":
            heard += await wire.some()
        await wire.send(b"\xff" * 1000)
        wire.end()
        heard = b""
        while more := await wire.some():
            heard += more
        assert heard == b"\xff" * 1000 + b"bye"
        assert await alone.is_quiet()


async def test_after_a_refused_upgrade_what_came_meanwhile_is_the_next_request() -> None:
    service = EchoService()
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(WEBSOCKET + GET.replace(b"/ ", b"/one "), GET.replace(b"/ ", b"/two "))
        for _ in range(3):
            assert (await wire.message()).status == 200
    assert [one.head.target for one in service.received] == ["/ws", "/one", "/two"]


async def test_a_client_that_does_not_read_its_answer_is_cut() -> None:
    service = EchoService()
    service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 30000000\r\n\r\n" + b"x" * 30_000_000)
    async with listening(service.serve) as port, relay_alone(port, SHORT) as alone, alone.client() as wire:
        await wire.send(GET)
        assert (await wire.head()).status == 200
        async with asyncio.timeout(10):
            while alone.site.open:  # noqa: ASYNC110 (nobody tells)
                await asyncio.sleep(0.01)
        assert alone.site.counters.cut == 1
