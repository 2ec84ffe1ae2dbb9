import asyncio

from gateway.relay.settings import RelayTimeouts
from tests.gateway.echo import EchoService, answering
from tests.gateway.relay.alone import GET, relay_alone, until
from tests.gateway.wire import Message, Wire, listening

SHORT = RelayTimeouts(connect_s=5, read_s=0.5, header_s=0.5, idle_s=0.5)
WEBSOCKET = b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"


async def test_a_site_that_drains_ends_what_is_under_way_and_tells_so() -> None:
    gate = asyncio.Event()

    async def behave(request: Message, wire: Wire) -> None:
        await gate.wait()
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")(request, wire)

    service = EchoService()
    service.behaviour = behave
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(GET)
        await until(lambda: bool(service.received))
        draining = asyncio.get_running_loop().create_task(alone.site.drain(10))
        await asyncio.sleep(0.05)
        gate.set()
        answer = await wire.message()
        assert (answer.status, answer.head.get("Connection")) == (200, "close")
        await draining
        assert not alone.site.open
