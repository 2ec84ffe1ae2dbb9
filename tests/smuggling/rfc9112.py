"""A second reader of HTTP/1.1, written from RFC 9112 alone, strict, and for these tests alone.

It looks at all the bytes of a connection that have come so far and tells the first message in them: slow and simple on
purpose, so that it has nothing in common with the readers of the program. Where the RFC lets a reader choose between
refusing and mending, it notes the place in `lenient`; where it lets one choose and this program has chosen to refuse
(both framings at once, two lengths, CONNECT) it refuses.
"""

import re
from dataclasses import dataclass, replace
from typing import TypeAlias

Fields: TypeAlias = tuple[tuple[bytes, bytes], ...]
"""Names as they were, values without the white space around them."""

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_SPACES = re.compile(rb" {2,}")
_REQUEST_LINE = re.compile(rb"(%b) ([!-~]+) HTTP/1\.([01])" % _TOKEN)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9]) ([\t -~\x80-\xff]*)")
_NAME = re.compile(_TOKEN)
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
_ABSOLUTE = re.compile(rb"https?://([^/?]+)([/?].*)?", re.IGNORECASE)
_HOST = re.compile(rb"(?:[0-9A-Za-z\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})*(?::[0-9]*)?|\[[0-9A-Fa-f:.]+\](?::[0-9]*)?")
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)([ \t]*;[\t -~\x80-\xff]*)?")
_PLAIN_EXTENSIONS = re.compile(rb"(?:;%b(?:=%b)?)*" % (_TOKEN, _TOKEN))
_MAX_HEX_DIGITS = 16
_NO_BODY = frozenset({204, 304})


class NotFramed(Exception):
    """What came is not a message of HTTP/1.1; whoever reads on after it is guessing."""


@dataclass(frozen=True, slots=True)
class Request:
    """A whole request."""

    method: bytes
    target: bytes
    version: bytes
    fields: Fields
    body: bytes
    trailers: Fields
    size: int
    """How many bytes it took."""
    lenient: tuple[str, ...]
    """What a reader may refuse, or mend as it was mended here."""

    def values(self, name: str) -> list[bytes]:
        return values(self.fields, name)

    @property
    def is_last(self) -> bool:
        """Whether the RFC has the connection end after it."""
        return is_last(self.version, self.fields)

    @property
    def path(self) -> bytes:
        """The target without scheme and authority."""
        absolute = _ABSOLUTE.fullmatch(self.target)
        if absolute is None:
            return self.target
        rest = absolute[2] or b"/"
        return rest if rest.startswith(b"/") else b"/" + rest


@dataclass(frozen=True, slots=True)
class Response:
    """A whole answer, perhaps an informational one."""

    version: bytes
    status: int
    reason: bytes
    fields: Fields
    body: bytes
    trailers: Fields
    size: int
    is_last: bool

    def values(self, name: str) -> list[bytes]:
        return values(self.fields, name)


def values(fields: Fields, name: str) -> list[bytes]:
    """Every value of a field."""
    return [value for known, value in fields if known.lower() == name.lower().encode()]


def is_last(version: bytes, fields: Fields) -> bool:
    """Whether a message with these is the last of its connection, RFC 9112 section 9.3."""
    options = {option.strip(b" \t").lower() for value in values(fields, "Connection") for option in value.split(b",")}
    return b"close" in options or (version == b"1.0" and b"keep-alive" not in options)


def next_request(data: bytes) -> Request | None:
    """The first request in `data`; None when it is not whole yet. Raises: NotFramed."""
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
    opened = _opening(data, start)
    if opened is None:
        return None
    head, length = opened
    read = _chunked(data, head.size) if length is None else _counted(data, head.size, length)
    if read is None:
        return None
    body, trailers, size, notes = read
    if start:
        notes = ["an empty line before the request", *notes]
    return replace(head, body=body, trailers=trailers, size=size, lenient=(*head.lenient, *notes))


def request_head(data: bytes) -> Request | None:
    """The request at the beginning of `data` without its body, as soon as its head is whole. Raises: NotFramed."""
    opened = _opening(data, 0)
    return None if opened is None else opened[0]


def _opening(data: bytes, start: int) -> tuple[Request, int | None] | None:
    """The head of a request, and how long its body is: None for chunked."""
    head = _head(data, start)
    if head is None:
        return None
    first, fields, end = head
    # RFC 9112 section 3 lets a reader take any run of spaces for one.
    line = _REQUEST_LINE.fullmatch(_SPACES.sub(b" ", first))
    if line is None:
        raise NotFramed("request line")
    method, target, version = line[1], line[2], b"1." + line[3]
    spaces = ["more than one space in the request line"] if b"  " in first else []
    notes = _check_target(method, target) + _check_host(version, fields)
    length, more = _request_length(version, fields)
    return Request(method, target, version, fields, b"", (), end, (*spaces, *notes, *more)), length


def next_response(data: bytes, method: bytes, *, ended: bool) -> Response | None:
    """The first answer in `data` to a request with `method`; None when it is not whole yet.

    `ended` tells that nothing comes after `data`. Raises: NotFramed.
    """
    head = _head(data, 0)
    if head is None:
        return None
    first, fields, end = head
    line = _STATUS_LINE.fullmatch(first)
    if line is None:
        raise NotFramed("status line")
    version, status = b"1." + line[1], int(line[2])
    last = is_last(version, fields)
    length = _response_length(status, method, version, fields)
    read: tuple[bytes, Fields, int, list[str]] | None
    if length == "chunked":
        read = _chunked(data, end)
    elif length == "close":
        last = True
        read = (data[end:], (), len(data), []) if ended else None
    else:
        assert isinstance(length, int)
        read = _counted(data, end, length)
    if read is None:
        return None
    return Response(version, status, line[3], fields, read[0], read[1], read[2], last)


