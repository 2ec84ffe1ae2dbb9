"""Calls to services of the operator himself, which decide along: JSON out, a small JSON object back."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass

import aiohttp

from gateway.errors import InvalidRequest
from gateway.fsc.jcs import JsonObject, parse_json
from gateway.http.client import describe_failure

MAX_ANSWER_BYTES = 65_536
MAX_DEPTH = 16


class NoAnswer(Exception):
    """Nothing usable came back: unreachable, too slow, too large, or not a JSON object."""


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A status and the object that came with it, empty when nothing did."""

    status: int
    body: JsonObject


class JsonClient:
    """Posts JSON over a session that follows no redirects on our behalf."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def post(
        self, url: str, body: JsonObject, *, timeout_s: float, headers: Mapping[str, str] | None = None
    ) -> JsonAnswer:
        """The answer to `body`, whatever its status.

        Units: `timeout_s` is for the whole of it, connecting included. Shape: at most MAX_ANSWER_BYTES, MAX_DEPTH deep.
        Raises: NoAnswer, which says why in one line and repeats nothing that was sent or came back.
        """
        sent = {"Content-Type": "application/json", "Accept": "application/json", **(headers or {})}
        try:
            async with (
                asyncio.timeout(timeout_s),
                self._session.post(
                    url, data=json.dumps(body, ensure_ascii=False).encode(), headers=sent, allow_redirects=False
                ) as answer,
            ):
                read = await _bounded(answer.content)
                return JsonAnswer(answer.status, parse_json(read, max_depth=MAX_DEPTH) if read else {})
        except TimeoutError as error:
            raise NoAnswer(f"it did not answer within {timeout_s:g} s") from error
        except InvalidRequest as error:
            raise NoAnswer("its answer is not a JSON object that can be read") from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NoAnswer(describe_failure(error)) from error


async def _bounded(content: aiohttp.StreamReader) -> bytes:
    read = b""
    while not content.at_eof():
        read += await content.read(MAX_ANSWER_BYTES + 1 - len(read))
        if len(read) > MAX_ANSWER_BYTES:
            raise NoAnswer(f"its answer is larger than {MAX_ANSWER_BYTES} bytes")
    return read


def printable_text(value: object, *, limit: int = 200) -> str:
    """What a service says to people, cut short and without control characters; empty when it is no text."""
    text = value if isinstance(value, str) else ""
    return "".join(sign if sign.isprintable() else " " for sign in text[:limit]).strip()
