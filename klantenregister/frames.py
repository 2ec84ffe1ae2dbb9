"""What a supervisor and its workers say to each other: frames on a pair of sockets that nobody else has an end of.

Shape: four bytes length of the rest, one byte kind, payload. Imported by the supervisor, so it needs next to nothing.
"""

import asyncio
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import cast

MAX_FRAME_BYTES = 256 * 2**20
"""The settings of very many tenants are the largest there is; more is a fault of ours."""

BACKLOG_BYTES = 8 * 2**20
"""What may wait for one who does not read before the rest is dropped, and told as lost."""

_HEAD = struct.Struct(">IB")


class Kind(IntEnum):
    """What a frame is."""

    START = 1
    """To a worker, first of all: which one it is (`Start`)."""
    SERVING = 2
    """From a worker: it serves from here on. Payload: how long it may take to stop, in whole seconds as text."""
    MESSAGE = 3
    """From a worker, and on to every other: something published. Payload: `render_message`."""
    LOST = 4
    """To a worker: messages may have been lost."""
    SETTINGS = 5
    """From the leader, and on to every other, also to those that start later: what the installation runs by now."""
    COMPLETE = 6
    """To the leader: whether every worker serves, `1` or `0`."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame."""

    kind: int
    payload: bytes


@dataclass(frozen=True, slots=True)
class Start:
    """Which worker one is. `is_first`: no other was there before it; `settings`: what the others run by, if any do."""

    number: int
    is_first: bool
    settings: bytes


class Garbled(ValueError):
    """What came is no frame."""


def render(kind: Kind, payload: bytes = b"") -> bytes:
    """The frame as it travels."""
    return _HEAD.pack(len(payload) + 1, kind) + payload


def render_start(start: Start) -> bytes:
    """The payload of START."""
    return f"{start.number} {int(start.is_first)}\n".encode() + start.settings


def parse_start(payload: bytes) -> Start:
    """Read the payload of START. Raises: Garbled."""
    head, _, settings = payload.partition(b"\n")
    try:
        number, is_first = (int(one) for one in head.split())
    except ValueError as error:
        raise Garbled("a start without a number") from error
    return Start(number, bool(is_first), settings)


def render_message(channel: str, message: bytes) -> bytes:
    """The payload of MESSAGE."""
    name = channel.encode()
    return struct.pack(">I", len(name)) + name + message


def parse_message(payload: bytes) -> tuple[str, bytes]:
    """Read the payload of MESSAGE. Raises: Garbled."""
    try:
        (length,) = struct.unpack_from(">I", payload)
        return payload[4 : 4 + length].decode(), payload[4 + length :]
    except (struct.error, UnicodeDecodeError) as error:
        raise Garbled("a message without a channel") from error


class FrameReader:
    """Cuts a stream of bytes into frames."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are complete with `data`. Raises: Garbled."""
        self._rest += data
        while len(self._rest) >= _HEAD.size:
            length, kind = _HEAD.unpack_from(self._rest)
            if not 1 <= length <= MAX_FRAME_BYTES:
                raise Garbled(f"a frame of {length} bytes")
            end = 4 + length
            if len(self._rest) < end:
                return
            payload = bytes(self._rest[_HEAD.size : end])
            del self._rest[:end]
            yield Frame(kind, payload)


class FrameProtocol(asyncio.Protocol):
    """One end of the pair of sockets."""

    def __init__(self, on_frame: Callable[[Frame], None], on_lost: Callable[[], None]) -> None:
        """`on_lost` is called once, when the other end is gone."""
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader()
        self._transport: asyncio.Transport | None = None
        self._is_full = False
        self._has_dropped = False

    @property
    def is_open(self) -> bool:
        """Whether the other end can be told anything."""
        return self._transport is not None and not self._transport.is_closing()

    def send(self, kind: Kind, payload: bytes = b"") -> bool:
        """Send a frame; False when the other end is gone, or so far behind that this one is dropped."""
        if not self.is_open or (self._is_full and kind is Kind.MESSAGE):
            self._has_dropped = True
            return False
        assert self._transport is not None
        self._transport.write(render(kind, payload))
        return True

    def close(self) -> None:
        """Let go of our end, when everything is sent."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(BACKLOG_BYTES)

    def data_received(self, data: bytes) -> None:
        """Hand on each frame; what is no frame ends the connection, because nothing after it can be read."""
        try:
            for frame in self._reader.feed(data):
                self._on_frame(frame)
        except Garbled:
            self.close()

    def pause_writing(self) -> None:
        """The other end does not keep up."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It does again; what was dropped meanwhile is told."""
        self._is_full = False
        if self._has_dropped:
            self._has_dropped = False
            self.send(Kind.LOST)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell once."""
        self._transport = None
        self._on_lost()
