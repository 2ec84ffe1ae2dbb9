"""The client: it says bytes in the pieces it is told to, and reads every answer by the book."""

import asyncio
import contextlib
import itertools
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

from tests.smuggling.rfc9112 import NotFramed, Request, Response, next_request, next_response

_PATIENCE_S = 20
"""Nothing here takes long; what takes this long hangs."""
_READ_BYTES = 65536


class Ending(Enum):
    """How a stream of requests ends, as the RFC reads it."""

    WHOLE = "after a whole request"
    INCOMPLETE = "in the middle of a request"
    BROKEN = "with what is no request"
    LAST = "after a request that said it is the last"


@dataclass(frozen=True, slots=True)
class Reading:
    """What the RFC reads in what a client says on one connection."""

    requests: tuple[Request, ...]
    ending: Ending
    rest: bytes


@dataclass(slots=True)
class Conversation:
    """What came back to the client at `port`. `rest` is what no answer was read in; `fault` why not."""

    port: int = 0

    answers: list[Response] = field(default_factory=list)
    rest: bytes = b""
    ended: bool = False
    fault: str = ""


class Connect(Protocol):
    """Opens a connection to the relay under test."""

    def __call__(self) -> AbstractAsyncContextManager[tuple[asyncio.StreamReader, asyncio.StreamWriter]]: ...


def read_stream(stream: bytes) -> Reading:
    """Read every request of `stream`."""
    requests: list[Request] = []
    rest = stream
    try:
        while rest:
            request = next_request(rest)
            if request is None:
                return Reading(tuple(requests), Ending.INCOMPLETE, rest)
            requests.append(request)
            rest = rest[request.size :]
            if request.is_last:
                return Reading(tuple(requests), Ending.LAST, rest)
    except NotFramed:
        return Reading(tuple(requests), Ending.BROKEN, rest)
    return Reading(tuple(requests), Ending.WHOLE, b"")


def cut(stream: bytes, at: Sequence[int]) -> list[bytes]:
    """`stream` in pieces that end at these places."""
    places = sorted({0, len(stream), *(place for place in at if 0 < place < len(stream))})
    return [stream[start:end] for start, end in itertools.pairwise(places)]


async def converse(connect: Connect, pieces: Sequence[bytes], reading: Reading) -> Conversation:
    """Say `pieces` and listen until every request is answered or the relay hangs up, which it must after the last."""
    said = Conversation()
    try:
        async with asyncio.timeout(_PATIENCE_S), connect() as (reader, writer), asyncio.TaskGroup() as tasks:
            said.port = writer.get_extra_info("sockname")[1]
            saying = tasks.create_task(_say(writer, pieces))
            await _listen(reader, reading, said)
            saying.cancel()
    except TimeoutError:
        said.fault = "it hangs: nothing more came"
    return said


async def _say(writer: asyncio.StreamWriter, pieces: Sequence[bytes]) -> None:
    with contextlib.suppress(ConnectionError):
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)


async def _listen(reader: asyncio.StreamReader, reading: Reading, said: Conversation) -> None:
    expects_end = reading.ending in (Ending.BROKEN, Ending.LAST)
    while expects_end or len(said.answers) < len(reading.requests):
        try:
            more = await reader.read(_READ_BYTES)
        except ConnectionError:
            more = b""
        said.ended = not more
        said.rest += more
        try:
            _read_answers(reading, said)
        except NotFramed as fault:
            said.fault = str(fault)
            return
        if said.ended:
            return


def _read_answers(reading: Reading, said: Conversation) -> None:
    while said.rest:
        answer = next_response(said.rest, _method(reading, len(said.answers)), ended=said.ended)
        if answer is None:
            return
        said.rest = said.rest[answer.size :]
        if answer.status >= 200:
            said.answers.append(answer)


def _method(reading: Reading, number: int) -> bytes:
    """Of the request that the next answer is for; of one that is none, what it begins with."""
    if number < len(reading.requests):
        return reading.requests[number].method
    return reading.rest.lstrip(b"\r\n").partition(b" ")[0]
