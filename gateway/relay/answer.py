"""One answer after the other of a connection to an origin, read strictly and framed anew for the client. No I/O.

Standard: RFC 9112 sections 6 (message body), 9 (connection management); RFC 9110 sections 7.8 (Upgrade), 15.2.

Theory of operation. llhttp reads what arrives, and calls; what goes on to the client collects in `out`. llhttp passes
over line breaks that follow an answer, and knows neither HEAD nor what was asked; so the bytes are counted here too.
"""

import re
from enum import Enum, auto
from typing import Final

import httptools

from gateway.relay.exchange import Exchange, answer_start
from gateway.relay.familiar import FamiliarAnswer
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

MAX_HEAD_BYTES: Final = 256 * 1024
"""Of an answer, all interim answers before it included."""
MAX_HEADERS: Final = 256
LAST_CHUNK: Final = b"0\r\n\r\n"

_KEEPING: Final[tuple[list[bytes], ...]] = ([], [b"keep-alive"])
_FATES: Final = Fates(fate_of_answer)
_BODILESS: Final = frozenset({204, 304})
_SWITCHING: Final = 101
_CONTINUE: Final = 100
_BEGINNING: Final = b"HTTP/1."
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_NOT_HTTP: Final = "what it answers is not HTTP/1.1"


class BadAnswer(Exception):
    """What came is no answer that may go on; the message says why."""


class NoAnswer(BadAnswer):
    """What came is nothing that was said to this request."""


class Progress(Enum):
    """Where an answer stands."""

    UNDER_WAY = auto()
    WHOLE = auto()
    TAKEN = auto()
    """Somebody judged it, and it does not go on."""
    SWITCHED = auto()
    """101: what follows is another protocol."""


class _Stop(Exception):
    """Nothing more of what arrived is to be parsed."""


class AnswerReader:
    """Reads the answers of one connection; `begin` says whose the next one is."""

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
        "_is_taken",
        "_is_until_eof",
        "_keeps",
        "_noted",
        "_out",
        "_parser",
        "_raw_head",
        "_reason",
        "_received",
        "_status",
        "_tail",
        "_trailers",
        "_was_chunked",
    )

    def __init__(self, exchange: Exchange) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self.begin(exchange)

    def begin(self, exchange: Exchange) -> None:
        """Read the answer to this request."""
        self._exchange = exchange
        self._fields: list[Field] = []
        self._trailers: list[Field] = []
        self._connection_says: list[bytes] = []
        self._reason = b""
        self._ignores = b""
        self._noted = False
        """Whether the head says where the body ends."""
        self._has_head = False
        self._is_answered = False
        self._is_chunking = False
        self._is_excess = False
        """Whether more came than the answer."""
        self._is_taken = False
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
        self._out: list[bytes] = []

    def feed(self, data: bytes) -> Progress:
        """Read on. Raises: BadAnswer; then nothing of it goes on that has not gone."""
        self._measure(data)
        if self._received == len(data) and not _BEGINNING.startswith(data[: len(_BEGINNING)]):
            raise NoAnswer(_NOT_HTTP)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            if not self._is_asked_to_switch():
                raise BadAnswer("it switches to another protocol, which nobody asked") from None
            self._switch(data[stop.args[0] :])
            return Progress.SWITCHED
        except httptools.HttpParserError as error:
            if not isinstance(error.__context__, _Stop):
                self._is_excess = True
                if not self._is_answered:
                    self._take_head_back()
                    raise BadAnswer(_NOT_HTTP) from None
            self._parser = httptools.HttpResponseParser(self)
        if self._is_taken:
            return Progress.TAKEN
        if not self._has_head and self._received > MAX_HEAD_BYTES:
            raise BadAnswer("the header of its answer is too large")
        if not self._is_answered:
            return Progress.UNDER_WAY
        self._is_excess = self._is_excess or self._says_more(data)
        return Progress.WHOLE

    def take_out(self) -> bytes:
        """What goes on to the client of what was read."""
        out = self._out
        if not out:
            return b""
        self._out = []
        return out[0] if len(out) == 1 else b"".join(out)

    def end(self) -> bytes | None:
        """What goes on when the connection ends here; None when the answer does not end with it."""
        if not (self._has_head and self._is_until_eof):
            return None
        return LAST_CHUNK if self._is_chunking else b""

    def leaves_connection(self) -> bool:
        """Whether another request can follow the answer that was read."""
        return self._keeps and not self._is_excess and not self._is_until_eof

    def familiar(self, length: int) -> FamiliarAnswer | None:
        """What to remember of the head of an answer that was all in one piece; None when it is not worth it."""
        if (
            not self._keeps
            or self._had_interim
            or self._is_chunking
            or self._is_excess
            or self._connection_says not in _KEEPING
            or self._exchange.method == "HEAD"
            or not self._noted
        ):
            return None
        fields = self._fields
        names = frozenset(name.lower() for name, _ in fields)
        return FamiliarAnswer(self._status, fields, self._start(fields), names, length)

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
        exchange, parser = self._exchange, self._parser
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
            self._is_taken = True
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
            self._out.append(b"0\r\n%b\r\n" % as_trailers(self._trailers) if self._trailers else LAST_CHUNK)
        self._is_answered = True

    # -- within

    def _start(self, fields: list[Field]) -> bytes:
        return answer_start(self._status, self._reason.decode("latin-1"), lines(fields))

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
            self._tail = (self._tail + data)[-len(LAST_CHUNK) :]

    def _says_more(self, data: bytes) -> bool:
        """Whether anything came after the end of the answer: llhttp passes over line breaks."""
        if self._had_interim:
            return True  # where the heads ended is not known
        if not self._was_chunked:
            return self._received != self._head_length + self._body_bytes
        tail = self._tail if len(data) < len(LAST_CHUNK) else data[-len(LAST_CHUNK) :]
        if self._trailers:
            return not tail.endswith(b"\r\n\r\n") or tail.endswith(b"\n\r\n\r\n")
        return tail != LAST_CHUNK

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
        self._out.append(exchange.begin_answer(status, self._start(fields) + framing))
        if is_bodiless:
            self._is_answered = True
            if exchange.method == "HEAD":
                raise _Stop  # llhttp does not know that no body follows

    def _take_head_back(self) -> None:
        """When the head was made and nothing of it was sent, the client can still be told."""
        if self._has_head and self._out and self._out[0].startswith(b"HTTP/1.1 "):
            self._exchange.is_answering = False

    def _is_asked_to_switch(self) -> bool:
        framing = self._exchange.framing
        return framing is not None and framing.upgrade is not None and self._status == _SWITCHING

    def _switch(self, rest: bytes) -> None:
        exchange = self._exchange
        head = b"HTTP/1.1 101 Switching Protocols\r\n%bConnection: Upgrade\r\nUpgrade: %b\r\n%b\r\n" % (
            lines(self._fields),
            self._ignores,
            exchange.answer_fields,
        )
        exchange.is_answering = True
        self._out = [head, rest]
