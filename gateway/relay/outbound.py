"""A connection to an origin: requests go out one after the other, answers come back as they arrive.

Standard: RFC 9112 section 9 (connection management).

An answer that is not strictly HTTP never goes on: before its head has gone the client is told that the upstream failed,
after it the client's connection is cut. A connection that said more than it was asked, or less than it announced, is
never used again.
"""

import asyncio
from typing import TYPE_CHECKING, Final

from gateway.relay.answer import AnswerReader, BadAnswer, NoAnswer, Progress
from gateway.relay.exchange import Exchange
from gateway.relay.familiar import FamiliarAnswer, head_of
from gateway.relay.ticker import NEVER
from gateway.relay.tls_transport import TlsTransport
from gateway.relay.transport import SocketTransport

if TYPE_CHECKING:
    from gateway.relay.origin import Origin

MAX_FAMILIAR: Final = 64
"""Heads of answers that an origin remembers: `Date` makes them new ones every second."""


class Outbound(asyncio.Protocol):
    """One connection to `origin`; it serves one exchange at a time, and rests in the origin's pool between them."""

    __slots__ = (
        "_exchange",
        "_has_begun",
        "_origin",
        "_reader",
        "_tunnel",
        "_used",
        "deadline",
        "idle_since",
        "session_is_known",
        "transport",
    )

    def __init__(self, origin: "Origin") -> None:
        self.transport: SocketTransport
        self.deadline = NEVER
        self.idle_since = 0.0
        self.session_is_known = False
        """Whether its origin has seen which TLS session it came to."""
        self._origin = origin
        self._exchange: Exchange | None = None
        self._reader: AnswerReader | None = None
        """There once an answer came that was not like one before it."""
        self._has_begun = False
        """Whether it reads the answer to this exchange."""
        self._used = False
        """Whether an exchange ended well on it before this one."""
        self._tunnel = False

    # -- for the exchange

    def begin(self, exchange: Exchange) -> None:
        """Serve `exchange`."""
        self._exchange = exchange
        self._has_begun = False
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
        if exchange is not None and self._has_begun and self._reader is not None and not self._is_cut_off():
            rest = self._reader.end()
            if rest is not None:
                exchange.inbound.send(rest)
                self._finish(exchange, is_reusable=False)
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
        if not self._has_begun:
            head = head_of(data)
            known = self._origin.familiar.get(head)
            if known is not None and self._pass_familiar_on(exchange, known, data, len(head)):
                return
        reader = self._reader_for(exchange)
        try:
            progress = reader.feed(data)
        except NoAnswer as error:
            self._has_begun = False  # on a connection that was used it is what was left of an answer before
            self._failed(str(error), is_lost=True)
            return
        except BadAnswer as error:
            self._failed(str(error))
            return
        if progress is Progress.TAKEN:
            self._exchange = None
            self.transport.abort()
        elif progress is Progress.SWITCHED:
            self._become_tunnel(exchange, reader.take_out())
        else:
            exchange.inbound.transport.write(reader.take_out())
            if progress is Progress.WHOLE:
                if head:
                    self._remember(head, reader.familiar(len(data) - len(head)))
                self._finish(exchange, is_reusable=reader.leaves_connection())
            else:
                self._await_more()

    def timed_out(self) -> None:
        """The origin is silent for too long, or rests for too long."""
        self.deadline = NEVER
        exchange = self._exchange
        if exchange is None:
            self.transport.close()
        elif exchange.is_complete or self.transport.get_write_buffer_size():
            self._failed(f"it said nothing for {self._origin.timeouts.read_s:g} s")
        # else it is the client that is waited for, which has a deadline of its own

    # -- within

    def _reader_for(self, exchange: Exchange) -> AnswerReader:
        reader = self._reader
        if reader is None:
            reader = self._reader = AnswerReader(exchange)
        elif not self._has_begun:
            reader.begin(exchange)
        self._has_begun = True
        return reader

    def _pass_familiar_on(self, exchange: Exchange, known: FamiliarAnswer, data: bytes, body_at: int) -> bool:
        """Pass on an answer that is all in `data`, under a head like one before; False when it must be parsed."""
        if len(data) - body_at != known.length or exchange.answer_replaces in known.names or exchange.method == "HEAD":
            return False
        if exchange.is_judged and exchange.take_answer(known.status, known.fields):
            self._exchange = None
            self.transport.abort()
            return True
        exchange.inbound.transport.write(exchange.begin_answer(known.status, known.start) + data[body_at:])
        self._finish(exchange, is_reusable=True)
        return True

    def _await_more(self) -> None:
        if self.deadline is not NEVER:
            self.deadline = self._origin.ticker.now + self._origin.timeouts.read_s
        self.transport.notice_reset()

    def _remember(self, head: bytes, answer: FamiliarAnswer | None) -> None:
        if answer is None:
            return
        familiar = self._origin.familiar
        if len(familiar) >= MAX_FAMILIAR:
            familiar.clear()
        familiar[head] = answer

    def _become_tunnel(self, exchange: Exchange, head: bytes) -> None:
        """From here on bytes go both ways as they come."""
        self._tunnel = True
        self.deadline = NEVER
        exchange.inbound.send(head)
        exchange.inbound.become_tunnel(self.transport)

    def _is_cut_off(self) -> bool:
        """Whether the end of the connection may be the work of somebody in between."""
        return isinstance(self.transport, TlsTransport) and not self.transport.ended_clean

    def _finish(self, exchange: Exchange, *, is_reusable: bool) -> None:
        """The answer is out: rest, or close."""
        self._exchange = None
        exchange.outbound = None
        if is_reusable and exchange.is_complete:
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
            exchange.upstream_failed(reason, is_stale=is_lost and self._used and not self._has_begun)
