"""What the suites store, and what a back end must offer to be put through them."""

from collections.abc import Sequence
from typing import Protocol

import pytest

from storage.cache import Cache
from storage.documents import Collection, DocumentStore, Revision
from storage.log import Log, LogEntry, LogKind, LogQuery, LogStore

PEOPLE = Collection("people", fields=("name", "age", "active", "address.city"), array_fields=("tags", "address.lines"))
NOTES = Collection("notes", fields=("at",))
BARE = Collection("bare")
COLLECTIONS: Sequence[Collection] = (PEOPLE, NOTES, BARE)

TENANT = "00000001823288444000"
OTHER_TENANT = "00000001950428139000"
STALE = Revision("0000000000000000")

CALLS = LogKind("calls", keys=("transaction", "peer", "note"), indexed=("transaction", "peer"))
VISITS = LogKind("visits", keys=("who",))
KINDS: Sequence[LogKind] = (CALLS, VISITS)


def refused() -> pytest.RaisesExc[ValueError]:
    """The caller is told that it asks what cannot be, with a reason."""
    return pytest.raises(ValueError, match=r"\w+ \w+")


class DocumentBackend(Protocol):
    """A place where documents are kept, which a test can reach, break and mend."""

    def handle(self) -> DocumentStore:
        """A store on this place, as another process or a later start of the program would have. Not opened."""
        ...

    def break_down(self) -> None:
        """Make the place unable to serve."""
        ...

    def mend(self) -> None:
        """Make it able again, with what it held."""
        ...


class LogBackend(Protocol):
    """The same for logs."""

    def handle(self) -> LogStore:
        """A store on this place, as another worker or a later start of the program would have. Not opened."""
        ...

    def break_down(self) -> None:
        """Make the place unable to serve."""
        ...

    def mend(self) -> None:
        """Make it able again, with what it held."""
        ...


class CacheBackend(Protocol):
    """The same for caches, which also shows what time does."""

    def handle(self) -> Cache:
        """A cache on this place, as another process would have."""
        ...

    async def pass_time(self, seconds: float) -> None:
        """Return when this much time has passed for the cache."""
        ...

    def break_down(self) -> None:
        """Make the place unable to serve."""
        ...

    def mend(self) -> None:
        """Make it able again."""
        ...


def call(entry_id: str, at_ms: int, body: dict[str, object] | None = None) -> LogEntry:
    return LogEntry(entry_id, at_ms, {"transaction": "t", "peer": "p", "note": None}, body or {})


async def entry_ids(log: Log, query: LogQuery) -> list[str]:
    return [one.id for one in (await log.find(query)).entries]
