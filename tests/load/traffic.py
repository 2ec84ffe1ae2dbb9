"""Load on an Inway or an Outway: clients that follow HTTP, and what became of every request that they sent.

A client keeps its connection for as long as the server does. Of RFC 9112 section 9 it knows: after an answer with
`Connection: close` it sends its next request on a new connection; and a connection that ends between two requests, not
one byte of an answer sent, is no fault: the request may be sent anew if it is idempotent (`Outcome.TURNED_AWAY`).
"""

import asyncio
import os
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from clock import SystemClock
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7

PATIENCE_S = 30.0
"""An answer that takes longer does not come."""

_PAUSE_S = 0.02
"""Before a client knocks again at a door that was shut."""


class Outcome(Enum):
    """What became of a request."""

    ANSWERED = "the Service's own answer to this very request"
    REFUSED = "another status than 200"
    WRONG = "200 with the answer to something else"
    TURNED_AWAY = "the connection ended between two requests, not one byte of an answer sent"
    BROKEN = "the connection broke after the request was sent"
    HUNG = "no answer"
    NO_CONNECTION = "nobody accepts; nothing was sent"


_FINE = frozenset({Outcome.ANSWERED, Outcome.TURNED_AWAY})


class Attempt(NamedTuple):
    """One request. Units: seconds of the monotonic clock."""

    transaction_id: str
    local_port: int
    began_at: float
    ended_at: float
    outcome: Outcome
    status: int = 0
    code: str = ""
    """The FSC error code of a refusal, or the kind of failure."""

    @property
    def took_s(self) -> float:
        return self.ended_at - self.began_at


@dataclass(frozen=True, slots=True)
class Door:
    """Where to knock: an Inway (over TLS, by name) or an Outway. `head` are header lines for each request."""

    port: int
    head: str
    tls: ssl.SSLContext | None = None
    name: str | None = None

    def request(self, transaction_id: str, path: str, *more: str) -> bytes:
        """The head of a GET."""
        lines = (f"GET {path} HTTP/1.1", self.head, f"Fsc-Transaction-Id: {transaction_id}", *more, "", "")
        return "\r\n".join(lines).encode()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection. Raises: OSError, TimeoutError."""
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.open_connection("127.0.0.1", self.port, ssl=self.tls, server_hostname=self.name)


class Traffic:
    """What clients at one door have met."""

    def __init__(self, door: Door, path: str, *, pause_s: float, keep_alive: bool) -> None:
        self.attempts: list[Attempt] = []
        self._door = door
        self._path = path
        self._pause_s = pause_s
        self._more = () if keep_alive else ("Connection: close",)
        self._enough = False

    def of(self, *outcomes: Outcome) -> list[Attempt]:
        """The attempts that ended so."""
        return [one for one in self.attempts if one.outcome in outcomes]

    @property
    def answered(self) -> int:
        """How many requests the Service answered."""
        return len(self.of(Outcome.ANSWERED))

    @property
    def failures(self) -> list[Attempt]:
        """What a client that follows HTTP had to take for a failure."""
        return [one for one in self.attempts if one.outcome not in _FINE]

    async def wait_for_more(self, more: int) -> None:
        """Until so many more requests were answered."""
        await self.wait_until(lambda: self.answered, self.answered + more)

    async def wait_until(self, count: Callable[[], float], wanted: float) -> None:
        """Until `count` has come to `wanted`."""
        try:
            await wait_until(count, wanted)
        except AssertionError as error:
            raise AssertionError(f"{error}: {summary(self.attempts)}") from error

    def stop(self) -> None:
        """Send nothing new."""
        self._enough = True

    async def client(self) -> None:
        """Be one client, until it is enough."""
        while not self._enough:
            began_at = time.monotonic()
            try:
                reader, writer = await self._door.connect()
            except (OSError, TimeoutError) as error:
                kind = type(error).__name__
                self.attempts.append(Attempt("", 0, began_at, time.monotonic(), Outcome.NO_CONNECTION, 0, kind))
                await asyncio.sleep(_PAUSE_S)
                continue
            try:
                await self._talk(reader, writer)
            finally:
                writer.transport.abort()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask on one connection for as long as it lasts."""
        is_new, goes_on = True, True
        port = writer.get_extra_info("sockname")[1]
        while goes_on and not self._enough:
            transaction_id = new_transaction_id()
            began_at = time.monotonic()
            outcome, status, code, goes_on = await self._ask(reader, writer, transaction_id, is_new=is_new)
            is_new = False
            self.attempts.append(Attempt(transaction_id, port, began_at, time.monotonic(), outcome, status, code))
            if self._pause_s:
                await asyncio.sleep(self._pause_s)

    async def _ask(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transaction_id: str, *, is_new: bool
    ) -> tuple[Outcome, int, str, bool]:
        """One request: what became of it, status, code, and whether the connection goes on."""
        began = False
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(self._door.request(transaction_id, self._path, *self._more))
                began = bool(line := await reader.readline())
                headers = parse_headers(await reader.readuntil(b"\r\n\r\n")) if line else {}
                body = await reader.readexactly(int(headers["content-length"])) if line else b""
        except asyncio.IncompleteReadError as error:
            return Outcome.BROKEN, 0, type(error).__name__, False
        except OSError as error:  # a TimeoutError is one too
            if isinstance(error, TimeoutError):
                return Outcome.HUNG, 0, "", False
            return _ended(began or is_new, type(error).__name__)
        if not line:
            return _ended(is_new, "end of file")
        status = int(line.split(b" ")[1])
        goes_on = headers.get("connection", "").lower() != "close"
        if status != 200:
            return Outcome.REFUSED, status, headers.get("fsc-error-code", ""), goes_on
        is_right = body == transaction_id.encode()
        return (Outcome.ANSWERED if is_right else Outcome.WRONG), status, "", goes_on


