from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.relay.extent import ChunkedBody, CountedBody
from tests.smuggling import rfc9112

HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = st.lists(
    st.tuples(
        st.binary(min_size=1, max_size=40),
        st.sampled_from([b"", b";a", b";name=value", b";" + b"long" * 30]),
        st.sampled_from([b"%x", b"%X", b"000%x"]),
    ),
    max_size=5,
)
TRAILERS = st.lists(st.sampled_from([b"X: y\r\n", b"Long: " + b"z" * 50 + b"\r\n"]), max_size=2)


def ends(body: CountedBody | ChunkedBody, pieces: list[bytes]) -> int:
    """How much of these pieces belongs to the body."""
    taken = 0
    for piece in pieces:
        end = body.end_in(piece, 0)
        taken += end
        assert body.is_whole or end == len(piece)
        if body.is_whole:
            break
    return taken


def cut(data: st.DataObject, sent: bytes) -> list[bytes]:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=8)))
    return [sent[a:b] for a, b in pairwise([0, *cuts, len(sent)]) if a < b]


@given(st.integers(1, 50), st.binary(max_size=20), st.data())
def test_a_counted_body_takes_its_length_in_whatever_pieces_it_comes(
    length: int, after: bytes, data: st.DataObject
) -> None:
    body = CountedBody(length)
    assert ends(body, cut(data, b"x" * length + after)) == length
    assert body.is_whole


def test_a_counted_body_begins_where_it_is_told() -> None:
    body = CountedBody(2)
    assert body.end_in(b"head ab next", 5) == 7
    assert body.is_whole


@given(CHUNKS, TRAILERS, st.binary(max_size=20), st.data())
def test_a_chunked_body_ends_where_a_second_reader_says(
    chunks: list[tuple[bytes, bytes, bytes]], trailers: list[bytes], after: bytes, data: st.DataObject
) -> None:
    sized = b"".join(size % len(chunk) + extension + b"\r\n" + chunk + b"\r\n" for chunk, extension, size in chunks)
    sent = sized + b"0\r\n" + b"".join(trailers) + b"\r\n"
    read = rfc9112.next_request(HEAD + sent + after)
    assert read is not None
    body = ChunkedBody()
    assert ends(body, cut(data, sent + after)) == read.size - len(HEAD) == len(sent)
    assert body.is_whole


@pytest.mark.parametrize("line", [b"", b"x", b"-1", b"0x1", b"1_0", b" 1", b"1" * 17, b"1x", b";1"])
def test_a_chunk_without_a_size_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidRequest, match="a chunk does not say its size"):
        ChunkedBody().end_in(line + b"\r\nab\r\n0\r\n\r\n", 0)


def test_a_line_that_never_ends_is_not_kept() -> None:
    body = ChunkedBody()
    for _ in range(1000):
        body.end_in(b"1;" + b"x" * 1000, 0)
    assert len(body._line) < 100
