"""Where requests go: an address, the connections to it that rest, and whether it can be reached at all.

A request takes the connection that rested for the shortest time, else opens one. While an origin cannot be reached one
attempt at a time is made, and all who wait share what comes of it: nobody waits longer than one attempt, and the first
that succeeds serves all.
"""

import asyncio
import logging
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Final
from urllib.parse import urlsplit
from weakref import WeakSet

from aiohttp.abc import AbstractResolver

from gateway.http.client import describe_failure
from gateway.relay.exchange import Exchange
from gateway.relay.familiar import FamiliarAnswer
from gateway.relay.outbound import Outbound
from gateway.relay.settings import RelayTimeouts
from gateway.relay.ticker import Ticker
from gateway.relay.tls_transport import TlsTransport
from gateway.relay.transport import SocketTransport

_log = logging.getLogger(__name__)

IDLE_S: Final = 30.0
"""How long a connection rests before it is closed: servers close theirs after a minute or so."""
_MAX_RESTING: Final = 1024
_MANY: Final = 256
"""Origins, before the unused ones are let go."""


@dataclass(frozen=True, slots=True)
class OriginAddress:
    """Where an origin is. With a `context` it is spoken to by TLS; another context is another origin."""

    host: str
    port: int
    prefix: str = ""
    """What comes before the path."""
    context: ssl.SSLContext | None = None

    @property
    def authority(self) -> str:
        """The value of `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (80 if self.context is None else 443) else f"{host}:{self.port}"


def parse_origin(url: str, context: ssl.SSLContext | None = None) -> OriginAddress:
    """Read `scheme://host[:port][/prefix]`; `context` is for https, by default with the system's trust."""
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    return OriginAddress(
        parts.hostname or "",
        parts.port or (443 if is_tls else 80),
        parts.path.rstrip("/"),
        (context or _system_trust()) if is_tls else None,
    )


@lru_cache(maxsize=1)
def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


class Origins:
    """Every origin that requests went to; those that nobody uses any more are let go."""

    def __init__(self, resolver: AbstractResolver, timeouts: RelayTimeouts, ticker: Ticker) -> None:
        self._make = partial(Origin, resolver=resolver, timeouts=timeouts, ticker=ticker)
        self._known: dict[OriginAddress, Origin] = {}
        self._living: WeakSet[Origin] = WeakSet()
        """Those that were let go too, as long as somebody holds them: they may connect again."""

    def get(self, address: OriginAddress) -> "Origin":
        """The origin at this address."""
        origin = self._known.get(address)
        if origin is None:
            if len(self._known) >= _MANY:
                self._let_go()
            origin = self._known[address] = self._make(address)
            self._living.add(origin)
        return origin

    async def close(self) -> None:
        """End every connection."""
        for origin in tuple(self._living):
            await origin.close()
        self._known.clear()

    def _let_go(self) -> None:
        for address in [address for address, origin in self._known.items() if origin.is_unused]:
            del self._known[address]


