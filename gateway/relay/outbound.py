"""A connection to an origin: requests go out one after the other, answers come back as they arrive.

Standard: RFC 9112 sections 6 (message body), 9 (connection management); RFC 9110 sections 7.8 (Upgrade), 15.2.

An answer that is not strictly HTTP never goes on: before its head has gone the client is told that the upstream failed,
after it the client's connection is cut. A connection that said more than it was asked, or less than it announced, is
never used again.
"""

import asyncio
import re
from typing import TYPE_CHECKING, Final

import httptools

from gateway.relay.exchange import Exchange
from gateway.relay.familiar import FamiliarAnswer, head_of
from gateway.relay.fields import (
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    UPGRADE,
    Fates,
    Field,
    as_trailers,
    fate_of_answer,
    lines,
    without_named,
)
from gateway.relay.ticker import NEVER
from gateway.relay.tls_transport import TlsTransport
from gateway.relay.transport import SocketTransport

if TYPE_CHECKING:
    from gateway.relay.origin import Origin

MAX_HEAD_BYTES: Final = 256 * 1024
"""Of an answer, all interim answers before it included."""
MAX_HEADERS: Final = 256
MAX_FAMILIAR: Final = 64
"""Heads of answers that an origin remembers: `Date` makes them new ones every second."""
_KEEPING: Final[tuple[list[bytes], ...]] = ([], [b"keep-alive"])
_FATES: Final = Fates(fate_of_answer)
_BODILESS: Final = frozenset({204, 304})
_SWITCHING: Final = 101
_CONTINUE: Final = 100
_BEGINNING: Final = b"HTTP/1."
_LAST_CHUNK: Final = b"0\r\n\r\n"
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_HTTP: Final = "what it answers is not HTTP/1.1"


class _Stop(Exception):
    """Nothing more of what arrived is to be parsed."""