def _head(data: bytes, start: int) -> tuple[bytes, Fields, int] | None:
    """The first line, the fields, and where they end."""
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        return None
    first, *lines = data[start:end].split(b"\r\n")
    return first, tuple(_field(line) for line in lines), end + 4


def _field(line: bytes) -> tuple[bytes, bytes]:
    name, colon, value = line.partition(b":")
    if not colon or not _NAME.fullmatch(name):
        raise NotFramed("field name")
    if not _VALUE.fullmatch(value):
        raise NotFramed("field value")
    return name, value.strip(b" \t")


def _check_target(method: bytes, target: bytes) -> list[str]:
    if method == b"CONNECT":
        raise NotFramed("CONNECT, which this program never serves")
    if b"#" in target:
        raise NotFramed("a fragment in the target")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        if not absolute[1] or b"@" in absolute[1] or not _HOST.fullmatch(absolute[1]):
            raise NotFramed("authority of the target")
        return ["a URL as target"]
    if not target.startswith(b"/") and (method, target) != (b"OPTIONS", b"*"):
        raise NotFramed("target")
    return []


def _check_host(version: bytes, fields: Fields) -> list[str]:
    hosts = values(fields, "Host")
    if len(hosts) > 1 or (not hosts and version == b"1.1"):
        raise NotFramed("there must be one Host")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise NotFramed("Host")
    return [] if hosts and hosts[0] else ["no Host"]


def _request_length(version: bytes, fields: Fields) -> tuple[int | None, list[str]]:
    """How long the body is, None for chunked; and what a reader may refuse of it."""
    codings, lengths = values(fields, "Transfer-Encoding"), values(fields, "Content-Length")
    if codings:
        if version == b"1.0":
            raise NotFramed("Transfer-Encoding in HTTP/1.0")
        if lengths:
            raise NotFramed("both Transfer-Encoding and Content-Length")
        return None, _check_chunked(codings)
    if not lengths:
        return 0, []
    return _length(lengths)


def _response_length(status: int, method: bytes, version: bytes, fields: Fields) -> int | str:
    codings, lengths = values(fields, "Transfer-Encoding"), values(fields, "Content-Length")
    if codings and (lengths or version == b"1.0" or status < 200 or status == 204):
        raise NotFramed("Transfer-Encoding where it must not be")
    if codings:
        _check_chunked(codings)
    known = _length(lengths)[0] if lengths else None
    if method == b"HEAD" or status < 200 or status in _NO_BODY:
        return 0
    if codings:
        return "chunked"
    return "close" if known is None else known


def _check_chunked(codings: list[bytes]) -> list[str]:
    members = [member.strip(b" \t").lower() for member in b",".join(codings).split(b",")]
    if [member for member in members if member] != [b"chunked"]:
        raise NotFramed("Transfer-Encoding")
    return ["an empty member in Transfer-Encoding"] if len(members) > 1 else []


def _length(lengths: list[bytes]) -> tuple[int, list[str]]:
    if len(lengths) > 1 or not re.fullmatch(rb"[0-9]+", lengths[0]):
        raise NotFramed("Content-Length")
    if int(lengths[0]) >= 2**64:
        raise NotFramed("Content-Length beyond all bounds")
    return int(lengths[0]), ["zeros before Content-Length"] if re.match(rb"0.", lengths[0]) else []


def _counted(data: bytes, start: int, length: int) -> tuple[bytes, Fields, int, list[str]] | None:
    return None if len(data) < start + length else (data[start : start + length], (), start + length, [])


def _chunked(data: bytes, start: int) -> tuple[bytes, Fields, int, list[str]] | None:
    """Body, trailers, where they end, and what a reader may refuse of them."""
    parts: list[bytes] = []
    notes: list[str] = []
    at = start
    while True:
        end = data.find(b"\r\n", at)
        if end < 0:
            return None
        size, more = _chunk_size(data[at:end])
        notes += more
        at = end + 2
        if size == 0:
            trailers = _trailers(data, at)
            return None if trailers is None else (b"".join(parts), trailers[0], trailers[1], notes)
        tail = data[at + size : at + size + 2]
        if not b"\r\n".startswith(tail):
            raise NotFramed("a chunk does not end where it said")
        if len(tail) < 2:
            return None
        parts.append(data[at : at + size])
        at += size + 2


def _chunk_size(line: bytes) -> tuple[int, list[str]]:
    read = _CHUNK_LINE.fullmatch(line)
    if read is None:
        raise NotFramed("chunk size")
    digits, extensions = read[1], read[2] or b""
    if len(digits.lstrip(b"0")) > _MAX_HEX_DIGITS:
        raise NotFramed("chunk size beyond all bounds")
    notes = ["zeros before a chunk size"] if re.match(rb"0.", digits) else []
    notes += [] if _PLAIN_EXTENSIONS.fullmatch(extensions) else ["an odd chunk extension"]
    return int(digits, 16), notes


def _trailers(data: bytes, start: int) -> tuple[Fields, int] | None:
    if data.startswith(b"\r\n", start):
        return (), start + 2
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        return None
    return tuple(_field(line) for line in data[start:end].split(b"\r\n")), end + 4