class Origin:
    """The connections to one address."""

    def __init__(
        self, address: OriginAddress, *, resolver: AbstractResolver, timeouts: RelayTimeouts, ticker: Ticker
    ) -> None:
        self.address = address
        self.prefix = address.prefix.encode()
        self.host_field = f"Host: {address.authority}\r\n".encode()
        self.timeouts = timeouts
        self.ticker = ticker
        self.idle_s = IDLE_S
        self._resolver = resolver
        self._loop = asyncio.get_running_loop()
        self.familiar: dict[bytes, FamiliarAnswer] = {}
        self._resting: list[Outbound] = []
        self._open: set[Outbound] = set()
        self._opening: set[asyncio.Task[None]] = set()
        self._waiting: list[Exchange] = []
        self._is_down = False
        """Whether the last attempt to connect failed."""
        self._is_closed = False
        self._session: tuple[ssl.SSLContext, ssl.SSLSession] | None = None

    def send(self, exchange: Exchange) -> None:
        """Let the request of `exchange` go by a connection, now or when there is one."""
        resting = self._resting
        while resting:
            outbound = resting.pop()
            if outbound.is_usable:
                exchange.connected(outbound)
                return
        self.open_for(exchange)

    def open_for(self, exchange: Exchange) -> None:
        """The same, by a connection that was never used."""
        if self._is_down:
            self._waiting.append(exchange)
            if len(self._waiting) > 1:
                return
            waiting = self._waiting
        else:
            waiting = [exchange]
        task = self._loop.create_task(self._open_for(waiting))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def take_back(self, outbound: Outbound) -> None:
        """Let a connection rest until the next request."""
        transport = outbound.transport
        if isinstance(transport, TlsTransport) and not outbound.session_is_known and not transport.is_closing():
            outbound.session_is_known = True  # asked for once: it costs more than all else of a request
            connection: ssl.SSLObject = transport.get_extra_info("ssl_object")
            session = connection.session
            if session is not None and session.has_ticket:
                self._session = (connection.context, session)
        if self._is_closed or len(self._resting) >= _MAX_RESTING:
            transport.close()
        else:
            self._resting.append(outbound)

    def forget(self, outbound: Outbound) -> None:
        """A connection is gone."""
        self._open.discard(outbound)
        with suppress(ValueError):
            self._resting.remove(outbound)

    def retire(self) -> None:
        """Open nothing more, and let go of what rests; what is under way ends."""
        self._is_closed = True
        resting, self._resting = self._resting, []
        for one in resting:
            one.transport.close()

    @property
    def is_unused(self) -> bool:
        """Whether there is no connection, and none being opened."""
        return not self._open and not self._opening

    async def close(self) -> None:
        """End every connection."""
        self.retire()
        for task in tuple(self._opening):
            task.cancel()
        for one in tuple(self._open):
            one.transport.abort()
        await asyncio.sleep(0)

    async def _open_for(self, waiting: list[Exchange]) -> None:
        try:
            outbound = await self._connected()
        except Exception as error:
            self._is_down = True
            reason = (
                describe_failure(error)
                if not isinstance(error, TimeoutError)
                else (f"no connection within {self.timeouts.connect_s:g} s")
            )
            if not isinstance(error, (OSError, TimeoutError)):
                _log.warning("cannot_connect", extra={"host": self.address.host, "reason": reason})
            served, waiting[:] = waiting[:], []
            for exchange in served:
                exchange.upstream_failed(reason, is_stale=False)
            return
        self._is_down = False
        served, waiting[:] = waiting[:], []
        self._resting.append(outbound)
        for exchange in served:
            if not exchange.is_over:
                self.send(exchange)

    async def _connected(self) -> Outbound:
        async with asyncio.timeout(self.timeouts.connect_s):
            host, port = self.address.host, self.address.port
            failure: OSError | None = None
            for found in await self._resolver.resolve(host, port, socket.AF_UNSPEC):
                sock = socket.socket(found["family"], socket.SOCK_STREAM)
                try:
                    sock.setblocking(False)
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    await self._loop.sock_connect(sock, (found["host"], found["port"]))
                except OSError as error:
                    sock.close()
                    failure = error
                    continue
                except BaseException:
                    sock.close()
                    raise
                return await self._made(sock)
            raise failure or OSError(f"{host} has no address")

    async def _made(self, sock: socket.socket) -> Outbound:
        outbound = Outbound(self)
        if self.address.context is None:
            plain = SocketTransport(self._loop, sock, outbound)
            self._open.add(outbound)
            plain.start()
            return outbound
        context = self.address.context
        session = self._session[1] if self._session is not None and self._session[0] is context else None
        transport = TlsTransport(
            self._loop, sock, outbound, context, server_side=False, server_name=self.address.host, session=session
        )
        shaken: asyncio.Future[None] = self._loop.create_future()
        transport.shake_hands(lambda error: _settle(shaken, error))
        try:
            await shaken
        except BaseException:
            self._session = None
            transport.abort()
            raise
        self._open.add(outbound)
        transport.start()
        return outbound


def _settle(shaken: "asyncio.Future[None]", error: Exception | None) -> None:
    if shaken.done():
        return
    if error is None:
        shaken.set_result(None)
    else:
        shaken.set_exception(error)
