"""What is taken for familiar is what the parser would have made of it: nothing else may be."""

import httptools
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import FscError
from gateway.relay.familiar import MAX_BYTES, FamiliarSection, head_of, read_familiar, remember_section
from gateway.relay.fields import CONTENT_LENGTH, Fate, Fates, Field, fate_at_inway, lines
from gateway.relay.request import Framing, check_request_line, read_framing

UUID = b"018f2f6e-7b1c-7a3b-9c1d-0123456789ab"
OTHER = b"018F2F6E-7b1c-7a3b-9c1d-ba9876543210"
TOKEN = b"Fsc-Authorization: Bearer a.b.c\r\n"
SECTIONS = [
    b"Host: x\r\n" + TOKEN + b"Fsc-Transaction-Id: " + UUID + b"\r\nAccept: */*\r\n\r\n",
    b"Host: x\r\nfsc-transaction-id: " + UUID + b"\r\n\r\n",
    b"Fsc-Transaction-Id:" + UUID + b"\r\nhost: x\r\nConnection: keep-alive\r\nX-Forwarded-For: y\r\n\r\n",
    b"Host: x\r\nX: " + UUID + b"\r\nFsc-Transaction-Id: " + UUID + b"\r\n\r\n",
    b"Host: x\r\nFsc-Transaction-Id: " + UUID + b"\r\nFsc-Transaction-Id: " + OTHER + b"\r\n\r\n",
    b"Host: x\r\nConnection: X-Gone\r\nX-Gone: 1\r\nFsc-Transaction-Id: " + UUID + b"\r\n\r\n",
    b"Host: x\r\nAccept: */*\r\n\r\n",
    b"Host: x\r\nFsc-Transaction-Id: not one\r\n\r\n",
]
_LINES = st.sampled_from([b"GET / HTTP/1.1", b"GET /a?b=c HTTP/1.1", b"DELETE /%2F HTTP/1.1", b"HEAD / HTTP/1.1"])


class Reader:
    """Reads one request as an `Inbound` does."""

    def __init__(self, data: bytes) -> None:
        self.fields: list[Field] = []
        self.noted: list[tuple[Fate, bytes]] = []
        self.target = b""
        self.has_length = self.is_whole = self.keeps = False
        self.method = ""
        self.framing: Framing | None = None
        self.messages = 0
        self._fates = Fates(fate_at_inway)
        self._parser = httptools.HttpRequestParser(self)
        try:
            check_request_line(data.partition(b"\r\n")[0])
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade, FscError):
            self.messages = 0

    def on_message_begin(self) -> None:
        self.messages += 1

    def on_url(self, url: bytes) -> None:
        self.target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        fate = self._fates[name]
        if fate is not None:
            self.noted.append((fate, value))
            self.has_length = self.has_length or fate is CONTENT_LENGTH
        if fate is None or fate.is_kept:
            self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        self.method = self._parser.get_method().decode()
        self.keeps = self._parser.should_keep_alive()
        version = self._parser.get_http_version()
        self.framing = read_framing(
            self.method, self.target, version, self.fields, self.noted, has_length=self.has_length
        )

    def on_message_complete(self) -> None:
        self.is_whole = True


def remembered(data: bytes) -> FamiliarSection | None:
    reader = Reader(data)
    if not (reader.is_whole and reader.keeps and reader.framing is not None and not reader.has_length):
        return None
    return remember_section(data, reader.noted, reader.framing)


def check(data: bytes, known: FamiliarSection) -> bool:
    """Whether it was familiar; then it must be what the parser makes of it."""
    found = read_familiar(data, known)
    if found is None:
        return False
    reader = Reader(data)
    assert (reader.messages, reader.is_whole, reader.keeps, reader.has_length) == (1, True, True, False)
    parsed = reader.framing
    assert parsed is not None
    assert (found.method, found.framing.target, found.framing.host) == (reader.method, parsed.target, parsed.host)
    assert (found.framing.fields, found.noted) == (parsed.fields, reader.noted)
    assert found.framing.lines == lines(parsed.fields)
    assert not (parsed.is_chunked)
    assert not (parsed.expects_continue)
    assert not (parsed.upgrade)
    assert found.framing.upgrade is None
    return True


@given(
    _LINES,
    _LINES,
    st.sampled_from(SECTIONS),
    st.sampled_from([UUID, OTHER, b"-" * 36, UUID[:-1], b"\r\nX: 1" + UUID[8:], UUID[:-1] + b"\n"]),
    st.lists(st.tuples(st.integers(0, 300), st.binary(max_size=3), st.integers(0, 3)), max_size=3),
)
@settings(max_examples=600, deadline=None)
def test_what_is_familiar_is_what_the_parser_reads(
    line: bytes, other_line: bytes, section: bytes, transaction: bytes, changes: list[tuple[int, bytes, int]]
) -> None:
    known = remembered(line + b"\r\n" + section)
    if known is None:
        return
    data = other_line + b"\r\n" + section.replace(UUID, transaction)
    for at, instead, length in changes:
        data = data[:at] + instead + data[at + length :]
    check(data, known)


def test_the_next_request_of_a_connection_is_familiar() -> None:
    first = b"GET /a HTTP/1.1\r\n" + SECTIONS[0]
    known = remembered(first)
    assert known is not None
    assert check(first, known)
    assert check(b"DELETE /other?x HTTP/1.1\r\n" + SECTIONS[0].replace(UUID, OTHER), known)
    for value in (b"a.b.d", b"another.and.longer"):
        assert check(first.replace(b"a.b.c", value), known)
    assert check(first.replace(UUID, b"no UUID: the handler says so"), known)
    for strange in (
        first.replace(b"a.b.c", b"a\nb"),
        first.replace(b"a.b.c", b"a\r\nContent-Length: 3"),
        first[:-1],
        first + b"\r\n",
        first + first,
        first.replace(b"GET", b"POST"),
        first.replace(b"/a ", b"/a#b "),
        first.replace(b"/a ", b"http://x/ "),
        first.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"",
        b"\r\n",
    ):
        assert not check(strange, known)


def test_without_a_transaction_id_nothing_may_differ() -> None:
    data = b"GET /a HTTP/1.1\r\n" + SECTIONS[6]
    known = remembered(data)
    assert known is not None
    assert check(data.replace(b"/a", b"/b"), known)
    assert not check(data.replace(b"*/*", b"x/*"), known)


def test_what_is_large_is_not_remembered() -> None:
    assert remembered(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * MAX_BYTES + b"\r\n\r\n") is None


@given(st.binary(max_size=50), st.binary(max_size=20))
def test_a_head_ends_at_its_first_empty_line(before: bytes, after: bytes) -> None:
    data = b"H" + before.replace(b"\r", b"") + b"\r\n\r\n"
    assert head_of(data + after) == data
    assert head_of(data[:-1]) == b""


def test_a_head_that_is_too_long_is_none() -> None:
    assert head_of(b"x" * MAX_BYTES + b"\r\n\r\n") == b""
