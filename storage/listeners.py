"""Who listens on which channel in this process: what the back ends that carry messages themselves share."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from storage.errors import StoreUnavailable

LISTENER_BACKLOG = 10_000
"""How many messages may wait for one who listens; one who lags further has lost them."""


class _Listener(AsyncIterator[bytes]):
    """The messages for one who listens; one who falls too far behind is told so."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._lost = False

    def tell(self, message: bytes) -> None:
        if self._messages.qsize() >= LISTENER_BACKLOG:
            self.lose()
        elif not self._lost:
            self._messages.put_nowait(message)

    def lose(self) -> None:
        self._lost = True
        while not self._messages.empty():
            self._messages.get_nowait()
        self.end()

    def end(self) -> None:
        self._messages.put_nowait(None)

    async def __anext__(self) -> bytes:
        message = await self._messages.get()
        if message is not None:
            return message
        self.end()
        if self._lost:
            raise StoreUnavailable("messages were lost: listen anew, and read afresh what they would have told")
        raise StopAsyncIteration


class Listeners:
    """Those who listen now, by channel."""

    def __init__(self, check_serving: Callable[[], None]) -> None:
        """`check_serving` raises StoreUnavailable when nobody can be heard: then nobody can begin to listen."""
        self._check_serving = check_serving
        self._by_channel: defaultdict[str, set[_Listener]] = defaultdict(set)

    def tell(self, channel: str, message: bytes) -> None:
        """Give a message to everyone who listens on `channel`."""
        for listener in self._by_channel.get(channel, ()):
            listener.tell(message)

    def lose(self) -> None:
        """Tell everyone, on every channel, that messages were lost."""
        for listener in self._all():
            listener.lose()

    def end(self) -> None:
        """Let everyone come to the end of their messages."""
        for listener in self._all():
            listener.end()

    def listen(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen while in the context. See `Channels.subscribe`."""
        return self._listening(channel)

    @asynccontextmanager
    async def _listening(self, channel: str) -> AsyncIterator[AsyncIterator[bytes]]:
        self._check_serving()
        listener = _Listener()
        self._by_channel[channel].add(listener)
        try:
            yield listener
        finally:
            self._by_channel[channel].discard(listener)
            if not self._by_channel[channel]:
                del self._by_channel[channel]

    def _all(self) -> list[_Listener]:
        return [listener for listeners in self._by_channel.values() for listener in listeners]
