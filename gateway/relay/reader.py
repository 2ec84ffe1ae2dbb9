"""The requests of one connection, read strictly and in order. No I/O.

Standard: RFC 9112 (messages).

Theory of operation. llhttp reads what arrives, and calls; a request whose head is complete, or that is refused, is in
`queue`. After a refusal that leaves unclear where the next request begins nothing more is read: `is_beyond`.
"""

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import httptools

from gateway.errors import FscError, InvalidRequest, RequestHeadersTooLarge
from gateway.relay.exchange import Exchange
from gateway.relay.fields import AUTHORIZATION, CONTENT_LENGTH, Fates
from gateway.relay.request import Framing, check_request_line, read_framing
from gateway.relay.settings import RelayLimits

if TYPE_CHECKING:
    from gateway.relay.inbound import Inbound

_log = logging.getLogger(__name__)

_LENGTH_DIGITS: Final = 18
_NOT_HTTP: Final = "what was sent is not HTTP/1.1 as this server reads it"


class RequestReader:
    """Reads the requests of `inbound`."""

    __slots__ = (
        "_fates",
        "_had_trailers",
        "_head_bytes",
        "_inbound",
        "_latest",
        "_limits",
        "_line",
        "_parser",
        "_past_bytes",
        "has_begun",
        "is_beyond",
        "queue",
        "reading",
        "said_last",
    )

    def __init__(self, inbound: "Inbound", fates: Fates, limits: RelayLimits) -> None:
        self._inbound = inbound
        self._fates = fates
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self.queue: deque[Exchange] = deque()
        """Requests that have begun, and nobody serves yet."""
        self.reading: Exchange | None = None
        """What is not whole."""
        self.has_begun = False
        """Whether the head of `reading` is complete."""
        self.is_beyond = False
        """Whether what still arrives belongs to nothing we will serve."""
        self.said_last = False
        """Whether the client said that nothing follows its request, and nothing did."""
        self._latest: Exchange | None = None
        self._head_bytes = 0
        """At most what has come of the head that is being read..."""
        self._past_bytes = 0
        """...and of that, what may belong to the request before."""
        self._line: bytes | None = None
        """Of a request line, what has come while it is not whole."""
        self._had_trailers = False

    def feed(self, data: bytes) -> bytes:
        """Read on; returns what belongs to the protocol that the latest request asks for instead of HTTP.

        A request that has begun and cannot be read on has its `error` from here on.
        """
        if self.reading is None:
            self._head_bytes = self._past_bytes = 0
            self._line = b""
        self._head_bytes += len(data)
        if self._line is not None and not self._is_line_right(data):
            return b""
        rest = self._parse(data)
        if self.is_waiting_for_head():
            self._check_unread()
        return rest

    def is_waiting_for_head(self) -> bool:
        """Whether a part of a head has come, and not the rest."""
        return self.reading is not None and not self.has_begun and not self.is_beyond

    # -- the parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        self.reading = self._latest = Exchange(self._inbound)
        self.has_begun = False

    def on_url(self, url: bytes) -> None:
        """A piece of the request target."""
        reading = self.reading
        assert reading is not None
        reading.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer once the body has come."""
        reading = self.reading
        assert reading is not None
        if self.has_begun:
            reading.trailers.append((name, value))
            self._had_trailers = True
            if len(reading.trailers) > self._limits.headers:
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
        reading = self.reading
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
        self.has_begun = True
        self.queue.append(reading)

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        reading = self.reading
        assert reading is not None
        reading.parts.append(body)
        reading.waiting_bytes += len(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        reading = self.reading
        assert reading is not None
        reading.is_complete = True
        self.reading = None
        self._past_bytes = self._head_bytes
        if not reading.keep_alive:
            self.is_beyond = self.said_last = True

    # -- within

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
            self._refuse_unread(error)
            return False
        return True

    def _refuse_unread(self, error: FscError) -> None:
        """Refuse a request whose head cannot be read, after those before it; what follows is not looked at."""
        self.is_beyond = True
        refused, self.reading = self.reading or Exchange(self._inbound), None
        refused.keep_alive = False
        refused.error = error
        self.queue.append(refused)

    def _parse(self, data: bytes) -> bytes:
        rest: bytes | memoryview = data
        try:
            while rest and not self.is_beyond:
                try:
                    self._parser.feed_data(rest)
                    break
                except httptools.HttpParserUpgrade as stop:
                    self._parser = httptools.HttpRequestParser(self)
                    rest = memoryview(rest)[stop.args[0] :]
                    latest = self._latest
                    if latest is not None and latest.framing is not None and latest.framing.upgrade is not None:
                        return bytes(rest)
                    # Asked for, in a way that we do not grant: it goes on as HTTP, and so does what follows it.
        except httptools.HttpParserError as error:
            self._cannot_read(error)
        if self._had_trailers and self.reading is None:
            # llhttp takes what trailers say for what headers say, of the next request too.
            self._had_trailers = False
            self._parser = httptools.HttpRequestParser(self)
        return b""

    def _cannot_read(self, error: httptools.HttpParserError) -> None:
        if self.is_beyond and self.reading is None:
            self.said_last = False
            return  # what follows a last request
        cause = error.__context__
        refused = cause if isinstance(cause, FscError) else InvalidRequest(_NOT_HTTP)
        _log.info("connection_refused", extra={"reason": refused.message})
        if self.reading is None or not self.has_begun:
            self._refuse_unread(refused)
            return
        self.is_beyond = True
        self.reading.keep_alive = False
        self.reading.error = refused
        self.reading = None

    def _check_unread(self) -> None:
        """Bound the size of a head that is not complete."""
        reading, limits = self.reading, self._limits
        assert reading is not None
        in_line = not reading.fields and not reading.noted
        if in_line and len(reading.target) > limits.request_line_bytes:
            self._refuse_unread(RequestHeadersTooLarge("the request line is longer than this server accepts"))
        elif self._head_bytes - self._past_bytes > limits.request_line_bytes + limits.header_bytes + limits.token_bytes:
            self._refuse_unread(RequestHeadersTooLarge("the header is larger than this server accepts"))

    def _check_size(self, reading: Exchange) -> None:
        limits = self._limits
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
