"""The Service behind the Inway, as a process of its own: it notes the transaction of every request before it answers.

Usage: python -m tests.load.service LISTENING_SOCKET SEEN

LISTENING_SOCKET is the number of an inherited file descriptor; to the file SEEN it appends a transaction id a line. It
says "ready" when it accepts. At SIGTERM it accepts nothing new, ends connections between requests, and exits.
"""

import asyncio
import base64
import hashlib
import os
import signal
import socket
import sys
from collections.abc import Iterator

import uvloop

from tests.gateway.wire import Head, Wire

BLOCK = 65_536
_WEBSOCKET_KEY = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_OPCODE_CLOSE = 8
_MASKED = 0x80
_LENGTH_16, _LENGTH_64 = 126, 127


def blocks(length: int) -> Iterator[bytes]:
    """A body of this length, of which no part looks like another."""
    for number in range(-(-length // BLOCK)):
        size = min(BLOCK, length - number * BLOCK)
        yield hashlib.shake_128(number.to_bytes(8, "big")).digest(size)


class Service:
    """Serves connections until it is told to stop."""

    def __init__(self, seen: int) -> None:
        self._seen = seen
        self._idle: set[Wire] = set()
        self._open: set[asyncio.Task[None]] = set()
        self._stopping = False

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        wire = Wire(reader, writer)
        try:
            await self._serve(wire, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
            pass  # the other end hung up, or said nothing for long
        finally:
            self._idle.discard(wire)
            self._open.discard(task)
            await wire.close()

    async def stop(self) -> None:
        """End what is between requests, let the others be answered."""
        self._stopping = True
        for wire in tuple(self._idle):
            await wire.close()
        if self._open:
            await asyncio.wait(self._open, timeout=5)

    async def _serve(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            self._idle.add(wire)
            head = await wire.head()
            self._idle.discard(wire)
            transaction = head.get("Fsc-Transaction-Id")
            if transaction is not None:
                os.write(self._seen, f"{transaction}\n".encode())
            match head.target.split("/")[1:]:
                case ["websocket"]:
                    await _switch(wire, head)
                    await _echo_frames(reader, writer)
                    return
                case ["tunnel"]:
                    await _switch(wire, head)
                    await _echo_until_the_end(reader, writer)
                    return
                case ["bytes", length]:
                    await wire.send(_ok(int(length), self._stopping))
                    for block in blocks(int(length)):
                        await wire.send(block)
                case ["digest"]:
                    body = hashlib.sha256(await wire.body(head)).hexdigest().encode()
                    await wire.send(_ok(len(body), self._stopping) + body)
                case ["drip", length]:
                    await _drip(wire, int(length))
                case ["silent"]:
                    await reader.read()  # nothing comes until the other end gives up
                    return
                case rest:
                    await wire.body(head)
                    if rest[0] == "wait":
                        await asyncio.sleep(int(rest[1]) / 1000)
                    body = (transaction or "").encode()
                    await wire.send(_ok(len(body), self._stopping) + body)
            if self._stopping:
                return


def _ok(length: int, last: bool) -> bytes:
    end = "Connection: close\r\n" if last else ""
    return f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n{end}Content-Length: {length}\r\n\r\n".encode()


async def _drip(wire: Wire, length: int) -> None:
    await wire.send(_ok(length, False))
    for _ in range(length):
        await wire.send(b".")
        await asyncio.sleep(1)


async def _switch(wire: Wire, head: Head) -> None:
    key = (head.get("Sec-WebSocket-Key") or "").encode()
    accept = base64.b64encode(hashlib.sha1(key + _WEBSOCKET_KEY, usedforsecurity=False).digest()).decode()
    await wire.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
    )


async def _echo_frames(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send every message back as it came, the closing one last (RFC 6455 section 5.2)."""
    while True:
        first, second = await reader.readexactly(2)
        length = second & ~_MASKED
        if length >= _LENGTH_16:
            length = int.from_bytes(await reader.readexactly(2 if length == _LENGTH_16 else 8), "big")
        mask = await reader.readexactly(4)
        body = bytes(byte ^ mask[place % 4] for place, byte in enumerate(await reader.readexactly(length)))
        if length < _LENGTH_16:
            size = bytes([length])
        elif length < 2**16:
            size = bytes([_LENGTH_16]) + length.to_bytes(2, "big")
        else:
            size = bytes([_LENGTH_64]) + length.to_bytes(8, "big")
        writer.write(bytes([first]) + size + body)
        await writer.drain()
        if first & 0x0F == _OPCODE_CLOSE:
            return


async def _echo_until_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send back what comes; when the other end has finished, say goodbye and finish too."""
    while data := await reader.read(BLOCK):
        writer.write(data)
        await writer.drain()
    writer.write(b"goodbye")
    await writer.drain()


async def main(listening: int, seen: str) -> None:
    """Serve until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    service = Service(os.open(seen, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600))
    server = await asyncio.start_server(service.accept, sock=socket.socket(fileno=listening), limit=2**20)
    print("ready", flush=True)
    await stop.wait()
    server.close()
    await service.stop()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
