import asyncio
import contextlib
import socket

import pytest
from aiohttp.abc import ResolveResult

from gateway.http.resolver import LocalhostResolver
from gateway.relay.origin import OriginAddress, Origins, parse_origin
from tests.gateway.echo import EchoService
from tests.gateway.relay.alone import GET, PATIENT, relay_alone, until
from tests.gateway.wire import listening


@pytest.mark.parametrize(
    ("url", "host", "port", "prefix", "authority"),
    [
        ("http://a.test", "a.test", 80, "", "a.test"),
        ("http://a.test:8080/t/slug/", "a.test", 8080, "/t/slug", "a.test:8080"),
        ("https://a.test", "a.test", 443, "", "a.test"),
        ("http://[::1]:9000", "::1", 9000, "", "[::1]:9000"),
    ],
)
def test_an_address_is_read(url: str, host: str, port: int, prefix: str, authority: str) -> None:
    address = parse_origin(url)
    assert (address.host, address.port, address.prefix, address.authority) == (host, port, prefix, authority)
    assert (address.context is not None) is url.startswith("https")


async def test_what_is_down_is_told_and_what_comes_back_serves_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    service = EchoService()
    async with relay_alone(port) as alone, alone.client() as wire:
        for _ in range(2):
            assert (await wire.ask(GET)).status == 502
        async with listening(service.serve) as there:
            alone.origin = alone.origins.get(OriginAddress("127.0.0.1", there))
            assert (await wire.ask(GET)).status == 200


async def test_the_prefix_comes_before_the_path() -> None:
    service = EchoService()
    async with listening(service.serve) as port:
        below = OriginAddress("127.0.0.1", port, "/t/slug")
        async with relay_alone(below) as alone, alone.client() as wire:
            assert (await wire.ask(GET.replace(b"/ ", b"//a?b "))).status == 200
    assert service.received[0].head.target == "/t/slug//a?b"


class Gated(LocalhostResolver):
    """Finds nobody until it is let through; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.gate = asyncio.Event()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked += 1
        await self.gate.wait()
        return await super().resolve(host, port, family)


async def test_while_it_is_down_one_attempt_serves_all_who_wait() -> None:
    resolver = Gated()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    async with relay_alone(port) as alone, contextlib.AsyncExitStack() as clients:
        origins = Origins(resolver, PATIENT, alone.site.ticker)
        alone.origin = origins.get(OriginAddress("127.0.0.1", port))
        wires = [await clients.enter_async_context(alone.client()) for _ in range(8)]
        resolver.gate.set()
        assert (await wires[0].ask(GET)).status == 502
        resolver.gate.clear()
        for wire in wires:
            await wire.send(GET)
        await until(lambda: len(alone.exchanges) == 9)
        resolver.gate.set()
        assert [(await wire.message()).status for wire in wires] == [502] * 8
        assert resolver.asked == 2
        await origins.close()


async def test_an_origin_that_was_let_go_is_ended_with_the_others() -> None:
    async with listening(EchoService().serve) as port, relay_alone(port) as alone, alone.client() as wire:
        for number in range(1, 300):  # more than are kept unused, the one in use by somebody among them
            alone.origins.get(OriginAddress("127.0.0.1", number))
        assert alone.origins.get(alone.origin.address) is not alone.origin
        assert (await wire.ask(GET)).status == 200
        assert not alone.origin.is_unused
        await alone.origins.close()
        await until(lambda: alone.origin.is_unused)
