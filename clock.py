"""What time it is, as a value that is passed in: the one place that asks the operating system.

Units: every instant in this code base is a whole number of Unix seconds unless its name says otherwise.
"""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Decisions take the instant itself; only the edges hold a Clock."""

    def now(self) -> int:
        """Whole Unix seconds."""
        ...

    def now_ms(self) -> int:
        """Whole Unix milliseconds."""
        ...


class SystemClock:
    """The operating system's clock."""

    def now(self) -> int:
        """Whole Unix seconds."""
        return int(time.time())  # noqa: TID251 - this is the one place

    def now_ms(self) -> int:
        """Whole Unix milliseconds."""
        return time.time_ns() // 1_000_000


@dataclass(slots=True)
class FixedClock:
    """A clock that a test sets; ships beside the real one so that every package can use it."""

    at: int

    def now(self) -> int:
        """Whole Unix seconds."""
        return self.at

    def now_ms(self) -> int:
        """Whole Unix milliseconds."""
        return self.at * 1000

    def advance(self, seconds: int) -> None:
        """Move on by `seconds`."""
        self.at += seconds
