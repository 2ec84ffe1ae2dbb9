"""The append-only log port: entries that are durable before `append` returns, and never change.

A back end implements `LogStore` and passes `tests/conformance/log.py`. Group commit is the back end's: appends of
the same moment share one fsync (or one journalled write); whatever arrived during the last one goes into the next.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias

from storage.documents import JsonObject
from storage.errors import StoreUnavailable

Done: TypeAlias = Callable[[StoreUnavailable | None], None]
"""Called once, on the event loop: with None when the entry is durable, with the reason when it will not be found."""

EntryWriter: TypeAlias = Callable[[int, str, Done], None]
"""Appends one entry: its instant in Unix milliseconds, the value of the key that varies, and whom to tell."""


@dataclass(frozen=True, slots=True)
class LogKind:
    """A named log; entries carry `keys` of exactly these names, those of `indexed` are found without a scan.

    Names and keys are 1 to 100 letters, digits, `_`, `.` or `-`, and do not differ by case alone.
    """

    name: str
    keys: tuple[str, ...]
    indexed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogEntry:
    """`at_ms` is the instant in Unix milliseconds; `id` is the caller's, "" when its keys say enough."""

    id: str
    at_ms: int
    keys: Mapping[str, str | None]
    body: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KeyIn:
    """The key is one of `values`; no values means no entry."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AnyKey:
    """At least one of `conditions` holds; none given means no entry."""

    conditions: tuple[KeyIn, ...]


LogCondition: TypeAlias = KeyIn | AnyKey


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Every condition must hold, and `after_ms < at_ms < before_ms` where given. Newest first unless `ascending`.

    `limit` is 1 to 10,000. A cursor belongs to one tenant, kind and direction.
    """

    where: tuple[LogCondition, ...] = ()
    after_ms: int | None = None
    before_ms: int | None = None
    ascending: bool = False
    limit: int = 25
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class LogPage:
    """`next_cursor` is "" when nothing follows."""

    entries: tuple[LogEntry, ...]
    next_cursor: str


class Log(Protocol):
    """One kind of log of one tenant."""

    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Return when all entries are durable; when it raises, none of them will be found.

        Raises: StoreUnavailable (also when too much waits already); ValueError for entries with other keys than the
        kind's, or what the document port would refuse.
        """
        ...

    def writer(self, keys: Mapping[str, str | None], body: JsonObject, *, varying: str) -> EntryWriter:
        """What appends entries that differ in their instant and in the key `varying` alone; their id is "".

        All that entries share is checked and rendered here, once: appending one is then cheap. The writer may call
        `done` before it returns; whatever becomes of the log, it raises nothing but ValueError for a value that is
        not Unicode.
        Raises: ValueError for other keys than the kind's without `varying`, or what the document port would refuse.
        """
        ...

    async def find(self, query: LogQuery) -> LogPage:
        """One page, ordered by (`at_ms`, arrival). Raises: InvalidCursor; ValueError for an undeclared key."""
        ...

    async def delete_before(self, at_ms: int, *, most: int | None = None) -> int:
        """Remove entries older than `at_ms`, no more than `most` where given; returns how many."""
        ...


class LogStore(Protocol):
    """A back end of the append-only log."""

    async def open(self, kinds: Sequence[LogKind]) -> None:
        """Connect and make what `kinds` need; safe to repeat, safe beside other processes."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go; later calls raise StoreUnavailable."""
        ...

    async def ping(self) -> None:
        """Raise StoreUnavailable when the log cannot be written now."""
        ...

    def for_tenant(self, tenant: str, kind: LogKind) -> Log:
        """The log of one tenant; no other way leads to an entry."""
        ...
