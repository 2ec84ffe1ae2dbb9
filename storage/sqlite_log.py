"""The append-only log in SQLite files beside the database, one per worker.

Theory of operation. Each worker (a process) appends to a file of its own, so workers never wait for each other's
lock or fsync; within a worker, one process commits in groups: to the journal of the file, and from there into its
tables. Whoever reads or deletes does so in all workers' files and journals, also those of workers that no longer run,
and merges what it finds.

Durability: a commit is one fdatasync of the journal; a row leaves it when the tables have it, durably too
(`synchronous = FULL`).
"""

import asyncio
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from storage.body import parse_body, render_body
from storage.documents import JsonObject
from storage.errors import StoreUnavailable
from storage.fields import check_text, check_value
from storage.group_commit import QueueLimits
from storage.log import Done, EntryWriter, LogEntry, LogKind, LogPage, LogQuery
from storage.log_checks import check_entries, check_kinds, check_log_query, check_shared
from storage.log_commits import LogCommits
from storage.log_rows import Group, Values
from storage.paging import LogPosition, log_cursor, parse_log_cursor
from storage.sqlite_connection import BUSY_TIMEOUT_S
from storage.sqlite_log_files import LogFiles
from storage.sqlite_log_tables import (
    delete_sql,
    insert_sql,
    old_sql,
    page_sql,
)
from storage.writer_process import WriterProcess

_ROWS_AT_ONCE = 1_000
_MOVED_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.05

T = TypeVar("T")

_Found: TypeAlias = tuple[LogPosition, Any]


@dataclass(frozen=True, slots=True)
class _Running:
    commits: LogCommits | None
    threads: ThreadPoolExecutor

    def add(self, group: Group, rows: Sequence[Values], size: int, done: Done) -> None:
        """Commit the rows and tell `done`, perhaps before returning."""
        if self.commits is None:
            done(StoreUnavailable("the log was opened for reading: nothing is written to it"))
        else:
            self.commits.add(group, rows, size, done)

    async def append(self, group: Group, rows: Sequence[Values], size: int) -> None:
        """Return when the rows are durable. Raises: StoreUnavailable."""
        await _told(partial(self.add, group, rows, size))

    async def move(self) -> None:
        """Return when all that this process has written is in the tables. Raises: StoreUnavailable."""
        if self.commits is not None:
            await _told(self.commits.move)


class SqliteLog:
    """A LogStore in files beside the database at `path`; `worker` tells this process's file from the others'.

    Open it after forking, and in the event loop that will use it.
    """

    def __init__(
        self,
        path: Path,
        worker: int,
        *,
        read_threads: int = 2,
        limits: QueueLimits | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        is_written: bool = True,
    ) -> None:
        """`limits` bound what may wait to be written, `busy_timeout_s` the wait for another process's lock.

        A log that is not written has no writer and no file of its own; what is there is found and deleted as ever.
        """
        self._path = path
        self._busy_timeout_s = busy_timeout_s
        self._is_written = is_written
        self.files = LogFiles(path, worker if is_written else None)
        self._read_threads = read_threads
        self._limits = limits or QueueLimits()
        self._declared: dict[str, LogKind] = {}
        self._running: _Running | None = None
        self._changing = asyncio.Lock()

    async def open(self, kinds: Sequence[LogKind]) -> None:
        """Make this worker's file where absent, and what the kinds need in it.

        Raises: StoreUnavailable; ValueError for kinds that contradict each other.
        """
        check_kinds(kinds)
        async with self._changing:
            declared = {**self._declared, **{kind.name: kind for kind in kinds}}
            await asyncio.to_thread(self.files.prepare, tuple(declared.values()))
            self._declared = declared
            if self._running is not None:
                return
            commits = await self._open_commits() if self._is_written else None
            threads = ThreadPoolExecutor(self._read_threads, thread_name_prefix="sqlite-log-read")
            self._running = _Running(commits, threads)

    async def close(self) -> None:
        """Commit what was accepted, let running reads end, let go of the files."""
        async with self._changing:
            running, self._running = self._running, None
            if running is not None:
                if running.commits is not None:
                    await running.commits.close()
                await asyncio.to_thread(running.threads.shutdown)
            self.files.close()

    async def ping(self) -> None:
        """Prove that the log can be written, by writing, when it is to be written. Raises: StoreUnavailable."""
        await self.running().move()

    def for_tenant(self, tenant: str, kind: LogKind) -> "SqliteTenantLog":
        """The log of one tenant."""
        check_text("tenant", tenant)
        return SqliteTenantLog(self, tenant, kind)

    def add(self, group: Group, rows: Sequence[Values], size: int, done: Done) -> None:
        """Commit the rows and tell `done`, perhaps before returning."""
        if self._running is None:
            done(self._not_open())
        else:
            self._running.add(group, rows, size, done)

    def running(self) -> _Running:
        """What serves. Raises: StoreUnavailable when the store is closed."""
        if self._running is None:
            raise self._not_open()
        return self._running

    def _not_open(self) -> StoreUnavailable:
        return StoreUnavailable(f"{self._path}: the log is not open")

    async def _open_commits(self) -> LogCommits:
        commits = LogCommits(self._start_writer, self._limits)
        try:
            await commits.open()
        except OSError as error:
            raise StoreUnavailable(f"the process that writes the log cannot be started: {error}") from error
        return commits

    def _start_writer(self) -> WriterProcess:
        return WriterProcess(self.files.own, self.files.claimed, busy_timeout_s=self._busy_timeout_s)

    def check_opened(self, kind: LogKind) -> None:
        """Refuse a kind that was not opened as it is declared here. Raises: ValueError."""
        if self._declared.get(kind.name) != kind:
            raise ValueError(f"log {kind.name} was not opened with this declaration")


