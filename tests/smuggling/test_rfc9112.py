"""The strict reader itself: it decides what is right in all tests of this folder."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.smuggling.conversation import Ending, read_stream
from tests.smuggling.rfc9112 import NotFramed, next_request, next_response

GET = b"GET /a?b HTTP/1.1\r\nHost: x\r\nX-A: \t b c \r\nX-Empty:\r\n\r\n"
CHUNKED = (
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\nX-T: 1\r\n\r\n"
)
COUNTED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"


def test_a_request_is_read_in_full() -> None:
    read = next_request(GET + b"rest")
    assert read is not None
    assert (read.method, read.target, read.version, read.size) == (b"GET", b"/a?b", b"1.1", len(GET))
    assert read.fields == ((b"Host", b"x"), (b"X-A", b"b c"), (b"X-Empty", b""))


def test_chunks_are_joined_and_trailers_kept() -> None:
    read = next_request(CHUNKED + GET)
    assert read is not None
    assert (read.body, read.trailers, read.size) == (b"abcd", ((b"X-T", b"1"),), len(CHUNKED))


@pytest.mark.parametrize("whole", [GET, CHUNKED, COUNTED])
def test_what_is_not_whole_is_waited_for(whole: bytes) -> None:
    assert next_request(whole) is not None
    assert {next_request(whole[:end]) for end in range(len(whole))} == {None}


def test_a_stream_is_read_to_its_end() -> None:
    last = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    assert [one.size for one in read_stream(GET + CHUNKED + COUNTED).requests] == [len(GET), len(CHUNKED), len(COUNTED)]
    assert read_stream(GET).ending is Ending.WHOLE
    assert read_stream(GET + CHUNKED[:-1]).ending is Ending.INCOMPLETE
    assert read_stream(GET + b"\x00\r\n\r\n").ending is Ending.BROKEN
    assert (read_stream(last + GET).ending, read_stream(last + GET).rest) == (Ending.LAST, GET)


@pytest.mark.parametrize(
    ("said", "method", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP", b"GET", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"HEAD", b""),
        (b"HTTP/1.1 304 \r\nContent-Length: 2\r\n\r\n", b"GET", b""),
        (b"HTTP/1.1 200 OK\r\n\r\nall of it", b"GET", b"all of it"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"GET", b"ok"),
    ],
)
def test_an_answer_has_the_body_that_its_request_gives_it(said: bytes, method: bytes, body: bytes) -> None:
    read = next_response(said, method, ended=True)
    assert read is not None
    assert read.body == body


def test_only_the_end_of_a_connection_ends_an_answer_without_a_length() -> None:
    assert next_response(b"HTTP/1.1 200 OK\r\n\r\nall of it", b"GET", ended=False) is None


@given(st.binary(max_size=200), st.booleans())
def test_any_bytes_are_read_or_refused(data: bytes, ended: bool) -> None:
    for head in (b"", GET[:-2], CHUNKED[:60]):
        read_stream(head + data)
    with contextlib.suppress(NotFramed):
        next_response(b"HTTP/1.1 200 OK\r\n" + data, b"GET", ended=ended)
