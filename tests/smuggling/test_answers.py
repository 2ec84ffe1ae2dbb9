"""The table of answers through each relay: the client gets the one made for it, a refusal, or a cut connection.

A connection on which something was wrong, or more than was asked for, is never used again.
"""

import asyncio
from collections.abc import Iterable

import pytest
from _pytest.mark import ParameterSet

from tests.smuggling.answers import EXCESSIVE, FORMS, LATE, RIGHT, WRONG, Said, read_script
from tests.smuggling.conversation import converse, read_stream
from tests.smuggling.oracle import echo, faults_of
from tests.smuggling.stage import Stage, is_played, request

ENTRANCES = ("relay", "inway", "chain")
METHODS = (b"GET", b"HEAD", b"POST", b"PUT")
_LATE_S = 0.1


def plays(forms: Iterable[bytes]) -> list[ParameterSet]:
    """Method, form and entrance of each play."""
    return [
        pytest.param(method, form, entrance, id=f"{method.decode()}-{form.decode()}-{entrance}")
        for method in METHODS
        for form in forms
        for entrance in ENTRANCES
        if is_played(f"{method.decode()} {form.decode()}", entrance)
    ]


def asking(lines: bytes, form: bytes, *, method: bytes = b"GET", nonce: int = 0) -> bytes:
    """A request that wants this form of an answer."""
    fields = (lines, b"X-Nonce: %d" % nonce, b"X-Answer: " + form)
    if method in (b"GET", b"HEAD"):
        return request(*fields, start=method + b" /x HTTP/1.1")
    return request(*fields, b"Content-Length: 4", start=method + b" /x HTTP/1.1", body=b"body")


@pytest.mark.parametrize(("method", "form", "entrance"), plays(RIGHT))
def test_a_right_answer_arrives_as_it_was_made(stage: Stage, entrance: str, form: bytes, method: bytes) -> None:
    lines = stage.entrances[entrance].lines
    stream = b"".join(asking(lines, form, method=method, nonce=number) for number in range(3))
    outcome = stage.play(entrance, stream)
    assert outcome.faults == ()
    if not RIGHT[form].may_fail:
        assert all(echo(answer) is not None for answer in outcome.said.answers)
        assert len(outcome.said.answers) == 3


@pytest.mark.parametrize(("method", "form", "entrance"), plays([*WRONG, *EXCESSIVE]))
def test_a_wrong_answer_harms_nobody_else(stage: Stage, entrance: str, form: bytes, method: bytes) -> None:
    lines = stage.entrances[entrance].lines
    stream = (
        asking(lines, b"plain", nonce=1)
        + asking(lines, form, method=method, nonce=2)
        + asking(lines, b"plain", nonce=3)
    )
    outcome = stage.play(entrance, stream)
    assert outcome.faults == ()
    own = [answer for answer in outcome.said.answers if echo(answer) is None]
    assert all(answer.status in (502, 504) for answer in own)


@pytest.mark.parametrize("entrance", ENTRANCES)
@pytest.mark.parametrize("form", LATE, ids=bytes.decode)
def test_what_is_said_while_nothing_is_asked_is_nobodys(stage: Stage, entrance: str, form: bytes) -> None:
    way = stage.entrances[entrance]

    async def play() -> list[str]:
        stage.server.forget()
        faults = []
        for number in range(4):
            stream = asking(way.lines, form if number % 2 == 0 else b"plain", nonce=number)
            reading = read_stream(stream)
            faults += list(faults_of(reading, await converse(way.connect, [stream], reading)))
            await asyncio.sleep(_LATE_S)
        return faults

    assert stage.loop.run(play()) == []
    assert stage.server.violations == []
    assert len(stage.server.seen) == 4


@pytest.mark.parametrize("entrance", ENTRANCES)
def test_a_body_in_an_answer_to_head_ends_its_connection(stage: Stage, entrance: str) -> None:
    lines = stage.entrances[entrance].lines
    # What is not repeatable shows whether it went by the connection that had more on it.
    for form in (b"chunk-size-not-hex", b"chunk-size-prefixed", b"two-lengths"):
        outcome = stage.play(
            entrance, asking(lines, form, method=b"HEAD", nonce=1) + asking(lines, b"plain", method=b"POST", nonce=2)
        )
        assert outcome.faults == ()
        assert len({one.connection for one in outcome.seen}) == 2


def test_every_form_has_a_name_of_its_own() -> None:
    assert len(FORMS) == len(RIGHT) + len(WRONG) + len(EXCESSIVE) + len(LATE)


@pytest.mark.parametrize("method", METHODS, ids=bytes.decode)
@pytest.mark.parametrize("form", RIGHT, ids=bytes.decode)
def test_the_strict_reader_calls_the_right_ones_right(form: bytes, method: bytes) -> None:
    assert judged(form, method).final is not None


@pytest.mark.parametrize("form", WRONG, ids=bytes.decode)
def test_the_strict_reader_calls_the_wrong_ones_wrong(form: bytes) -> None:
    assert judged(form, b"GET").ruins


def judged(form: bytes, method: bytes) -> Said:
    """What the strict reader says of this form."""
    [sent] = read_stream(asking(b"", form, method=method)).requests
    return read_script(FORMS[form].write(sent, b"d" * 24), method)
