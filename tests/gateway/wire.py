"""HTTP/1.1 written and read by hand, at either end: what is on the wire is what a test says and sees, byte for byte."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_WAIT_S = 10
"""Nothing here takes long; a test that waits this long has failed."""


@dataclass(frozen=True, slots=True)
class Head:
    """A start line and header fields, as they were on the wire."""

    start: str
    headers: tuple[tuple[str, str], ...]

    @property
    def method(self) -> str:
        return self.start.split(" ")[0]

    @property
    def target(self) -> str:
        return self.start.split(" ")[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ")[1])

    def names(self) -> list[str]:
        return [name.lower() for name, _ in self.headers]

    def all(self, name: str) -> list[str]:
        return [value for known, value in self.headers if known.lower() == name.lower()]

    def get(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)


@dataclass(frozen=True, slots=True)
class Message:
    """A head with its whole body."""

    head: Head
    body: bytes

    @property
    def status(self) -> int:
        return self.head.status


class Wire:
    """One end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.trailers = b""
        """Of the last chunked body, as they were."""

    async def send(self, *parts: bytes) -> None:
        async with asyncio.timeout(_WAIT_S):
            for part in parts:
                self._writer.write(part)
                await self._writer.drain()

    async def ask(self, *parts: bytes) -> Message:
        """Send a request and read the whole answer."""
        await self.send(*parts)
        return await self.message(to_head=parts[0].startswith(b"HEAD "))

    async def head(self) -> Head:
        """The next head. Raises: asyncio.IncompleteReadError, ConnectionError when the other end hangs up first."""
        async with asyncio.timeout(_WAIT_S):
            text = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        start, *lines = text.removesuffix("\r\n\r\n").split("\r\n")
        fields = (line.partition(":") for line in lines)
        return Head(start, tuple((name, value.strip()) for name, _, value in fields))

    async def message(self, *, to_head: bool = False) -> Message:
        """The next message; `to_head` tells that it answers a HEAD request."""
        head = await self.head()
        return Message(head, b"" if to_head else await self.body(head))

    async def body(self, head: Head) -> bytes:
        """The body that belongs to `head`."""
        async with asyncio.timeout(_WAIT_S):
            if head.get("Transfer-Encoding") == "chunked":
                return b"".join([chunk async for chunk in self.chunks()])
            return await self._reader.readexactly(int(head.get("Content-Length") or 0))

    async def chunks(self) -> AsyncIterator[bytes]:
        """The chunks of a body, as they come."""
        while chunk := await self.chunk():
            yield chunk

    async def chunk(self) -> bytes:
        """The next chunk; empty is the last, after which `trailers` has what follows it."""
        async with asyncio.timeout(_WAIT_S):
            size = int(await self._reader.readuntil(b"\r\n"), 16)
            if size:
                return (await self._reader.readexactly(size + 2))[:-2]
            self.trailers = b""
            while (line := await self._reader.readuntil(b"\r\n")) != b"\r\n":
                self.trailers += line
            return b""

    async def some(self, limit: int = 65536) -> bytes:
        """Whatever has come, b"" at the end."""
        async with asyncio.timeout(_WAIT_S):
            return await self._reader.read(limit)

    async def is_closed_by_peer(self) -> bool:
        """Wait until the other end hangs up; False when it says something instead."""
        try:
            return await self.some() == b""
        except ConnectionError:
            return True

    def end(self) -> None:
        """Say that nothing more follows; the other end may go on."""
        self._writer.write_eof()

    def hang_up(self) -> None:
        """Cut the connection, without a word."""
        self._writer.transport.abort()

    def reset(self) -> None:
        """Cut the connection with a reset: who only says that it sends no more may still wait for an answer."""
        self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(_WAIT_S):
                await self._writer.wait_closed()


@asynccontextmanager
async def connection(port: int, *, tls: ssl.SSLContext | None = None, name: str | None = None) -> AsyncIterator[Wire]:
    """Connect to a port of this machine."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name, limit=2**22)
    wire = Wire(reader, writer)
    try:
        yield wire
    finally:
        await wire.close()


@asynccontextmanager
async def listening(serve: Callable[[Wire], Awaitable[None]]) -> AsyncIterator[int]:
    """Serve connections on a port of this machine, which is yielded; what `serve` raises fails the test."""
    failures: list[BaseException] = []
    serving: set[asyncio.Task[None] | None] = set()

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        serving.add(task)
        wire = Wire(reader, writer)
        try:
            await serve(wire)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the client hung up, or the test is over
        except Exception as error:
            failures.append(error)
        finally:
            serving.discard(task)
            await wire.close()

    server = await asyncio.start_server(accepted, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tuple(serving):
            if task is not None:
                task.cancel()
        await asyncio.gather(*(task for task in serving if task is not None), return_exceptions=True)
        if failures:
            raise failures[0]
