"""The requests of one connection, read strictly and in order. No I/O.

Standard: RFC 9112 (messages).

Theory of operation. What arrives is cut where one message ends and the next begins: at the empty line behind a head,
and where the body that the head announces is whole. llhttp gets piece after piece, and calls; a request whose head is
complete, or that is refused, is in `queue`. When llhttp does not see a message end where its piece does, the two
readings differ and the request is refused. After a refusal that leaves unclear where the next request begins nothing
more is read: `is_beyond`.
"""

import logging
from collections import deque
from typing import TYPE_CHECKING, Final

import httptools

from gateway.errors import FscError, InvalidRequest, RequestHeadersTooLarge
from gateway.relay.exchange import Exchange
from gateway.relay.extent import ChunkedBody, CountedBody
from gateway.relay.fields import AUTHORIZATION, CONTENT_LENGTH, Fates
from gateway.relay.request import Framing, check_request_line, read_framing
from gateway.relay.settings import RelayLimits

if TYPE_CHECKING:
    from gateway.relay.inbound import Inbound

_log = logging.getLogger(__name__)

_LENGTH_DIGITS: Final = 18
_LINE_END: Final = b"\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_NOT_HTTP: Final = "what was sent is not HTTP/1.1 as this server reads it"


class RequestReader:
    """Reads the requests of `inbound`."""

    __slots__ = (
        "_body",
        "_fates",
        "_had_trailers",
        "_head",
        "_head_bytes",
        "_inbound",
        "_is_head_whole",
        "_is_line_read",
        "_latest",
        "_length",
        "_limits",
        "_parser",
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
        self._head = b""
        """What came of a head in earlier reads, when it takes more than one."""
        self._head_bytes = 0
        """How much has come of the latest head."""
        self._is_line_read = False
        """Whether its request line is whole, and right."""
        self._is_head_whole = False
        self._length = 0
        """What it says of the length of its body."""
        self._body: CountedBody | ChunkedBody | None = None
        """The body that is being read."""
        self._had_trailers = False

    def feed(self, data: bytes) -> bytes:
        """Read on; returns what belongs to the protocol that the latest request asks for instead of HTTP.

        A request that has begun and cannot be read on has its `error` from here on.
        """
        position, length = 0, len(data)
        try:
            while position < length and not self.is_beyond:
                body = self._body
                end = self._end_of_head(data, position) if body is None else body.end_in(data, position)
                is_granted = self._parse(data if end - position == length else memoryview(data)[position:end])
                position = end
                if is_granted:
                    return data[position:]
                if body is None:
                    self._head_was_read()
                else:
                    self._body_was_read(body)
        except FscError as error:
            self._refuse(error)
        if position < length:
            self.said_last = False
        return b""

    def is_waiting_for_head(self) -> bool:
        """Whether a part of a head has come, and not the rest."""
        return self.reading is not None and not self.has_begun and not self.is_beyond

    # -- the parser's calls

    def on_message_begin(self) -> None:
        """A request begins."""
        if self.reading is not None or self._body is not None:
            raise InvalidRequest(_NOT_HTTP)
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
                self._length = int(value)
                if value.startswith(b"0"):  # with zeros in front it could be taken for an octal number
                    reading.fields[-1] = (name, b"%d" % self._length)

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
        if not reading.keep_alive:
            self.is_beyond = self.said_last = True

    # -- within

    def _end_of_head(self, data: bytes, start: int) -> int:
        """Where the head that begins or goes on at `start` ends, or else `data` does. Raises: InvalidRequest."""
        known = len(self._head)
        text, begin = (self._head + data[start:], 0) if known else (data, start)
        if not self._is_line_read:
            line_end = text.find(_LINE_END, begin)
            if line_end >= 0:
                check_request_line(text[begin:line_end])
                self._is_line_read = True
        found = text.find(_HEAD_END, begin + max(0, known - len(_HEAD_END)))
        self._is_head_whole = found >= 0
        end = found + len(_HEAD_END) if found >= 0 else len(text)
        self._head_bytes = end - begin
        self._head = b"" if self._is_head_whole else text[begin:]
        return start + self._head_bytes - known

    def _head_was_read(self) -> None:
        """See to it that llhttp took for a head what is one. Raises: InvalidRequest, RequestHeadersTooLarge."""
        if not self._is_head_whole:
            if self.reading is None or self.has_begun:
                raise InvalidRequest(_NOT_HTTP)
            self._check_unread(self.reading)
            return
        self._is_line_read = False
        length, self._length = self._length, 0
        latest = self._latest
        if latest is not None and latest.framing is not None and latest.framing.is_chunked:
            self._body = ChunkedBody()
        elif length:
            self._body = CountedBody(length)
        if (self.reading is None) != (self._body is None) or (self.reading is not None and not self.has_begun):
            raise InvalidRequest(_NOT_HTTP)

    def _body_was_read(self, body: CountedBody | ChunkedBody) -> None:
        """See to it that llhttp took for a body what is one. Raises: InvalidRequest."""
        if (self.reading is None) != body.is_whole:
            raise InvalidRequest(_NOT_HTTP)
        if not body.is_whole:
            return
        self._body = None
        if self._had_trailers:
            # llhttp takes what trailers say for what headers say, of the next request too.
            self._had_trailers = False
            self._parser = httptools.HttpRequestParser(self)

    def _parse(self, piece: bytes | memoryview) -> bool:
        """Have llhttp read a piece; returns whether it ends in a request for another protocol that is granted.

        Raises: FscError.
        """
        try:
            self._parser.feed_data(piece)
        except httptools.HttpParserUpgrade as stop:
            self._parser = httptools.HttpRequestParser(self)
            if stop.args[0] != len(piece):
                raise InvalidRequest(_NOT_HTTP) from None
            latest = self._latest
            return latest is not None and latest.framing is not None and latest.framing.upgrade is not None
            # When it is asked for in a way that we do not grant it goes on as HTTP.
        except httptools.HttpParserError as error:
            cause = error.__context__
            raise (cause if isinstance(cause, FscError) else InvalidRequest(_NOT_HTTP)) from None
        return False

    def _refuse(self, error: FscError) -> None:
        """Refuse the request that is being read, after those before it; what follows is not looked at."""
        _log.info("connection_refused", extra={"reason": error.message})
        self.is_beyond = True
        refused = self.reading
        if refused is None or not self.has_begun:
            refused = refused or Exchange(self._inbound)
            self.queue.append(refused)
        self.reading = None
        refused.keep_alive = False
        refused.error = error

    def _check_unread(self, reading: Exchange) -> None:
        """Bound the size of a head that is not complete. Raises: RequestHeadersTooLarge."""
        limits = self._limits
        in_line = not reading.fields and not reading.noted
        if in_line and len(reading.target) > limits.request_line_bytes:
            raise RequestHeadersTooLarge("the request line is longer than this server accepts")
        if self._head_bytes > limits.request_line_bytes + limits.header_bytes + limits.token_bytes:
            raise RequestHeadersTooLarge("the header is larger than this server accepts")

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