class SqliteTenantLog:
    """One kind of log of one tenant. An append whose caller is cancelled while it waits may still happen."""

    def __init__(self, store: SqliteLog, tenant: str, kind: LogKind) -> None:
        self._store = store
        self._tenant = tenant
        self._kind = kind
        self._group = Group(insert_sql(kind), ())

    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Return when all entries are durable. Raises: StoreUnavailable; ValueError as `check_entries`."""
        running = self._ready()
        check_entries(self._kind, entries)
        rows = tuple(self._row(entry) for entry in entries)
        if rows:
            await running.append(self._group, rows, sum(map(_size, rows)))

    def writer(self, keys: Mapping[str, str | None], body: JsonObject, *, varying: str) -> EntryWriter:
        """What appends entries that differ in instant and `varying` alone. Raises: ValueError as `check_shared`."""
        self._store.check_opened(self._kind)
        check_shared(self._kind, keys, varying)
        add = self._store.add
        shared = (self._tenant, "", render_body(body), *(keys[key] for key in self._kind.keys if key != varying))
        group, size = Group(insert_sql(self._kind, varying=varying), shared), _size(shared)

        def write(at_ms: int, value: str, done: Done) -> None:
            check_text(varying, value)
            add(group, ((at_ms, value),), size, done)

        return write

    async def find(self, query: LogQuery) -> LogPage:
        """One page of matching entries. Raises: InvalidCursor; ValueError as `check_log_query`."""
        running = self._ready()
        check_log_query(self._kind, query)
        after = None
        if query.cursor:
            after = parse_log_cursor(self._tenant, self._kind.name, query.ascending, query.cursor)
        return await asyncio.get_running_loop().run_in_executor(running.threads, self._find, query, after)

    async def delete_before(self, at_ms: int, *, most: int | None = None) -> int:
        """Remove entries older than `at_ms` from every worker's file; returns how many. Raises: StoreUnavailable."""
        running = self._ready()
        check_value("at_ms", at_ms)
        await running.move()
        return await asyncio.get_running_loop().run_in_executor(running.threads, self._delete_before, at_ms, most)

    def _ready(self) -> _Running:
        running = self._store.running()
        self._store.check_opened(self._kind)
        return running

    def _row(self, entry: LogEntry) -> Values:
        keys = (entry.keys[key] for key in self._kind.keys)
        return (self._tenant, entry.id, render_body(entry.body), *keys, entry.at_ms)

    def _find(self, query: LogQuery, after: LogPosition | None) -> LogPage:
        def read(connection: sqlite3.Connection, worker: int) -> list[_Found]:
            sql = page_sql(self._tenant, self._kind, query, after, worker)
            rows = connection.execute(sql.text, sql.values).fetchall()
            return [(LogPosition(row[0], worker, row[1]), row) for row in rows]

        once = {position: row for each in self._store.files.read(read) for position, row in each}
        found = sorted(once.items(), key=lambda one: one[0], reverse=not query.ascending)
        page = found[: query.limit]
        return LogPage(
            tuple(self._entry(row) for _, row in page),
            log_cursor(self._tenant, self._kind.name, query.ascending, page[-1][0]) if len(found) > len(page) else "",
        )

    def _entry(self, row: Any) -> LogEntry:
        at_ms, _, entry_id, text, *keys = row
        return LogEntry(entry_id, at_ms, dict(zip(self._kind.keys, keys, strict=True)), parse_body(text))

    def _delete_before(self, at_ms: int, most: int | None) -> int:
        left = sys.maxsize if most is None else most

        def delete(connection: sqlite3.Connection) -> None:
            nonlocal left
            # A little at a time, so that appends never wait long for the lock.
            while left:
                sql = delete_sql(self._tenant, self._kind, at_ms, min(left, _ROWS_AT_ONCE))
                deleted = connection.execute(sql.text, sql.values).rowcount
                left -= deleted
                if not deleted:
                    return

        before = left
        old = old_sql(self._tenant, self._kind, at_ms)

        def concerns(recent: sqlite3.Connection) -> bool:
            return recent.execute(old.text, old.values).fetchone() is not None

        self._store.files.write(delete, concerns=concerns)
        return before - left


async def _told(work: Callable[[Done], None]) -> None:
    """Return when `work` has told that it succeeded. Raises: StoreUnavailable when it told otherwise."""
    outcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(error: StoreUnavailable | None) -> None:
        if outcome.done():
            return
        if error is None:
            outcome.set_result(None)
        else:
            outcome.set_exception(error)

    work(settle)
    await outcome


def _size(shared: Values) -> int:
    """About how much room a row takes while it waits: its body above all."""
    return sum(len(value) for value in shared if isinstance(value, str))
