# ruff: noqa: E501 (rows of a table)
"""Whatever clients say, in whatever pieces, however the Service behaves: nobody gets what is another's, and all ends.

Short by default; `HYPOTHESIS_PROFILE=soak` (which `make soak` sets) goes on for ten minutes.
"""

import gc
import itertools
import re
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.smuggling.answers import RIGHT, WRONG
from tests.smuggling.conversation import read_stream
from tests.smuggling.essence import essence
from tests.smuggling.stage import IS_SOAK, Stage, request

BUDGET_S = 150 if IS_SOAK else 0
"""How long each of the four goes on, at least."""
EXAMPLES = 500 if IS_SOAK else 25
ENTRANCES = ("relay", "inway")
GROWTH_BYTES = 2**19
"""Of memory, over rounds that bring several times as much: nothing of what is served stays."""
_ROUNDS = 2

_nonces = itertools.count()
_NONCE = b"X-Nonce: @@@@@@@@"
"""Filled in when it is played: what is drawn must not depend on what was drawn before."""
_BODIES = (
    b"",
    b"x",
    b"GET /smuggled HTTP/1.1\r\nHost: klant.x\r\n\r\n",
    b"0\r\n\r\n",
    b"\r\n" * 3,
    b"\x00\xff" * 40,
    b"y" * 70_000,
)
_FIELDS = (
    b"X-A: b", b"x-a:\tc ", b"X-Empty:", b"Connection: keep-alive", b"Connection: X-Hop", b"X-Hop: 1", b"Accept: */*", b"X-U: \xc3\xa9",
    b"Expect: 100-continue", b"TE: trailers", b"Cookie: a=b; c=d", b"X-Forwarded-For: 1.1.1.1",
)  # fmt: skip
_METHODS = (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD")
_DUST = (
    b"\r\n", b"\n", b"\r", b"\x00", b" ", b"\t", b":", b";", b",", b"0", b"f", b"\r\n\r\n", b"\r\n ", b"HTTP/1.1", b"chunked", b"\x0b", b"\xff",
    b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: klant.x\r\n\r\n",
)  # fmt: skip


@st.composite
def framed(draw: st.DrawFn) -> tuple[list[bytes], bytes]:
    """A body as it is on the wire, with the header lines that say how."""
    body = draw(st.sampled_from(_BODIES))
    if draw(st.booleans()):
        return ([b"Content-Length: %d" % len(body)] if body or draw(st.booleans()) else []), body
    ends = sorted({0, len(body), *draw(st.lists(st.integers(0, len(body)), max_size=4))})
    extension = draw(st.sampled_from([b"", b";a", b";a=b"]))
    chunks = [b"%x%b\r\n%b\r\n" % (end - start, extension, body[start:end]) for start, end in itertools.pairwise(ends)]
    trailer = draw(st.sampled_from([b"", b"", b"X-Sum: 1\r\n"]))
    return [b"Transfer-Encoding: chunked"], b"".join(chunks) + b"0\r\n" + trailer + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """A right request, and the form of the answer that it wants."""
    fields, body = draw(framed())
    wanted = draw(st.sampled_from([*RIGHT, *RIGHT, *WRONG]))
    more = draw(st.lists(st.sampled_from(_FIELDS), max_size=4))
    start = draw(st.sampled_from(_METHODS)) + b" /" + draw(st.sampled_from([b"", b"a?b=c", b"%2e/../"])) + b" HTTP/1.1"
    return request(
        _NONCE,
        b"X-Answer: " + wanted,
        *draw(st.permutations([*fields, *more])),
        start=start,
        body=body,
    )


@st.composite
def mutated(draw: st.DrawFn, stream: bytes) -> bytes:
    """`stream` with a few things flipped, put in, taken out, doubled or moved."""
    data = bytearray(stream)
    for _ in range(draw(st.integers(1, 4))):
        # Heads are where it hurts: most of a long body is one place.
        at = draw(st.integers(0, min(len(data), 400)))
        size = draw(st.integers(1, 30))
        match draw(st.sampled_from(["flip", "insert", "remove", "double", "move"])):
            case "flip" if at < len(data):
                data[at] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[at:at] = draw(st.sampled_from(_DUST) | st.binary(min_size=1, max_size=3))
            case "remove":
                del data[at : at + size]
            case "double":
                data[at:at] = data[at : at + size]
            case _:
                piece = bytes(data[at : at + size])
                del data[at : at + size]
                to = draw(st.integers(0, min(len(data), 400)))
                data[to:to] = piece
    return bytes(data)


@st.composite
def streams(draw: st.DrawFn, *, right: bool) -> tuple[bytes, list[int]]:
    """What one client says, and where it is cut."""
    stream = b"".join(draw(st.lists(requests(), min_size=1, max_size=4)))
    if not right:
        stream = draw(mutated(stream))
    return stream, draw(st.lists(st.integers(0, len(stream)), max_size=12))


def numbered(stream: bytes, authorized: bytes) -> bytes:
    """`stream` with a number of its own in each request, and the header lines that it must have."""
    return re.sub(rb"@{8}", lambda _: (b"%08d\r\n" % next(_nonces) + authorized).removesuffix(b"\r\n"), stream)


def are_told_apart(streams: list[bytes]) -> bool:
    """Whether no two requests are alike: a mutation may have taken their numbers, and then nobody knows whose is whose."""
    found = [essence(one) for stream in streams for one in read_stream(stream).requests]
    return len(set(found)) == len(found)


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("right", [True, False], ids=["right", "mutated"])
def test_nobody_gets_what_is_anothers(stage: Stage, right: bool, entrance: str) -> None:
    authorized = stage.entrances[entrance].lines

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(st.lists(streams(right=right), min_size=1, max_size=4))
    def play(clients: list[tuple[bytes, list[int]]]) -> None:
        played = [(numbered(stream, authorized), at) for stream, at in clients]
        assume(are_told_apart([stream for stream, _ in played]))
        for outcome in stage.play_together(entrance, played, may_refuse=not right):
            assert outcome.faults == ()

    ends_at = time.monotonic() + BUDGET_S
    play()
    while time.monotonic() < ends_at:
        play()


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_nothing_of_what_was_served_stays(stage: Stage, entrance: str) -> None:
    authorized = stage.entrances[entrance].lines
    body = b"y" * 70_000

    def play() -> None:
        for form in RIGHT:
            asking = (_NONCE, b"X-Answer: " + form, b"Content-Length: %d" % len(body))
            stage.play(entrance, numbered(request(*asking, body=body), authorized))

    def kept() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    play()  # whatever is made once is made now
    tracemalloc.start()
    try:
        play()
        before = kept()
        for _ in range(_ROUNDS):
            play()
        grown = kept() - before
    finally:
        tracemalloc.stop()
    assert grown < GROWTH_BYTES
    assert len(body) * len(RIGHT) * _ROUNDS > 2 * GROWTH_BYTES