class Outbound(asyncio.Protocol):
    """One connection to `origin`; it serves one exchange at a time, and rests in the origin's pool between them."""

    __slots__ = (
        "_body_bytes",
        "_connection_says",
        "_exchange",
        "_fields",
        "_had_interim",
        "_has_head",
        "_head_length",
        "_ignores",
        "_is_answered",
        "_is_chunking",
        "_is_excess",
        "_is_interim",
        "_is_until_eof",
        "_keeps",
        "_noted",
        "_origin",
        "_out",
        "_parser",
        "_raw_head",
        "_reason",
        "_received",
        "_status",
        "_tail",
        "_trailers",
        "_tunnel",
        "_used",
        "_was_chunked",
        "deadline",
        "idle_since",
        "session_is_known",
        "transport",
    )

    # Of the answer that is being read; `_reset` begins anew.
    _fields: list[Field]
    _trailers: list[Field]
    _connection_says: list[bytes]
    _reason: bytes
    _ignores: bytes
    _noted: bool
    _has_head: bool
    _is_answered: bool
    _is_chunking: bool
    _is_excess: bool
    _received: int
    _head_length: int
    _raw_head: bytes
    _body_bytes: int
    _tail: bytes
    _was_chunked: bool
    _had_interim: bool
    _is_interim: bool
    _is_until_eof: bool
    _keeps: bool
    _status: int

    def __init__(self, origin: "Origin") -> None:
        self.transport: SocketTransport
        self.deadline = NEVER
        self.idle_since = 0.0
        self.session_is_known = False
        """Whether its origin has seen which TLS session it came to."""
        self._origin = origin
        self._parser = httptools.HttpResponseParser(self)
        self._exchange: Exchange | None = None
        self._used = False
        """Whether an exchange ended well on it before this one."""
        self._tunnel = False
        self._out: list[bytes] = []
        self._reset()

    # -- for the exchange

    def begin(self, exchange: Exchange) -> None:
        """Serve `exchange`."""
        self._exchange = exchange
        self._reset()
        self.deadline = self._origin.ticker.now + self._origin.timeouts.read_s

    def send(self, data: bytes) -> None:
        """A piece of the request."""
        self.transport.write(data)
        self.deadline = self._origin.ticker.now + self._origin.timeouts.read_s

    def pause_reading(self) -> None:
        """The client does not keep up."""
        self.transport.pause_reading()
        self.deadline = NEVER

    def resume_reading(self) -> None:
        """The client has caught up."""
        self.transport.resume_reading()
        self.deadline = self._origin.ticker.now + self._origin.timeouts.read_s

    def abandon(self) -> None:
        """Nobody waits for the answer any more."""
        self._exchange = None
        self.transport.abort()

    @property
    def is_usable(self) -> bool:
        """Whether another request can go by it."""
        return not self.transport.is_closing()

    # -- the transport's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be used."""
        assert isinstance(transport, SocketTransport)
        self.transport = transport
        self.deadline = self._origin.ticker.now + self._origin.idle_s
        self._origin.ticker.watch(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone, and with it what was under way."""
        self._origin.ticker.forget(self)
        self._origin.forget(self)
        if self._tunnel:
            exchange, self._exchange = self._exchange, None
            if exchange is not None and exc is None:
                exchange.inbound.transport.close()
            elif exchange is not None:
                exchange.inbound.cut()
        else:
            self._failed("it closed the connection before it answered", is_lost=True)

    def eof_received(self) -> bool:
        """The origin sends no more: that may be the end of the answer."""
        exchange = self._exchange
        if self._tunnel and exchange is not None:
            exchange.inbound.transport.write_eof()
            return True
        if exchange is not None and self._has_head and self._is_until_eof and not self._is_cut_off():
            if self._is_chunking:
                exchange.inbound.send(b"0\r\n\r\n")
            self._keeps = False
            self._finish(exchange)
        return False

    def pause_writing(self) -> None:
        """The origin does not keep up."""
        exchange = self._exchange
        if exchange is None:
            return
        if self._tunnel:
            exchange.inbound.transport.pause_reading()
        else:
            exchange.is_stalled = True
            exchange.inbound.steer()

    def resume_writing(self) -> None:
        """The origin has caught up."""
        exchange = self._exchange
        if exchange is None:
            return
        if self._tunnel:
            exchange.inbound.transport.resume_reading()
        else:
            exchange.is_stalled = False
            exchange.inbound.steer()

    def data_received(self, data: bytes) -> None:
        """A piece of the answer."""
        exchange = self._exchange
        if exchange is None:
            self.transport.abort()  # nobody asked
            return
        if self._tunnel:
            exchange.inbound.send(data)
            return
        head = b""
        if not self._received:
            head = head_of(data)
            known = self._origin.familiar.get(head)
            if known is not None and self._pass_familiar_on(exchange, known, data, len(head)):
                return
        self._measure(data)
        if not self._parse(exchange, data):
            return
        if not self._has_head and self._received > MAX_HEAD_BYTES:
            self._failed("the header of its answer is too large")
            return
        out = self._out
        if out:
            self._out = []
            exchange.inbound.transport.write(out[0] if len(out) == 1 else b"".join(out))
        if self._is_answered:
            self._is_excess = self._is_excess or self._says_more(data)
            if head:
                self._remember(exchange, head, len(data) - len(head))
            self._finish(exchange)
            return
        if self.deadline is not NEVER:
            self.deadline = self._origin.ticker.now + self._origin.timeouts.read_s
        self.transport.notice_reset()

    def timed_out(self) -> None:
        """The origin is silent for too long, or rests for too long."""
        self.deadline = NEVER
        exchange = self._exchange
        if exchange is None:
            self.transport.close()
        elif exchange.is_complete or self.transport.get_write_buffer_size():
            self._failed(f"it said nothing for {self._origin.timeouts.read_s:g} s")
        # else it is the client that is waited for, which has a deadline of its own

    # -- the parser's calls

    def on_message_begin(self) -> None:
        """An answer begins, or an interim one."""
        if self._is_answered:
            self._is_excess = True
            raise _Stop
        self._fields = []
        self._noted = self._is_chunking = False
        self._connection_says = []
        self._reason = b""

    def on_status(self, reason: bytes) -> None:
        """A piece of the reason phrase."""
        self._reason += reason

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer once the body has come."""
        if self._has_head:
            self._trailers.append((name, value))
            if len(self._trailers) > MAX_HEADERS:
                raise httptools.HttpParserError("too many trailers")
            return
        fate = _FATES[name]
        if fate is None:
            self._fields.append((name, value))
            return
        if fate is CONTENT_LENGTH:
            self._fields.append((name, value))
            self._noted = True
        elif fate is TRANSFER_ENCODING:
            if self._is_chunking or value.strip(b" \t").lower() != b"chunked":
                raise httptools.HttpParserError("a coding that cannot be passed on")
            self._noted = True
            self._is_chunking = True
        elif fate is CONNECTION:
            self._connection_says.append(value)
        elif fate is UPGRADE:
            self._ignores = value

    def on_headers_complete(self) -> None:
        """The head is complete."""
        exchange = self._exchange
        assert exchange is not None
        parser = self._parser
        status = self._status = parser.get_status_code()
        if len(self._fields) > MAX_HEADERS or not 100 <= status <= 599:
            raise httptools.HttpParserError("a head that cannot be passed on")
        version = parser.get_http_version()
        if (
            version not in ("1.1", "1.0")
            or _CONTROL.search(self._reason)
            or (self._is_chunking and (version != "1.1" or status < 200 or status == 204))
        ):
            raise httptools.HttpParserError("a head that cannot be passed on")
        if status < 200:
            self._interim(exchange, status)
            return
        fields = self._fields
        if self._connection_says:
            fields = without_named(fields, self._connection_says)
        self._keeps = parser.should_keep_alive()
        if exchange.is_judged and exchange.take_answer(status, fields):
            self._exchange = None
            self.transport.abort()
            raise _Stop
        self._pass_head_on(exchange, status, fields)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._body_bytes += len(body)
        self._out.append(b"%x\r\n%b\r\n" % (len(body), body) if self._is_chunking else body)

    def on_message_complete(self) -> None:
        """The answer is whole, or an interim one was."""
        if self._is_interim:
            self._is_interim = False
            return
        if self._is_chunking:
            self._out.append(b"0\r\n%b\r\n" % as_trailers(self._trailers) if self._trailers else b"0\r\n\r\n")
        self._is_answered = True

    # -- within

    def _measure(self, data: bytes) -> None:
        """Keep count of what came, so that it is known whether anything follows the end of the answer."""
        self._received += len(data)
        if not self._head_length:
            self._raw_head += data
            end = self._raw_head.find(b"\r\n\r\n")
            if end > 0:
                self._head_length = end + 4
                self._raw_head = b""
        if self._is_chunking:
            self._tail = (self._tail + data)[-len(_LAST_CHUNK) :]

    def _parse(self, exchange: Exchange, data: bytes) -> bool:
        """Let llhttp read on; False when the answer ends here, one way or another."""
        if self._received == len(data) and not _BEGINNING.startswith(data[: len(_BEGINNING)]):
            self._failed(_NOT_HTTP)
            return False
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if self._is_switching():
                self._switch(exchange, data[stop.args[0] :])
            else:
                self._failed("it switches to another protocol, which nobody asked")
            return False
        except httptools.HttpParserError as error:
            if not isinstance(error.__context__, _Stop):
                self._is_excess = True
                if not self._is_answered:
                    self._out = [] if self._has_begun_in_vain(exchange) else self._out
                    self._failed(_NOT_HTTP)
                    return False
            self._parser = httptools.HttpResponseParser(self)
        return self._exchange is not None  # when the answer was judged, it does not go on

    def _pass_familiar_on(self, exchange: Exchange, known: FamiliarAnswer, data: bytes, body_at: int) -> bool:
        """Pass on an answer that is all in `data`, under a head like one before; False when it must be parsed."""
        if len(data) - body_at != known.length or exchange.answer_replaces in known.names or exchange.method == "HEAD":
            return False
        if exchange.is_judged and exchange.take_answer(known.status, known.fields):
            self._exchange = None
            self.transport.abort()
            return True
        self._has_head = self._keeps = self._is_answered = True
        exchange.inbound.transport.write(
            exchange.begin_answer(known.status, known.reason, known.lines) + data[body_at:]
        )
        self._finish(exchange)
        return True

    def _says_more(self, data: bytes) -> bool:
        """Whether anything came after the end of the answer: llhttp passes over line breaks."""
        if self._had_interim:
            return True  # where the heads ended is not known
        if not self._was_chunked:
            return self._received != self._head_length + self._body_bytes
        tail = self._tail if len(data) < len(_LAST_CHUNK) else data[-len(_LAST_CHUNK) :]
        if self._trailers:
            return not tail.endswith(b"\r\n\r\n") or tail.endswith(b"\n\r\n\r\n")
        return tail != _LAST_CHUNK

    def _remember(self, exchange: Exchange, head: bytes, length: int) -> None:
        """Remember the head of an answer that was all in one piece."""
        if (
            not self._keeps
            or self._had_interim
            or self._is_chunking
            or self._is_excess
            or self._connection_says not in _KEEPING
            or exchange.method == "HEAD"
            or not self._noted
        ):
            return
        familiar = self._origin.familiar
        if len(familiar) >= MAX_FAMILIAR:
            familiar.clear()
        fields = self._fields
        familiar[head] = FamiliarAnswer(
            self._status,
            self._reason.decode("latin-1"),
            fields,
            lines(fields),
            frozenset(name.lower() for name, _ in fields),
            length,
        )

    def _reset(self) -> None:
        self._fields = []
        self._trailers = []
        self._connection_says = []
        self._reason = b""
        self._ignores = b""
        self._noted = False
        self._has_head = False

        self._is_answered = False
        self._is_chunking = False
        self._is_excess = False
        self._received = 0
        self._head_length = 0
        self._raw_head = b""
        self._body_bytes = 0
        self._tail = b""
        self._was_chunked = False
        self._had_interim = False
        self._is_interim = False
        self._is_until_eof = False
        self._keeps = False
        self._status = 0

    def _interim(self, exchange: Exchange, status: int) -> None:
        """102, 103 and their like go on; 100 is not for a client that we have told so ourselves."""
        self._is_interim = self._had_interim = True
        if status not in (_CONTINUE, _SWITCHING) and exchange.version == "1.1":
            self._out.append(b"HTTP/1.1 %d %b\r\n%b\r\n" % (status, self._reason, lines(self._fields)))

    def _pass_head_on(self, exchange: Exchange, status: int, fields: list[Field]) -> None:
        self._has_head = True
        if exchange.answer_replaces:
            fields = [pair for pair in fields if pair[0].lower() != exchange.answer_replaces]
        is_bodiless = exchange.method == "HEAD" or status in _BODILESS
        self._was_chunked = self._is_chunking and not is_bodiless
        framing = b""
        if is_bodiless:
            self._is_chunking = False
        elif not self._noted:
            self._is_until_eof = self._is_chunking = True
        if self._is_chunking:
            if exchange.version == "1.1":
                framing = b"Transfer-Encoding: chunked\r\n"
            else:
                self._is_chunking = False
                exchange.keep_alive = False
        self._out.append(exchange.begin_answer(status, self._reason.decode("latin-1"), lines(fields) + framing))
        if is_bodiless:
            self._is_answered = True
            if exchange.method == "HEAD":
                raise _Stop  # llhttp does not know that no body follows

    def _has_begun_in_vain(self, exchange: Exchange) -> bool:
        """Whether the head was made and nothing of it was sent: then the client can still be told."""
        if self._has_head and self._out and self._out[0].startswith(b"HTTP/1.1 "):
            exchange.is_answering = False
            return True
        return False

    def _is_switching(self) -> bool:
        exchange = self._exchange
        return (
            exchange is not None
            and exchange.framing is not None
            and exchange.framing.upgrade is not None
            and self._status == _SWITCHING
        )

    def _switch(self, exchange: Exchange, rest: bytes) -> None:
        """101: from here on bytes go both ways as they come."""
        head = b"HTTP/1.1 101 Switching Protocols\r\n%bConnection: Upgrade\r\nUpgrade: %b\r\n%b\r\n" % (
            lines(self._fields),
            self._ignores,
            exchange.answer_fields,
        )
        exchange.is_answering = True
        self._tunnel = True
        self.deadline = NEVER
        self._out = []
        exchange.inbound.send(head + rest)
        exchange.inbound.become_tunnel(self.transport)

    def _is_cut_off(self) -> bool:
        """Whether the end of the connection may be the work of somebody in between."""
        return isinstance(self.transport, TlsTransport) and not self.transport.ended_clean

    def _finish(self, exchange: Exchange) -> None:
        """The answer is out: rest, or close."""
        self._exchange = None
        exchange.outbound = None
        if self._keeps and exchange.is_complete and not self._is_excess and not self._is_until_eof:
            self._used = True
            self.idle_since = self._origin.ticker.now
            self.deadline = self.idle_since + self._origin.idle_s
            self.transport.resume_reading()
            self._origin.take_back(self)
        else:
            self.transport.abort() if not exchange.is_complete else self.transport.close()
        exchange.finish()

    def _failed(self, reason: str, *, is_lost: bool = False) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        if not self.transport.is_closing():
            self.transport.abort()
        if exchange.is_answering:
            exchange.outbound = None
            exchange.inbound.cut()
        else:
            exchange.upstream_failed(reason, is_stale=is_lost and self._used and not self._received)
