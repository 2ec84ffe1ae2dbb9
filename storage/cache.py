"""The cache port: short-lived values and messages between workers and replicas. Losing it loses no truth."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Channels(Protocol):
    """Messages to whoever listens. Every method raises StoreUnavailable when it cannot serve.

    Channels are text, messages are bytes.
    """

    async def publish(self, channel: str, message: bytes) -> None:
        """Send to everyone who listens on `channel` now; nobody listening is no error."""
        ...

    def subscribe(self, channel: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Listen: messages published after the context was entered, in order of arrival.

        The iterator ends when the cache is closed. It raises StoreUnavailable when messages may have been lost (the
        connection broke, the listener fell behind): listen anew, and read afresh what they would have told.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and listeners; later calls raise StoreUnavailable."""
        ...


class Cache(Channels, Protocol):
    """Values by key with a time to live, and channels. Every method raises StoreUnavailable when it cannot serve.

    Keys are text, values are bytes. A value may be forgotten before its time.
    """

    async def get(self, key: str) -> bytes | None:
        """The value, or None when absent or past its time."""
        ...

    async def put(self, key: str, value: bytes, *, ttl_s: float) -> None:
        """Keep `value` for at most `ttl_s` seconds."""
        ...

    async def delete(self, key: str) -> None:
        """Forget the key."""
        ...