def _ended(is_fault: bool, kind: str) -> tuple[Outcome, int, str, bool]:
    return (Outcome.BROKEN if is_fault else Outcome.TURNED_AWAY), 0, kind, False


@asynccontextmanager
async def traffic(
    door: Door, clients: int, *, path: str = "/echo", pause_s: float = 0.0, keep_alive: bool = True
) -> AsyncIterator[Traffic]:
    """So many clients at `door`, each asking again and again until the context is left."""
    made = Traffic(door, path, pause_s=pause_s, keep_alive=keep_alive)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(clients):
            tasks.create_task(made.client())
        yield made
        made.stop()


async def wait_for(*met: Traffic, more: int) -> None:
    """Until each has been answered so many more requests."""
    await asyncio.gather(*(one.wait_for_more(more) for one in met))


async def wait_until(count: Callable[[], float], wanted: float) -> None:
    """Until `count` has come to `wanted`; it may block for a moment."""
    deadline = time.monotonic() + PATIENCE_S
    while (come := await asyncio.to_thread(count)) < wanted:
        assert time.monotonic() < deadline, f"{come} of {wanted}"
        await asyncio.sleep(0.02)


def new_transaction_id() -> str:
    """A UUIDv7."""
    return str(make_uuid7(SystemClock().now_ms(), os.urandom(RANDOM_BYTES)))


def parse_headers(text: bytes) -> dict[str, str]:
    """Header fields by their names in lower case; of a name that is there twice the last."""
    fields = (line.partition(":") for line in text.decode("latin-1").split("\r\n") if line)
    return {name.lower(): value.strip() for name, _, value in fields}


def summary(attempts: Iterable[Attempt]) -> dict[str, int]:
    """How often each outcome was met, for the message of a test that fails."""
    return dict(Counter(f"{one.outcome.name} {one.status} {one.code}".strip() for one in attempts))


def percentile(attempts: Iterable[Attempt], share: float) -> float:
    """The time within which this share of the requests ended, in seconds."""
    times = sorted(one.took_s for one in attempts)
    return times[min(len(times) - 1, int(len(times) * share))]
