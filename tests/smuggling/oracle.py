"""What a relay may make of a conversation: each request once, whole, in order, with its own answer; or none of it.

The verdict is a list of what went wrong, in words; an empty one is good.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from tests.smuggling.answers import FORMS, PLAIN, Form, read_script
from tests.smuggling.conversation import Conversation, Ending, Reading
from tests.smuggling.essence import essence, is_forbidden, lost_or_added
from tests.smuggling.rfc9112 import NotFramed, Request, Response, request_head
from tests.smuggling.server import ASKED, ECHO, Seen

_BAD_GATEWAY = 502
_REPEATABLE = frozenset({b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"})


@dataclass(frozen=True, slots=True)
class Fate:
    """What a right relay may do with one request."""

    request: Request
    digest: bytes
    told: bytes
    """The digest that the server names in its answer: of the head alone when it does not wait for the body."""
    final: Response | None
    """The answer that the server gives it; None when it gives none that is whole."""
    must_arrive: bool
    """Whether it must reach the server and its answer the client, and the connection goes on."""
    is_early: bool
    adds_later: bool
    """Whether the server says more after its answer, which the next request may meet."""


def form_of(request: Request) -> Form:
    """The way in which the server answers it."""
    asked = request.values(ASKED)
    return FORMS.get(asked[0], PLAIN) if asked else PLAIN


def fate_of(request: Request, *, may_refuse: bool = False) -> Fate:
    """What may become of `request`; `may_refuse` tells that a relay need not take it."""
    form = form_of(request)
    digest = essence(request).digest
    told = essence(_without_body(request)).digest if form.early else digest
    said = read_script(form.write(request, told), request.method)
    is_plain = not request.lenient and not form.may_fail and not any(is_forbidden(name) for name, _ in request.trailers)
    must = not may_refuse and is_plain and said.final is not None and not form.early and request.version == b"1.1"
    return Fate(request, digest, told, said.final, must, form.early, said.adds_later)


def adds_later(readings: Iterable[Reading]) -> bool:
    """Whether the server says more after one of its answers: whoever is served by that connection next may meet it."""
    return any(fate_of(request).adds_later for reading in readings for request in reading.requests)


def faults_of(
    reading: Reading, said: Conversation, *, may_refuse: bool = False, may_meet_more: bool = False
) -> Iterator[str]:
    """What is wrong with what the client got back; `may_meet_more` is what `adds_later` says of other clients."""
    fates = [fate_of(request, may_refuse=may_refuse) for request in reading.requests]
    if said.fault:
        yield f"an answer is not framed ({said.fault}): {said.rest[:200]!r}"
    for number, answer in enumerate(said.answers):
        if number < len(fates):
            meets_more = may_meet_more or (number > 0 and fates[number - 1].adds_later)
            yield from _faults_of_answer(number, answer, fates[number], may_fail=meets_more)
        elif echo(answer) is not None:
            yield f"answer {number} is to no request: {answer.status} {echo(answer)!r}"
        elif number > len(fates) or reading.ending in (Ending.WHOLE, Ending.LAST):
            yield f"one answer too many: {answer.status} {answer.body[:100]!r}"
    yield from _faults_of_end(reading, fates, said)


def _faults_of_answer(number: int, answer: Response, fate: Fate, *, may_fail: bool) -> Iterator[str]:
    if fate.request.version == b"1.0" and answer.values("Transfer-Encoding"):
        yield f"answer {number} is chunked, for a client of HTTP/1.0"
    told = echo(answer)
    if told is None:
        if not 400 <= answer.status < 600:
            yield f"answer {number} is nobody's: {answer.status}"
        elif fate.must_arrive and not (may_fail and answer.status == _BAD_GATEWAY):
            yield f"request {number} was refused: {answer.status} {answer.body[:200]!r}"
        return
    if told != fate.told:
        yield f"answer {number} is to another request than {fate.request.method!r} {fate.request.target!r}"
    elif fate.final is None:
        yield f"answer {number} was made whole, which it was not"
    elif (answer.status, answer.body) != (fate.final.status, fate.final.body):
        yield f"answer {number} differs: {answer.status} {answer.body[:100]!r}, was {fate.final.status}"
    elif lost_or_added(answer.trailers, fate.final.trailers):
        yield f"answer {number} has trailers {answer.trailers!r}"


def _faults_of_end(reading: Reading, fates: list[Fate], said: Conversation) -> Iterator[str]:
    count = len(said.answers)
    if count < len(fates):
        # Whoever may fail may take the connection with it, and so may the one before.
        before = fates[count - 1] if count else None
        if fates[count].must_arrive and (before is None or before.must_arrive):
            yield f"request {count} was not answered"
        if said.rest and fates[count].must_arrive:
            yield f"the answer to request {count} was cut: {said.rest[:200]!r}"
    elif reading.ending is Ending.BROKEN and not said.ended:
        yield "the connection went on after what is no request"


def faults_of_service(reading: Reading, said: Conversation, seen: Sequence[Seen]) -> Iterator[str]:
    """What is wrong with what the server saw, when nobody but this client asked it anything."""
    digests = [essence(one.request).digest for one in seen]
    fates = [fate_of(request) for request in reading.requests]
    at = 0
    for number, fate in enumerate(fates):
        times = 0
        while at < len(digests) and digests[at] == fate.digest:
            yield from _faults_of_trailers(seen[at].request, fate.request)
            at += 1
            times += 1
        yield from _faults_of_arrival(number, times, fate, said)
    for one in seen[at:]:
        yield f"the server saw what was not sent: {one.request.method!r} {one.request.target!r}"


def _faults_of_trailers(seen: Request, sent: Request) -> Iterator[str]:
    if lost_or_added(seen.trailers, sent.trailers):
        yield f"trailers arrived that must not: {seen.trailers!r}"


def _faults_of_arrival(number: int, times: int, fate: Fate, said: Conversation) -> Iterator[str]:
    answer = said.answers[number] if number < len(said.answers) else None
    if times > 1 and not (fate.final is None and fate.request.method in _REPEATABLE):
        yield f"request {number} arrived {times} times"
    if answer is None:
        return
    if times == 0 and echo(answer) is not None and not fate.is_early:
        yield f"request {number} was answered by the server, which did not see it"
    if times and 400 <= answer.status < 500 and echo(answer) is None:
        yield f"request {number} was refused with {answer.status} and passed on"


def faults_of_parts(readings: Sequence[Reading], partial: Sequence[bytes]) -> Iterator[str]:
    """What is wrong with the requests that reached the server in part."""
    begun = {essence(head).digest for reading in readings for head in _heads_that_may_break_off(reading)}
    for data in partial:
        try:
            head = request_head(data)
        except NotFramed as fault:
            yield f"part of something arrived that is no request ({fault}): {data[:200]!r}"
            continue
        if head is not None and essence(head).digest not in begun:
            yield f"part of a request arrived that was sent whole, or not at all: {data[:200]!r}"


def _heads_that_may_break_off(reading: Reading) -> Iterator[Request]:
    for request in reading.requests:
        if not fate_of(request).must_arrive:
            yield _without_body(request)
    try:
        head = request_head(reading.rest.lstrip(b"\r\n"))
    except NotFramed:
        return
    if head is not None:
        yield head


def _without_body(request: Request) -> Request:
    return Request(request.method, request.target, request.version, request.fields, b"", (), 0, ())


def echo(answer: Response) -> bytes | None:
    """Which request the server meant it for; None when it is the relay's own."""
    told = answer.values(ECHO)
    return told[0] if told else None
