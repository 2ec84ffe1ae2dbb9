"""A relay on its own, without Inway or Outway: what every component has in common."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from gateway.errors import ErrorDomain, ServiceUnreachable
from gateway.http.listener import listen_plain
from gateway.http.resolver import LocalhostResolver
from gateway.relay.exchange import Exchange
from gateway.relay.fields import Fates, fate_at_inway
from gateway.relay.origin import Origin, OriginAddress, Origins, parse_origin
from gateway.relay.settings import RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.site import Site, new_site
from gateway.relay.ticker import Ticker
from tests.gateway.wire import Wire, connection

PATIENT = RelayTimeouts(connect_s=10, read_s=30, header_s=30, idle_s=60)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\n"


@dataclass(slots=True)
class Alone:
    """The relay while it runs. `handle` may be replaced before a connection is made."""

    site: Site
    origins: Origins
    origin: Origin
    port: int = 0
    handle: Callable[[Exchange], None] | None = None
    exchanges: list[Exchange] = field(default_factory=list)

    def pass_on(self, exchange: Exchange) -> None:
        """Send it to the origin."""
        exchange.relay(
            self.origin, self.origin.host_field, failed=lambda error: exchange.refuse(ServiceUnreachable(str(error)))
        )

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Wire]:
        """A connection of a client."""
        async with connection(self.port) as wire:
            yield wire

    async def is_quiet(self) -> bool:
        """Whether no client is connected any more, before long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(10):
                while self.site.open:  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(0.01)
        return not self.site.open


@asynccontextmanager
async def relay_alone(
    service: int | OriginAddress,
    timeouts: RelayTimeouts = PATIENT,
    *,
    limits: RelayLimits | None = None,
    send_buffer: int | None = None,
) -> AsyncIterator[Alone]:
    """A relay to a port of this machine, or to an address."""
    settings = RelaySettings(limits or RelayLimits(), timeouts, Ticker())
    origins = Origins(LocalhostResolver(), settings.timeouts, settings.ticker)
    address = parse_origin(f"http://127.0.0.1:{service}") if isinstance(service, int) else service
    running: list[Alone] = []

    def handle(exchange: Exchange) -> None:
        alone = running[0]
        alone.exchanges.append(exchange)
        (alone.handle or alone.pass_on)(exchange)

    site = new_site(ErrorDomain.INWAY, Fates(fate_at_inway), lambda _: handle, settings)
    running.append(Alone(site, origins, origins.get(address)))
    listener = await listen_plain("127.0.0.1", 0, site.protocol)
    if send_buffer is not None:
        listener.sockets[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
    running[0].port = listener.sockets[0].getsockname()[1]
    try:
        yield running[0]
    finally:
        listener.close()
        await site.drain(0)
        await origins.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait until it holds. Raises: TimeoutError when it does not within seconds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 (nobody tells)
            await asyncio.sleep(0.005)


def in_process(work: Callable[[Exchange], Awaitable[None]]) -> Callable[[Exchange], None]:
    """A handler that lets `work` serve each exchange."""

    def handle(exchange: Exchange) -> None:
        async def run() -> None:
            await work(exchange)

        exchange.run(run())

    return handle
