"""A Service that reads what it gets by the book, keeps all of it, and answers as each request asks.

What is not perfectly framed, comes on a connection that should not have been used again, or needs a lenient reader is
a violation: tests end by asking for those.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

from tests.smuggling.answers import FORMS, PLAIN, After, Form, read_script
from tests.smuggling.essence import essence
from tests.smuggling.rfc9112 import NotFramed, Request, next_request, request_head

ASKED = "X-Answer"
"""The header that names the form of the answer that a request wants; without it a plain one."""
ECHO = "X-Echo"
"""The header of an answer that tells which request it is for: the digest of its essence."""

_PATIENCE_S = 20
_PAUSE_S = 0.002
_READ_BYTES = 65536


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that arrived whole."""

    request: Request
    connection: int


@dataclass(slots=True)
class ReferenceServer:
    """The Service. `partial` holds what was cut off in the middle of a request."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    partial: list[bytes] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    opened: int = 0
    open: int = 0
    busy: set[int] = field(default_factory=set)
    """The connections on which a request is under way."""
    _ruined: set[int] = field(default_factory=set)

    def forget(self) -> None:
        """Begin anew, connections as they are."""
        self.seen.clear()
        self.partial.clear()
        self.violations.clear()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read one connection to its end."""
        self.opened += 1
        self.open += 1
        number = self.opened
        try:
            await self._serve(number, reader, writer)
        except (ConnectionError, TimeoutError, asyncio.CancelledError):
            pass
        finally:
            self.open -= 1
            self.busy.discard(number)
            writer.close()

    async def _serve(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        data, answered = b"", False
        while True:
            if not data:
                self.busy.discard(number)
            more = await self._more(reader)
            self.busy.add(number)
            if not more:
                if data:
                    self.partial.append(data)
                return
            if number in self._ruined:
                self._violated(number, "a connection was used after an answer that ruined it", more)
                return
            data += more
            while data:
                try:
                    head, request = request_head(data), next_request(data)
                except NotFramed as fault:
                    self._violated(number, f"not framed: {fault}", data)
                    return
                if head is not None and not answered and self._form(head).early:
                    answered = True
                    if not await self._answer(number, self._form(head), head, writer):
                        return
                if request is None:
                    break
                self._keep(number, request)
                data = data[request.size :]
                if not answered and not await self._answer(number, self._form(request), request, writer):
                    return
                answered = False

    async def _more(self, reader: asyncio.StreamReader) -> bytes:
        try:
            return await reader.read(_READ_BYTES)
        except ConnectionError:
            return b""

    def _form(self, request: Request) -> Form:
        asked = request.values(ASKED)
        return FORMS.get(asked[0], PLAIN) if asked else PLAIN

    def _keep(self, number: int, request: Request) -> None:
        self.seen.append(Seen(request, number))
        if request.lenient:
            self._violated(number, f"a strict reader may refuse {request.lenient}", b"")
        if request.version != b"1.1":
            self._violated(number, "not HTTP/1.1", b"")

    async def _answer(self, number: int, form: Form, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Say it; whether the connection goes on."""
        script = form.write(request, essence(request).digest)
        if read_script(script, request.method).ruins:
            self._ruined.add(number)
        async with asyncio.timeout(_PATIENCE_S):
            for index, piece in enumerate(script.pieces):
                if index:
                    await asyncio.sleep(_PAUSE_S)
                if writer.is_closing():
                    return False  # the relay wants no more of it
                writer.write(piece)
                await writer.drain()
        if script.after is After.RESET:
            writer.transport.abort()
        return script.after is After.STAY

    def _violated(self, number: int, what: str, data: bytes) -> None:
        self.violations.append(f"connection {number}: {what} {data[:200]!r}")


@asynccontextmanager
async def reference_server() -> AsyncIterator[ReferenceServer]:
    """Serve on a port of this machine."""
    service = ReferenceServer()
    serving: set[asyncio.Task[None]] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.add(task)
        try:
            await service.serve(reader, writer)
        finally:
            serving.discard(task)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    service.port = server.sockets[0].getsockname()[1]
    try:
        yield service
    finally:
        server.close()
        for task in tuple(serving):
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*serving, return_exceptions=True)
