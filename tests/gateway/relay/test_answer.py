from itertools import pairwise
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.answer import MAX_HEADERS, AnswerReader, BadAnswer, Progress
from gateway.relay.exchange import Exchange
from gateway.relay.settings import RelayCounters, RelayTimeouts
from tests.gateway.echo import EchoService, answering
from tests.gateway.relay.alone import GET, relay_alone
from tests.gateway.wire import listening

if TYPE_CHECKING:
    from gateway.relay.inbound import Inbound

HASTY = RelayTimeouts(connect_s=5, read_s=0.5, header_s=5, idle_s=5)


def asked(method: str = "GET", version: str = "1.1") -> Exchange:
    site = SimpleNamespace(counters=RelayCounters(), is_draining=False)
    exchange = Exchange(cast("Inbound", SimpleNamespace(site=site)))
    exchange.method, exchange.version = method, version
    exchange.keep_alive = exchange.is_complete = True
    return exchange


def read(pieces: list[bytes], exchange: Exchange) -> tuple[bytes, Progress, bool]:
    """What goes on of these bytes, where the answer stands then, and whether the connection can be used again."""
    reader, progress, out = AnswerReader(exchange), Progress.UNDER_WAY, b""
    for piece in pieces:
        assert progress is Progress.UNDER_WAY
        progress = reader.feed(piece)
        out += reader.take_out()
    return out, progress, reader.leaves_connection()


def without_chunks(out: bytes) -> bytes:
    """The same with all chunks as one: how a body is cut up may differ."""
    head, _, body = out.partition(b"\r\n\r\n")
    if b"chunked" not in head:
        return out
    data = b""
    while not body.startswith(b"0\r\n"):
        size, _, body = body.partition(b"\r\n")
        data, body = data + body[: int(size, 16)], body[int(size, 16) + 2 :]
    return head + data + body


ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 Fine\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nT: u\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n",
    b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
]


@given(st.sampled_from(ANSWERS), st.sampled_from(["GET", "HEAD"]), st.data())
def test_an_answer_is_the_same_in_whatever_pieces_it_comes(said: bytes, method: str, data: st.DataObject) -> None:
    if method == "HEAD":
        said = said[: said.index(b"\r\n\r\n") + 4]
    cuts = sorted(data.draw(st.sets(st.integers(1, len(said) - 1), max_size=6)))
    pieces = [said[a:b] for a, b in pairwise([0, *cuts, len(said)])]
    out, progress, leaves = read(pieces, asked(method))
    at_once = read([said], asked(method))
    assert (without_chunks(out), progress, leaves) == (without_chunks(at_once[0]), Progress.WHOLE, True)
    assert at_once[1:] == (Progress.WHOLE, True)


@given(st.sampled_from(ANSWERS), st.sampled_from([b"\r\n", b"H", b"HTTP/1.1 200 OK\r\n\r\n"]))
def test_after_more_than_the_answer_nothing_is_asked_again(said: bytes, more: bytes) -> None:
    out, progress, leaves = read([said + more], asked())
    assert (out, progress, leaves) == (read([said], asked())[0], Progress.WHOLE, False)


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    for version, end in (("1.1", b"0\r\n\r\n"), ("1.0", b"")):
        exchange = asked(version=version)
        reader = AnswerReader(exchange)
        assert reader.feed(b"HTTP/1.1 200 OK\r\n\r\nsome") is Progress.UNDER_WAY
        assert reader.end() == end
        assert exchange.keep_alive is (version == "1.1")
        reader.begin(asked())
        assert reader.end() is None


def test_a_head_of_which_nothing_has_gone_is_taken_back() -> None:
    exchange = asked()
    with pytest.raises(BadAnswer):
        AnswerReader(exchange).feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n")
    assert not exchange.is_answering


async def test_more_than_was_asked_is_never_taken_for_an_answer() -> None:
    service = EchoService()
    said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        for _ in range(3):
            service.behaviour = answering(said + said.replace(b"ok", b"no"))
            assert (await wire.ask(GET)).body == b"ok"
        assert service.connections == 3


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * (MAX_HEADERS + 1) + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 300_000,
        b"HTTP/1.1 600 Many\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_an_answer_that_cannot_be_passed_on_is_a_failure(said: bytes) -> None:
    service = EchoService()
    service.behaviour = answering(said)
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        assert (await wire.ask(GET)).status == 502
