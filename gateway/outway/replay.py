"""The body of a request while it streams by: what is small is kept, so that it can be sent once more."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

MAX_KEPT_BYTES: Final = 65_536
"""Larger bodies pass without being kept: memory stays bounded by this for each request under way."""
PATIENCE_S: Final = 1.0
"""How long the rest of a small body may take once the request was refused: an Inway judges by the head alone."""


class ReplayableBody:
    """A body that is read once. `source` None: there is none."""

    def __init__(self, source: AsyncIterator[bytes] | None) -> None:
        self._source = source
        self._kept: bytearray | None = bytearray()
        self._is_at_end = source is None
        self._turn = asyncio.Lock()

    def first(self) -> AsyncIterator[bytes] | None:
        """The body as it arrives; to be asked for once."""
        return None if self._source is None else self._pieces(self._source)

    async def can_repeat(self) -> bool:
        """Whether all of it is here, within the time allowed, and small enough to keep."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while self._source is not None and self._kept is not None and not self._is_at_end:
                    await self._take(self._source)
        except (TimeoutError, OSError):  # it does not come, or the application hung up
            return False
        return self._kept is not None

    def again(self) -> AsyncIterator[bytes] | None:
        """The same body once more; only for one that can be repeated."""
        return None if self._source is None else _once(bytes(self._kept or b""))

    async def _pieces(self, source: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        while piece := await self._take(source):
            yield piece

    async def _take(self, source: AsyncIterator[bytes]) -> bytes:
        """The next piece, which is kept while all of it is small; empty at the end."""
        async with self._turn:  # whoever sends it may not have stopped reading yet when the answer is there
            piece = b"" if self._is_at_end else await anext(source, b"")
            self._is_at_end = not piece
            if self._kept is not None:
                self._kept = None if len(self._kept) + len(piece) > MAX_KEPT_BYTES else self._kept + piece
            return piece


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
