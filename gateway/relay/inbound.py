"""A connection of a client: its requests read strictly and in order, each handed to the handler of its component.

Standard: RFC 9112 (messages, connection management), FSC Core (errors).

Theory of operation. A request that is whole or has begun is an `Exchange`. One is active, those behind it wait, and
while any waits nothing more is read. After a refusal that leaves unclear where the next request begins, the connection
ends: what follows is never looked at.
"""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TypeAlias

from gateway.errors import (
    FscError,
    RequestTimeout,
)
from gateway.relay.exchange import HIGH_WATER, Exchange
from gateway.relay.familiar import MAX_BYTES, FamiliarSection, read_familiar, remember_section
from gateway.relay.reader import RequestReader
from gateway.relay.ticker import NEVER
from gateway.relay.transport import SocketTransport

if TYPE_CHECKING:
    from gateway.relay.site import Site

_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Exchange], None]

_LINGER_S: Final = 2.0
_TUNNEL_LOOK_S: Final = 10.0
"""How often it is looked whether a silent tunnel still stands."""
_STRANGERS: Final = 4
_STRANGERS_EACH: Final = 64


class Inbound(asyncio.Protocol):
    """One connection; `site` is what it belongs to."""

    __slots__ = (
        "_active",
        "_drained",
        "_handle",
        "_is_ending",
        "_is_paused",
        "_is_starting",
        "_most_familiar",
        "_queue",
        "_quiet_since",
        "_read_held",
        "_reader",
        "_section",
        "_strangers",
        "_tunnel",
        "client_ip",
        "deadline",
        "site",
        "transport",
    )

    def __init__(self, site: "Site") -> None:
        self.site = site
        self.transport: SocketTransport
        self.client_ip = ""
        self.deadline = NEVER
        self._handle: Handler
        self._reader = RequestReader(self, site.fates, site.limits)
        self._queue = self._reader.queue
        self._active: Exchange | None = None
        self._most_familiar = min(MAX_BYTES, site.limits.request_line_bytes)
        self._is_ending = False
        self._is_paused = False
        self._is_starting = False
        self._quiet_since = 0.0
        self._drained: asyncio.Future[None] | None = None
        self._tunnel: SocketTransport | None = None
        self._read_held: list[bytes] = []
        self._section: FamiliarSection | None = None
        """Of a request before."""
        self._strangers = 0
        """Requests in a row that were not like the one before."""

    # -- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        assert isinstance(transport, SocketTransport)
        self.transport = transport
        address = transport.get_extra_info("peername")
        self.client_ip = address[0] if isinstance(address, tuple) else ""
        site = self.site
        site.open.add(self)
        site.counters.connections += 1
        site.ticker.watch(self)
        self._rest()
        self._handle = site.new_handler(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of everything."""
        self.site.open.discard(self)
        self.site.ticker.forget(self)
        self._reader.is_beyond = True
        if self._tunnel is not None:
            if exc is None:
                self._tunnel.close()
            else:
                self._tunnel.abort()
        active, self._active = self._active, None
        if active is not None and not active.is_finished:
            self.site.counters.cut += 1
            active.client_is_gone()
        self._queue.clear()
        if self._drained is not None and not self._drained.done():
            self._drained.set_exception(ConnectionResetError("the client is gone"))
            self._drained.exception()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._tunnel is not None:
            self._tunnel.write(data)
            return
        reader = self._reader
        if reader.is_beyond:
            reader.said_last = False
            return
        if self._is_held(data):
            return
        is_first = reader.reading is None
        if is_first and self._active is None and not self._queue and self._is_familiar(data):
            return
        rest = reader.feed(data)
        if rest:
            self._read_held.append(rest)
        active = self._active
        if active is not None and active.error is not None:
            self._break_off(active, active.error)
            active = self._active
        if active is None:
            if is_first and reader.reading is None and len(self._queue) == 1:
                self._remember(data, self._queue[0])
            if is_first and not self._queue and reader.is_waiting_for_head():
                self._rest()
            self._start_next()
        elif active.parts or active.is_complete:
            active.body_arrived()
            if not self._is_paused:
                self._await_more(active)
        self.steer()

    def eof_received(self) -> bool:
        """The client sends no more. It is answered all the same when its request is whole."""
        if self._tunnel is not None:
            self._tunnel.write_eof()
            return True
        self._reader.is_beyond = True
        active = self._active
        if active is not None and not active.is_complete and not active.is_finished:
            self.cut()
            return False
        if self._queue and not self._queue[-1].is_complete:
            self._queue.pop()
        last = self._queue[-1] if self._queue else active
        if last is None:
            return False
        last.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """The client does not keep up: whoever answers waits."""
        self._is_paused = True
        self.deadline = self.site.ticker.now + self.site.timeouts.read_s
        if self._tunnel is not None:
            self._tunnel.pause_reading()
        elif self._active is not None and self._active.outbound is not None:
            self._active.outbound.pause_reading()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._is_paused = False
        if self._tunnel is not None:
            self.deadline = self.site.ticker.now + _TUNNEL_LOOK_S
            self._tunnel.resume_reading()
            return
        if self._is_ending:
            return
        active = self._active
        if active is None:
            self._rest()
            self._start_next()
            self.steer()
            return
        self._await_more(active)
        if active.outbound is not None:
            active.outbound.resume_reading()
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    # -- for the exchanges

    def send(self, data: bytes) -> None:
        """To the client."""
        self.transport.write(data)

    async def drained(self) -> None:
        """Return when the client keeps up. Raises: ConnectionResetError when it is gone."""
        if self.transport.is_closing():
            raise ConnectionResetError("the client is gone")
        if self._is_paused:
            self._drained = self.site.loop.create_future()
            await self._drained

    def finished(self, exchange: Exchange) -> None:
        """The answer is out: on to the next request, or to the end of the connection."""
        assert exchange is self._active
        self._active = None
        if not exchange.keep_alive:
            self._end()
            return
        if not self._queue and not self._is_paused:
            self._rest()
        if self._read_held:  # another protocol was asked for, and not spoken: it is the next request
            held, self._read_held = b"".join(self._read_held), []
            self.site.loop.call_soon(self.data_received, held)
        if not self._is_starting:
            if self._queue:
                self._start_next()
            self.steer()

    def steer(self) -> None:
        """Read the client on, unless there is enough to do."""
        if self._tunnel is not None or self._is_ending:
            return
        active = self._active
        if self._queue or (active is not None and (active.is_stalled or active.waiting_bytes > HIGH_WATER)):
            self.transport.pause_reading()
            if active is not None and not active.is_complete and not self._is_paused:
                self.deadline = NEVER  # it is the upstream that is waited for
        elif not self._reader.is_beyond:
            if self.deadline is NEVER and active is not None:
                self._await_more(active)
            self.transport.resume_reading()

    def await_body(self) -> None:
        """The rest of the body can go on: it has to come in time."""
        if not self._is_paused:
            self.deadline = self.site.ticker.now + self.site.timeouts.read_s
        self.steer()

    def become_tunnel(self, other: SocketTransport) -> None:
        """From here on, pass bytes to and from `other` as they are."""
        self._tunnel = other
        self.deadline = self.site.ticker.now + _TUNNEL_LOOK_S
        for one in (self.transport, other):
            sock: socket.socket = one.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.transport.resume_reading()
        held, self._read_held = self._read_held, []
        for data in held:
            other.write(data)

    def cut(self) -> None:
        """End the connection at once: the client must not take what it has for the whole."""
        self._is_ending = self._reader.is_beyond = True
        self.transport.abort()

    def close_when_quiet(self, quiet_s: float) -> None:
        """Close it when no request was at hand for so long."""
        if self._active is not None or self._queue or self._reader.reading is not None or self._tunnel is not None:
            self._quiet_since = 0.0
        elif not self._quiet_since:
            self._quiet_since = self.site.loop.time()
        elif self.site.loop.time() - self._quiet_since >= quiet_s:
            self._end()

    def timed_out(self) -> None:
        """Whoever had to do something in time did not."""
        self.deadline = NEVER
        active = self._active
        if self._tunnel is not None and not self._is_paused and not self._is_ending:
            self.deadline = self.site.ticker.now + _TUNNEL_LOOK_S
            self.transport.notice_reset()
            self._tunnel.notice_reset()
            return
        if self._is_ending or self._is_paused or self._tunnel is not None:
            self.cut()
        elif active is not None and not active.is_complete:
            self._reader.is_beyond = True
            active.keep_alive = False
            active.stop()
            active.refuse(RequestTimeout("the body of the request did not come in time"))
        elif active is None and self._reader.reading is not None:
            reason = f"the header of a request did not come within {self.site.timeouts.header_s:g} s"
            _log.info("connection_refused", extra={"reason": reason})
            self.cut()
        elif active is None:
            self._end()

    # -- within

    def _is_held(self, data: bytes) -> bool:
        """Whether `data` must wait until it is known which protocol it is of."""
        active = self._active
        if active is None or active.framing is None or active.framing.upgrade is None:
            return False
        self._read_held.append(data)
        if sum(map(len, self._read_held)) > HIGH_WATER:
            self.transport.pause_reading()
        return True

    def _is_familiar(self, data: bytes) -> bool:
        """Whether `data` was a request like one before it, which is served then: nothing needs to be parsed."""
        known = self._section
        familiar = None if known is None or len(data) > self._most_familiar else read_familiar(data, known)
        if familiar is None:
            return False
        self._strangers = 0
        exchange = Exchange(self)
        exchange.method = familiar.method
        exchange.framing = familiar.framing
        exchange.noted = familiar.noted
        exchange.keep_alive = exchange.is_complete = True
        self._queue.append(exchange)
        self._start_next()
        return True

    def _remember(self, data: bytes, exchange: Exchange) -> None:
        self._strangers += 1
        if self._strangers > _STRANGERS and self._strangers % _STRANGERS_EACH:
            return  # each of its requests is another: remembering them costs, and brings nothing
        if exchange.keep_alive and not exchange.has_length and exchange.framing is not None and exchange.error is None:
            self._section = remember_section(data, exchange.noted, exchange.framing)

    def _await_more(self, active: Exchange) -> None:
        """What lacks of the request has to come in time."""
        self.deadline = NEVER if active.is_complete else self.site.ticker.now + self.site.timeouts.read_s

    def _rest(self) -> None:
        """Nothing is at hand, but for the beginning of a head."""
        timeouts = self.site.timeouts
        self.deadline = self.site.ticker.now + (timeouts.idle_s if self._reader.reading is None else timeouts.header_s)

    def _break_off(self, active: Exchange, error: FscError) -> None:
        """What follows of its request cannot be read."""
        if active.is_answering or active.is_finished:
            self.cut()
        else:
            active.stop()
            active.refuse(error)

    def _start_next(self) -> None:
        self._is_starting = True
        while self._active is None and self._queue and not (self._is_ending or self._is_paused):
            exchange = self._active = self._queue.popleft()
            self._await_more(exchange)
            if exchange.error is not None:
                exchange.refuse(exchange.error)
                continue
            try:
                self._handle(exchange)
            except Exception as error:
                exchange.refuse(error)
        self._is_starting = False

    def _end(self) -> None:
        """Close, so that the client gets all that was sent, whatever it still sends."""
        if self._is_ending:
            return
        may_say_more = self._reader.is_beyond or self._reader.reading is not None
        if self._reader.said_last and not self.transport.has_unread():
            may_say_more = False
        self._is_ending = self._reader.is_beyond = True
        has_left = self.transport.get_write_buffer_size() > 0
        self.deadline = self.site.ticker.now + (self.site.timeouts.read_s if has_left else _LINGER_S)
        self._queue.clear()
        if may_say_more:
            self.transport.linger()
        else:
            self.transport.close()
