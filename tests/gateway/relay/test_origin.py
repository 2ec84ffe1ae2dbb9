import socket

import pytest

from gateway.relay.origin import OriginAddress, parse_origin
from tests.gateway.echo import EchoService
from tests.gateway.relay.alone import GET, relay_alone
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
