"""Deadlines of very many connections, looked at together a few times a second: setting one costs an assignment."""

import asyncio
import logging
from typing import Final, Protocol

_log = logging.getLogger(__name__)

PERIOD_S: Final = 0.2
NEVER: Final = float("inf")


class Timed(Protocol):
    """Has a deadline in the time of the event loop, NEVER for none."""

    deadline: float

    def timed_out(self) -> None:
        """The deadline is past; it is told again until it is moved."""
        ...


class Ticker:
    """Watches deadlines; `now` is the time of the event loop, at most PERIOD_S behind. Rests when there is nothing."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[Timed] = set()
        self._timer: asyncio.TimerHandle | None = None
        self.now = self._loop.time()

    def watch(self, one: Timed) -> None:
        """Look at its deadline from here on."""
        self._watched.add(one)
        if self._timer is None:
            self._tick()

    def forget(self, one: Timed) -> None:
        """Look at it no more."""
        self._watched.discard(one)

    def _tick(self) -> None:
        self.now = now = self._loop.time()
        for one in [each for each in self._watched if each.deadline < now]:
            try:
                one.timed_out()
            except Exception:  # of one: the others have deadlines too
                _log.exception("deadline_fault")
        self._timer = self._loop.call_later(PERIOD_S, self._tick) if self._watched else None
