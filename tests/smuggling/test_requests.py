"""The table of requests through each relay: refused and never seen, or seen once, as it was sent."""

import random

import pytest

from tests.smuggling.cases import Case, Expect, table
from tests.smuggling.conversation import Ending, read_stream
from tests.smuggling.essence import essence
from tests.smuggling.stage import IS_SOAK, Outcome, Stage, is_played, request

CASES = table(b"")
ENTRANCES = ("relay", "inway", "chain")
_CUTS = 12

PLAYS = [
    pytest.param(name, entrance, id=f"{name}-{entrance}")
    for name in CASES
    for entrance in ENTRANCES
    if is_played(name, entrance)
]


def stream_of(case: Case, lines: bytes) -> bytes:
    """The case, and the request behind it that must be none of its business."""
    return case.stream + request(lines, b"X-Nonce: after", start=b"GET /after HTTP/1.1")


@pytest.mark.parametrize("name", CASES)
def test_the_table_and_the_strict_reader_agree(name: str) -> None:
    case = CASES[name]
    reading = read_stream(stream_of(case, b""))
    if case.expect is Expect.REFUSED:
        # What a lenient reader may mend, we refuse.
        first_is_mended = bool(reading.requests and reading.requests[0].lenient)
        assert first_is_mended or (reading.requests, reading.ending) == ((), Ending.BROKEN)
    if case.expect is Expect.PASSED:
        assert reading.requests
        assert reading.ending in (Ending.WHOLE, Ending.LAST)
        assert not any(one.lenient for one in reading.requests)
    assert b"/smuggled" not in {one.target for one in reading.requests}


@pytest.fixture(scope="module", name="tables")
def _tables(stage: Stage) -> dict[str, dict[str, Case]]:
    return {name: table(entrance.lines) for name, entrance in stage.entrances.items()}


@pytest.mark.parametrize(("name", "entrance"), PLAYS)
def test_a_request_is_refused_or_is_what_was_sent(
    stage: Stage, tables: dict[str, dict[str, Case]], name: str, entrance: str
) -> None:
    case = tables[entrance][name]
    stream = stream_of(case, stage.entrances[entrance].lines)
    pieces = random.Random(name)
    whole: list[int] = []
    somewhere = [pieces.randrange(len(stream)) for _ in range(_CUTS)]
    # What reads the pieces is the same relay everywhere.
    for at in (whole, somewhere) if IS_SOAK or entrance == "relay" else (whole,):
        check(case, stage.play(entrance, stream, at, may_refuse=case.expect is Expect.EITHER))


def check(case: Case, outcome: Outcome) -> None:
    """Hold what became of `case` against what it expects."""
    assert outcome.faults == ()
    if case.expect is Expect.REFUSED:
        assert outcome.seen == ()
        assert all(status in (400, 405, 411, 413, 414, 417, 431, 501, 505) for status in outcome.statuses)
        assert outcome.said.ended
    if case.expect is Expect.PASSED:
        assert outcome.statuses == [200] * len(outcome.reading.requests)
        arrived = [essence(one.request) for one in outcome.seen]
        assert arrived == [essence(one) for one in outcome.reading.requests]
