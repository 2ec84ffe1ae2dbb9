"""This process among those that serve one installation: which one it is, and its line to the supervisor and the others.

Worker 0 is the leader: it alone does the background work, serves administration, console and health, and reads the
configuration. Without a supervisor there is one worker, which is the leader.
"""

import asyncio
import io
import pickle
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from config.settings import Settings
from klantenregister.frames import (
    Frame,
    FrameProtocol,
    Garbled,
    Kind,
    Start,
    parse_message,
    parse_start,
    render_message,
)
from storage.cache import Channels
from storage.errors import StoreUnavailable
from storage.listeners import Listeners
from storage.memory_cache import MemoryCache

LEADER = 0


@dataclass(frozen=True, slots=True)
class Worker:
    """`channels` reach every process of the installation; `line` is None without a supervisor."""

    number: int
    channels: Channels
    line: "Line | None" = None

    @property
    def is_leader(self) -> bool:
        """Whether it does what only one process may do."""
        return self.number == LEADER

    @property
    def is_first(self) -> bool:
        """Whether no process of the installation was there before it."""
        return self.line is None or self.line.start.is_first

    @property
    def are_all_serving(self) -> bool:
        """Whether every worker serves, as far as the leader was told."""
        return self.line is None or self.line.is_complete

    def share(self, settings: Settings) -> None:
        """Let the others serve by the settings that the leader went over to."""
        if self.line is not None and self.is_leader:
            self.line.tell_settings(settings)


def alone() -> Worker:
    """The one worker of an installation without a supervisor."""
    return Worker(LEADER, MemoryCache())


class Line:
    """The line to the supervisor, which passes messages on to the other workers (`storage.cache.Channels`)."""

    def __init__(self, cut: asyncio.Event) -> None:
        """`cut` is set when the supervisor is gone: the worker is to stop."""
        self._listeners = Listeners(self._check_open)
        self._frames = FrameProtocol(self._heard, self._cut)
        self._started: asyncio.Future[Start] = asyncio.get_running_loop().create_future()
        self._settings: asyncio.Queue[bytes] = asyncio.Queue()
        self._is_closed = False
        self.is_complete = False
        """Whether every worker serves; told to the leader alone."""
        self._is_cut = cut

    @classmethod
    async def join(cls, descriptor: int, cut: asyncio.Event) -> "Line":
        """The line at this end of the pair of sockets. Raises: StoreUnavailable when the supervisor is gone."""
        line = cls(cut)
        await asyncio.get_running_loop().create_unix_connection(
            lambda: line._frames, sock=socket.socket(fileno=descriptor)
        )
        await line._started
        return line

    @property
    def start(self) -> Start:
        """Which worker this is."""
        return self._started.result()

    def tell_serving(self, shutdown_s: int) -> None:
        """Tell the supervisor that this worker serves; `shutdown_s` is how long its requests may take to end."""
        self._frames.send(Kind.SERVING, str(shutdown_s).encode())

    def tell_settings(self, settings: Settings) -> None:
        """Tell all others, those too that start later, to serve by `settings`."""
        self._frames.send(Kind.SETTINGS, render_settings(settings))

    async def next_settings(self) -> Settings:
        """Wait for settings that the leader went over to; of several the last."""
        text = await self._settings.get()
        while not self._settings.empty():
            text = self._settings.get_nowait()
        return parse_settings(text)

    async def publish(self, channel: str, message: bytes) -> None:
        """Send to everyone who listens on `channel`, here and in the other workers."""
        self._check_open()
        self._listeners.tell(channel, bytes(message))
        if not self._frames.send(Kind.MESSAGE, render_message(channel, message)):
            raise StoreUnavailable("the supervisor does not take messages now: the other workers look for themselves")

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen while in the context."""
        return self._listeners.listen(channel)

    async def close(self) -> None:
        """Let go of the line; those who listen come to the end of their messages."""
        self._is_closed = True
        self._listeners.end()
        self._frames.close()

    def _heard(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.START:
                self._started.set_result(parse_start(frame.payload))
            case Kind.MESSAGE:
                self._listeners.tell(*parse_message(frame.payload))
            case Kind.LOST:
                self._listeners.lose()
            case Kind.SETTINGS:
                self._settings.put_nowait(frame.payload)
            case Kind.COMPLETE:
                self.is_complete = frame.payload == b"1"
            case _:
                raise Garbled("a frame that is not for workers")

    def _cut(self) -> None:
        self._is_closed = True
        self._listeners.lose()
        self._is_cut.set()
        if not self._started.done():
            self._started.set_exception(StoreUnavailable("the supervisor is gone"))

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreUnavailable("the line to the supervisor is closed")


def _unchangeable(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)


class _Pickler(pickle.Pickler):
    """Knows what settings hold that pickle itself does not."""

    def reducer_override(self, value: object) -> Any:
        """A mapping that cannot be changed is rebuilt from its items."""
        return (_unchangeable, (dict(value),)) if isinstance(value, MappingProxyType) else NotImplemented


def render_settings(settings: Settings) -> bytes:
    """Settings as they travel between the processes of one installation, secrets and all."""
    text = io.BytesIO()
    _Pickler(text).dump(settings)
    return text.getvalue()


def parse_settings(text: bytes) -> Settings:
    """Read what `render_settings` wrote. Only ever what came over the line: it is trusted as this process itself is."""
    settings = pickle.loads(text)  # noqa: S301 - nobody but our own processes has an end of the line
    assert isinstance(settings, Settings)
    return settings
