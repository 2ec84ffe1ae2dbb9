"""Retention of the transaction log by age, in the background and a little at a time.

Records of every worker are deleted, also of those that no longer run; one process does it for all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from clock import Clock
from storage.errors import StoreUnavailable
from storage.log import Log

_EVERY_S = 600.0
_AT_ONCE = 500
"""So few that the requests of the moment, whose records wait meanwhile, do not notice."""
_PAUSE_S = 0.1
_DAY_MS = 86_400_000

_log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]


class Retention:
    """How long the transaction log of one tenant is kept."""

    def __init__(self, log: Log, days: int, clock: Clock, *, sleep: Sleep = asyncio.sleep) -> None:
        self._log = log
        self._days = days
        self._clock = clock
        self._sleep = sleep

    async def run(self) -> None:
        """Delete what is too old, for ever; what cannot be deleted now is tried again later."""
        while True:
            try:
                deleted = await self.delete_expired()
            except StoreUnavailable as error:
                _log.warning("retention_postponed", extra={"reason": str(error)})
            else:
                if deleted:
                    _log.info("retention", extra={"deleted": deleted, "days": self._days})
            await self._sleep(_EVERY_S)

    async def delete_expired(self) -> int:
        """Delete every record that is older than it may be now; returns how many. Raises: StoreUnavailable."""
        before_ms = self._clock.now_ms() - self._days * _DAY_MS
        total = 0
        while deleted := await self._log.delete_before(before_ms, most=_AT_ONCE):
            total += deleted
            await self._sleep(_PAUSE_S)
        return total
