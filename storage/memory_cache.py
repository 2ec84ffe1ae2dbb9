"""A cache in memory: values with a time to live and channels, for a single process (the default) and for tests."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from itertools import islice

from storage.errors import StoreUnavailable
from storage.listeners import Listeners


@dataclass(frozen=True, slots=True)
class _Cached:
    value: bytes
    expires_at: float


class MemoryCache:
    """A Cache in memory, for one process."""

    def __init__(self, *, max_entries: int = 100_000, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Beyond `max_entries` the oldest are forgotten. `monotonic` tells seconds that never go back."""
        self._max_entries = max_entries
        self._monotonic = monotonic
        self._values: dict[str, _Cached] = {}
        self._listeners = Listeners(self._check_serving)
        self._available = True

    @property
    def available(self) -> bool:
        """Whether it serves; made False by `close`, or by a test."""
        return self._available

    @available.setter
    def available(self, available: bool) -> None:
        self._available = available
        if not available:
            self._listeners.lose()

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or past its time."""
        self._check_serving()
        cached = self._values.get(key)
        if cached is None:
            return None
        if cached.expires_at > self._monotonic():
            return cached.value
        del self._values[key]
        return None

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep the value for at most `ttl_s` seconds."""
        self._check_serving()
        self._values.pop(key, None)
        if len(self._values) >= self._max_entries:
            self._make_room()
        self._values[key] = _Cached(bytes(value), self._monotonic() + ttl_s)

    async def delete(self, key: str) -> None:
        """Forget the key."""
        self._check_serving()
        self._values.pop(key, None)

    async def publish(self, channel: str, message: bytes) -> None:
        """Send to everyone who listens on `channel` now."""
        self._check_serving()
        self._listeners.tell(channel, bytes(message))

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen while in the context."""
        return self._listeners.listen(channel)

    async def close(self) -> None:
        """Forget everything; those who listen come to the end of their messages."""
        self._available = False
        self._values.clear()
        self._listeners.end()

    def _make_room(self) -> None:
        now = self._monotonic()
        self._values = {key: cached for key, cached in self._values.items() if cached.expires_at > now}
        # A tenth at a time, so that the next puts find room without this work.
        too_many = len(self._values) - self._max_entries * 9 // 10
        for key in list(islice(self._values, max(0, too_many))):
            del self._values[key]

    def _check_serving(self) -> None:
        if not self._available:
            raise StoreUnavailable("the cache in memory is closed, or was made unavailable")
