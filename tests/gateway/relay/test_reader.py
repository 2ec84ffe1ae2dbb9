from itertools import pairwise
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.fields import Fates, fate_at_inway
from gateway.relay.reader import RequestReader
from gateway.relay.settings import RelayLimits
from tests.gateway.echo import EchoService
from tests.gateway.relay.alone import GET, POST, relay_alone
from tests.gateway.wire import listening

if TYPE_CHECKING:
    from gateway.relay.inbound import Inbound


CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
SMALL = RelayLimits(request_line_bytes=40, header_bytes=120, headers=6)


def read(pieces: list[bytes], limits: RelayLimits = SMALL) -> list[tuple[str, bytes, bytes, bool, str]]:
    """What is made of these bytes: of each request method, target, body, whether it is whole, and its error."""
    reader = RequestReader(cast("Inbound", None), Fates(fate_at_inway), limits)
    for piece in pieces:
        if reader.is_beyond:
            break
        reader.feed(piece)
    return [
        (one.method, one.target, b"".join(one.parts), one.is_complete, "" if one.error is None else one.error.message)
        for one in reader.queue
    ]


REQUESTS = st.lists(
    st.sampled_from(
        [
            GET,
            b"POST /p HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
            b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
            b"POST /t HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nX: y\r\n\r\n",
            b"GET /u HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            b"GET /last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            b"GET  /two-spaces HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET /" + b"long" * 20 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"long" * 60 + b"\r\n\r\n",
            b"POST /bad HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        ]
    ),
    max_size=4,
)


@given(REQUESTS, st.data())
def test_requests_are_the_same_in_whatever_pieces_they_come(requests: list[bytes], data: st.DataObject) -> None:
    sent = b"".join(requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(sent)), max_size=6)))
    pieces = [sent[a:b] for a, b in pairwise([0, *cuts, len(sent)]) if a < b]
    apart, at_once = read(pieces), read([sent])
    refused = [bool(error) for *_, error in at_once]
    if not any(refused):
        assert apart == at_once
    elif refused.index(True) < len(apart):
        # Of one that is refused, how much was understood depends on the pieces; what came before it does not.
        first = refused.index(True)
        assert apart[:first] == at_once[:first]
        assert apart[first][-1]
        assert len(apart) == first + 1


@pytest.mark.parametrize("gap", [b"\n", b"\r", b"\r\n", b"\n\r\n", b"\r\r\n", b" ", b"\0"])
@pytest.mark.parametrize("end", [b"\r\n", b"Content-Length: 1\r\n\r\nx", CHUNKED], ids=["head", "counted", "chunked"])
@pytest.mark.parametrize("are_together", [True, False])
def test_nothing_comes_between_two_requests(gap: bytes, end: bytes, are_together: bool) -> None:
    first, second = b"POST /a HTTP/1.1\r\nHost: x\r\n" + end, gap + b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"
    before, (_, target, _, _, error) = read([first + second] if are_together else [first, second])
    assert (before[1], before[-1]) == (b"/a", "")
    assert (target, bool(error)) == (b"", True)


@pytest.mark.parametrize("gap", [b"\n", b"\r", b"\r\n", b" "])
def test_nothing_comes_before_the_first_request_not_even_alone(gap: bytes) -> None:
    ((_, target, _, _, error),) = read([gap, b"GET /b HTTP/1.1\r\nHost: x\r\n\r\n"])
    assert (target, bool(error)) == (b"", True)


async def test_a_long_body_is_not_taken_for_a_long_head_of_the_next_request() -> None:
    limits = RelayLimits(request_line_bytes=1000, header_bytes=1000)
    async with (
        listening(EchoService().serve) as port,
        relay_alone(port, limits=limits) as alone,
        alone.client() as wire,
    ):
        await wire.send(POST + b"Content-Length: 9000\r\n\r\n" + b"x" * 9000 + GET[:10])
        assert (await wire.message()).status == 200
        await wire.send(GET[10:])
        assert (await wire.message()).status == 200
        await wire.send(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 3000)
        assert (await wire.message()).status == 431


async def test_very_many_upgrades_that_are_not_granted_are_no_fault() -> None:
    service = EchoService()
    ask = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    async with listening(service.serve) as port, relay_alone(port) as alone, alone.client() as wire:
        await wire.send(ask * 1500)
        for _ in range(1500):
            assert (await wire.message()).status == 200
    assert all("upgrade" not in one.head.names() for one in service.received)
