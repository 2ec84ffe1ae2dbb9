"""A connection of a client: its requests read strictly and in order, each handed to the handler of its component.

Standard: RFC 9112 (messages, connection management), FSC Core (errors).

Theory of operation. llhttp reads what arrives; a request that is whole or has begun is an `Exchange`. One is active,
those behind it wait, and while any waits nothing more is read. After a refusal that leaves unclear where the next
request begins, the connection ends: what follows is never looked at.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final, TypeAlias

import httptools

from gateway.errors import (
    ErrorDomain,
    FscError,
    InvalidRequest,
    RequestHeadersTooLarge,
    RequestTimeout,
)
from gateway.relay.exchange import HIGH_WATER, Exchange
from gateway.relay.familiar import MAX_BYTES, FamiliarSection, read_familiar, remember_section
from gateway.relay.fields import AUTHORIZATION, CONTENT_LENGTH, Fates
from gateway.relay.request import Framing, check_request_line, read_framing
from gateway.relay.settings import RelayCounters, RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.ticker import NEVER, Ticker
from gateway.relay.transport import SocketTransport

_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Exchange], None]

_LINGER_S: Final = 2.0
_QUIET_S: Final = 0.5
"""How long a connection without a request stays open while the site drains."""
_TUNNEL_LOOK_S: Final = 10.0
"""How often it is looked whether a silent tunnel still stands."""
_LENGTH_DIGITS: Final = 18
_STRANGERS: Final = 4
_STRANGERS_EACH: Final = 64
_NOT_HTTP: Final = "what was sent is not HTTP/1.1 as this server reads it"


@dataclass(slots=True)
class Site:
    """What the connections of one component share. `new_handler` is asked once for each connection."""

    component: ErrorDomain
    fates: Fates
    new_handler: Callable[["Inbound"], Handler]
    limits: RelayLimits
    timeouts: RelayTimeouts
    ticker: Ticker
    loop: asyncio.AbstractEventLoop
    counters: RelayCounters = field(default_factory=RelayCounters)
    open: set["Inbound"] = field(default_factory=set)
    is_draining: bool = False

    def protocol(self) -> "Inbound":
        """The protocol of a new connection."""
        return Inbound(self)

    async def drain(self, within_s: float) -> None:
        """Let the requests under way end, tell their clients that the connection closes, and cut what is left.

        A connection without a request is closed after a moment: a request that is on its way to us is still served.
        """
        self.is_draining = True
        end = self.loop.time() + within_s
        quiet = min(_QUIET_S, within_s / 2)
        while self.open and self.loop.time() < end:
            for one in tuple(self.open):
                one.close_when_quiet(quiet)
            await asyncio.sleep(0.02)
        for one in tuple(self.open):
            one.cut()


def new_site(
    component: ErrorDomain,
    fates: Fates,
    new_handler: Callable[["Inbound"], Handler],
    settings: RelaySettings,
    *,
    token_bytes: int = 0,
) -> Site:
    """A component on the relay. `token_bytes` is the room for `Fsc-Authorization` besides the other headers."""
    limits = replace(settings.limits, token_bytes=token_bytes)
    loop = asyncio.get_running_loop()
    return Site(component, fates, new_handler, limits, settings.timeouts, settings.ticker, loop)


class Inbound(asyncio.Protocol):
    """One connection; `site` is what it belongs to."""

    __slots__ = (
        "_active",
        "_drained",
        "_fates",
        "_had_trailers",
        "_handle",
        "_has_begun",
        "_head_bytes",
        "_is_beyond",
        "_is_ending",
        "_is_paused",
        "_is_starting",
        "_line",
        "_most_familiar",
        "_parser",
        "_past_bytes",
        "_queue",
        "_quiet_since",
        "_read_held",
        "_reading",
        "_said_last",
        "_section",
        "_strangers",
        "_tunnel",
        "client_ip",
        "deadline",
        "site",
        "transport",
    )

    def __init__(self, site: Site) -> None:
        self.site = site
        self.transport: SocketTransport
        self.client_ip = ""
        self.deadline = NEVER
        self._fates = site.fates
        self._handle: Handler
        self._parser = httptools.HttpRequestParser(self)
        self._active: Exchange | None = None
        self._queue: deque[Exchange] = deque()
        self._reading: Exchange | None = None
        self._has_begun = False
        """Whether the head of `_reading` is complete."""
        self._head_bytes = 0
        """At most what has come of the head that is being read..."""
        self._past_bytes = 0
        """...and of that, what may belong to the request before."""
        self._most_familiar = min(MAX_BYTES, site.limits.request_line_bytes)
        self._is_beyond = False
        """Whether what still arrives belongs to nothing we will serve."""
        self._said_last = False
        """Whether the client said that nothing follows its request, and nothing did."""
        self._line: bytes | None = None
        """Of a request line, what has come while it is not whole."""
        self._had_trailers = False
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
        self._is_beyond = True
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
        if self._is_beyond:
            self._said_last = False
            return
        if self._is_held(data):
            return
        is_first = self._reading is None
        if is_first and self._active is None and not self._queue and self._is_familiar(data):
            return
        self._head_bytes = len(data) if is_first else self._head_bytes + len(data)
        if is_first:
            self._past_bytes = 0
            self._line = b""
        if self._line is not None and not self._is_line_right(data):
            self._start_next()
            return
        self._feed(data)
        reading = self._reading
        if reading is not None and not self._has_begun and not self._is_beyond:
            self._await_head(reading, is_first=is_first)
        active = self._active
        if active is None:
            if is_first and reading is None and len(self._queue) == 1:
                self._remember(data, self._queue[0])
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
        self._is_beyond = True
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

    # -- the parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self._reading = Exchange(self)
        self._has_begun = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        reading = self._reading
        assert reading is not None
        reading.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer once the body has come."""
        reading = self._reading
        assert reading is not None
        if self._has_begun:
            reading.trailers.append((name, value))
            self._had_trailers = True
            if len(reading.trailers) > self.site.limits.headers:
                raise RequestHeadersTooLarge("the trailers are more than this server accepts")
            return
        fate = self._fates[name]
        if fate is None:
            reading.fields.append((name, value))
            return
        reading.noted.append((fate, value))
        if fate.is_kept:
            reading.fields.append((name, value))
            if fate is CONTENT_LENGTH:
                reading.has_length = True
                if len(value) > _LENGTH_DIGITS:
                    raise InvalidRequest("Content-Length: is more than anybody can send")
                if value.startswith(b"0"):  # with zeros in front it could be taken for an octal number
                    reading.fields[-1] = (name, b"%d" % int(value))

    def on_headers_complete(self) -> None:
        """The head is complete: what follows is its body."""
        reading = self._reading
        assert reading is not None
        parser = self._parser
        reading.method = parser.get_method().decode("ascii")
        reading.version = version = parser.get_http_version()
        reading.keep_alive = parser.should_keep_alive()
        self._check_size(reading)
        if reading.method == "CONNECT":  # every component says no in its own words
            reading.keep_alive = False
            reading.framing = Framing(reading.target, [], False, False, None, None)
        else:
            reading.framing = read_framing(
                reading.method, reading.target, version, reading.fields, reading.noted, has_length=reading.has_length
            )
        self._has_begun = True
        self._queue.append(reading)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        reading = self._reading
        assert reading is not None
        reading.parts.append(body)
        reading.waiting_bytes += len(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        reading = self._reading
        assert reading is not None
        reading.is_complete = True
        self._reading = None
        self._past_bytes = self._head_bytes
        if not reading.keep_alive:
            self._is_beyond = self._said_last = True

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
        elif not self._is_beyond:
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
        self._is_ending = self._is_beyond = True
        self.transport.abort()

    def close_when_quiet(self, quiet_s: float) -> None:
        """Close it when no request was at hand for so long."""
        if self._active is not None or self._queue or self._reading is not None or self._tunnel is not None:
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
            self._is_beyond = True
            active.keep_alive = False
            active.stop()
            active.refuse(RequestTimeout("the body of the request did not come in time"))
        elif active is None and self._reading is not None:
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
        self.deadline = self.site.ticker.now + (timeouts.idle_s if self._reading is None else timeouts.header_s)

    def _is_line_right(self, data: bytes) -> bool:
        """Whether the request line is, as far as it has come; a wrong one is refused."""
        assert self._line is not None
        line, is_whole, _ = (self._line + data).partition(b"\r\n")
        if not is_whole:
            self._line = line
            return True
        self._line = None
        try:
            check_request_line(line)
        except InvalidRequest as error:
            refused = self._reading or Exchange(self)
            self._refuse_unread(refused, error)
            return False
        return True

    def _refuse_unread(self, reading: Exchange, error: FscError) -> None:
        """Refuse a request whose head cannot be read, after those before it; what follows is not looked at."""
        self._reading = None
        self._is_beyond = True
        reading.keep_alive = False
        reading.error = error
        self._queue.append(reading)

    def _feed(self, data: bytes) -> None:
        rest: bytes | memoryview = data
        try:
            while rest and not self._is_beyond:
                try:
                    self._parser.feed_data(rest)
                    return
                except httptools.HttpParserUpgrade as stop:
                    self._parser = httptools.HttpRequestParser(self)
                    rest = memoryview(rest)[stop.args[0] :]
                    last = self._queue[-1] if self._queue else self._active
                    if last is not None and last.framing is not None and last.framing.upgrade is not None:
                        if rest:
                            self._read_held.append(bytes(rest))
                        return
                    # Asked for, in a way that we do not grant: it goes on as HTTP, and so does what follows it.
        except httptools.HttpParserError as error:
            self._cannot_read(error)
        if self._had_trailers and self._reading is None:
            # llhttp takes what trailers say for what headers say, of the next request too.
            self._had_trailers = False
            self._parser = httptools.HttpRequestParser(self)

    def _cannot_read(self, error: httptools.HttpParserError) -> None:
        if self._is_beyond and self._reading is None:
            self._said_last = False
            return  # what follows a last request
        self._is_beyond = True
        cause = error.__context__
        refused = cause if isinstance(cause, FscError) else InvalidRequest(_NOT_HTTP)
        _log.info("connection_refused", extra={"reason": refused.message})
        reading, self._reading = self._reading, None
        if reading is None:
            reading = Exchange(self)
        reading.keep_alive = False
        if not self._has_begun or reading not in (self._active, *self._queue):
            reading.error = refused
            self._queue.append(reading)
        elif reading is self._active and (reading.is_answering or reading.is_finished):
            self.cut()
        elif reading is self._active:
            reading.stop()
            reading.refuse(refused)
        else:
            reading.error = refused

    def _await_head(self, reading: Exchange, *, is_first: bool) -> None:
        """The head is not complete: bound its size and its time."""
        if is_first and self._active is None and not self._queue:
            self.deadline = self.site.ticker.now + self.site.timeouts.header_s
        limits = self.site.limits
        in_line = not reading.fields and not reading.noted
        if in_line and len(reading.target) > limits.request_line_bytes:
            self._refuse_head(reading, "the request line is longer than this server accepts")
        elif self._head_bytes - self._past_bytes > limits.request_line_bytes + limits.header_bytes + limits.token_bytes:
            self._refuse_head(reading, "the header is larger than this server accepts")

    def _refuse_head(self, reading: Exchange, why: str) -> None:
        self._refuse_unread(reading, RequestHeadersTooLarge(why))

    def _check_size(self, reading: Exchange) -> None:
        limits = self.site.limits
        if self._head_bytes <= min(limits.header_bytes, limits.request_line_bytes) and (
            len(reading.fields) + len(reading.noted) <= limits.headers
        ):
            return
        if len(reading.target) > limits.request_line_bytes:
            raise RequestHeadersTooLarge("the request line is longer than this server accepts")
        token = sum(len(value) for fate, value in reading.noted if fate is AUTHORIZATION) if limits.token_bytes else 0
        size = sum([len(name) + len(value) + 4 for name, value in reading.fields]) - token
        size += sum([len(value) for fate, value in reading.noted if not fate.is_kept])
        if (
            size > limits.header_bytes
            or token > limits.token_bytes
            or len(reading.fields) + len(reading.noted) > limits.headers
        ):
            raise RequestHeadersTooLarge("the header is larger than this server accepts")

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
        may_say_more = self._is_beyond or self._reading is not None
        if self._said_last and not self.transport.has_unread():
            may_say_more = False
        self._is_ending = self._is_beyond = True
        has_left = self.transport.get_write_buffer_size() > 0
        self.deadline = self.site.ticker.now + (self.site.timeouts.read_s if has_left else _LINGER_S)
        self._queue.clear()
        if may_say_more:
            self.transport.linger()
        else:
            self.transport.close()
