"""The append-only log in SQLite files beside the database, one per worker.

Theory of operation. Each worker (a process) appends to a file of its own, so workers never wait for each other's
lock or fsync; within a worker, one thread commits in groups. Whoever reads or deletes does so in all workers' files,
also those of workers that no longer run, and merges what it finds.

Durability: a commit is one fsync of the write-ahead log (`synchronous = FULL`).
"""

import asyncio
import os
import re
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from storage.body import parse_body, render_body
from storage.errors import StoreUnavailable
from storage.fields import check_text, check_value
from storage.group_commit import GroupCommit, QueueLimits
from storage.log import LogEntry, LogKind, LogPage, LogQuery
from storage.log_checks import check_entries, check_kinds, check_log_query
from storage.paging import LogPosition, log_cursor, parse_log_cursor
from storage.sqlite_connection import BUSY_TIMEOUT_S, PROBE, Link, LinkPool, SqliteFile, no_preparation, unavailable
from storage.sqlite_log_tables import LOG_LAYOUT, delete_sql, extend_tables, insert_sql, page_sql

_ROWS_AT_ONCE = 1_000

T = TypeVar("T")

Row: TypeAlias = tuple[str | int | None, ...]
_Found: TypeAlias = tuple[LogPosition, Any]


@dataclass(frozen=True, slots=True)
class _Rows:
    """What one `append` adds."""

    statement: str
    rows: tuple[Row, ...]


class _LogWriter:
    """Commits batches of appends to this worker's file; used by one thread."""

    def __init__(self, file: SqliteFile, *, busy_timeout_s: float) -> None:
        self._path = file.path
        self._link = Link(file, no_preparation, timeout_s=busy_timeout_s)

    def commit(self, jobs: Sequence[_Rows]) -> Sequence[None]:
        """Commit all of the appends. Raises: StoreUnavailable."""
        rows: dict[str, list[Row]] = {}
        for job in jobs:
            rows.setdefault(job.statement, []).extend(job.rows)
        try:
            self._link.run(lambda connection: _write(connection, rows))
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._path, error) from error
        return [None] * len(jobs)

    def close(self) -> None:
        """Let go of the file."""
        self._link.close()


@dataclass(frozen=True, slots=True)
class _Running:
    writer: _LogWriter
    commits: GroupCommit[_Rows, None]
    threads: ThreadPoolExecutor


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
    ) -> None:
        """`limits` bound what may wait to be written, `busy_timeout_s` the wait for another process's lock."""
        self._path = path
        self._worker = worker
        self._busy_timeout_s = busy_timeout_s
        self._file = SqliteFile(log_path(path, worker), LOG_LAYOUT)
        self._read_threads = read_threads
        self._limits = limits or QueueLimits()
        self._declared: dict[str, LogKind] = {}
        self._pools: dict[int, LinkPool] = {}
        self._running: _Running | None = None
        self._changing = asyncio.Lock()

    async def open(self, kinds: Sequence[LogKind]) -> None:
        """Make this worker's file where absent, and what the kinds need in it.

        Raises: StoreUnavailable; ValueError for kinds that contradict each other.
        """
        check_kinds(kinds)
        async with self._changing:
            declared = {**self._declared, **{kind.name: kind for kind in kinds}}
            await asyncio.to_thread(self._prepare_files, tuple(declared.values()))
            self._declared = declared
            if self._running is not None:
                return
            writer = _LogWriter(self._file, busy_timeout_s=self._busy_timeout_s)
            self._running = _Running(
                writer=writer,
                commits=GroupCommit("sqlite-log", writer.commit, self._limits),
                threads=ThreadPoolExecutor(self._read_threads, thread_name_prefix="sqlite-log-read"),
            )

    async def close(self) -> None:
        """Commit what was accepted, let running reads end, let go of the files."""
        async with self._changing:
            running, self._running = self._running, None
            if running is not None:
                await running.commits.close()
                await asyncio.to_thread(running.threads.shutdown)
                running.writer.close()
                while self._pools:
                    self._pools.popitem()[1].close()

    async def ping(self) -> None:
        """Prove that the log can be written, by writing. Raises: StoreUnavailable."""
        await self.running().commits.submit(_Rows(PROBE, ((),)), 0)

    def for_tenant(self, tenant: str, kind: LogKind) -> "SqliteTenantLog":
        """The log of one tenant."""
        check_text("tenant", tenant)
        return SqliteTenantLog(self, tenant, kind)

    def running(self) -> _Running:
        """What serves. Raises: StoreUnavailable when the store is closed."""
        if self._running is None:
            raise StoreUnavailable(f"{self._file.path}: the log is not open")
        return self._running

    def check_opened(self, kind: LogKind) -> None:
        """Refuse a kind that was not opened as it is declared here. Raises: ValueError."""
        if self._declared.get(kind.name) != kind:
            raise ValueError(f"log {kind.name} was not opened with this declaration")

    def in_every_file(self, work: Callable[[sqlite3.Connection, int], T]) -> list[T]:
        """What `work` makes of each worker's file, given its worker; blocks. Raises: StoreUnavailable."""
        # Our own file is read even when it is gone: its entries must not be missing silently.
        workers = sorted(_workers_beside(self._path) | {self._worker})
        return [self._in_file(worker, partial(_given_worker, work, worker)) for worker in workers]

    def _in_file(self, worker: int, work: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return self._pool(worker).run(work)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(log_path(self._path, worker), error) from error

    def _pool(self, worker: int) -> LinkPool:
        # Two threads may make one at once; `setdefault` is atomic, and the loser's has no connections yet.
        return self._pools.setdefault(worker, LinkPool(lambda: self._link(worker)))

    def _link(self, worker: int) -> Link:
        file = SqliteFile(log_path(self._path, worker), LOG_LAYOUT)

        def prepare(connection: sqlite3.Connection) -> None:
            # Another worker may have begun to make its file a moment ago, or have declared less than we do.
            file.create()
            extend_tables(connection, tuple(self._declared.values()))

        return Link(file, prepare)

    def _prepare_files(self, kinds: Sequence[LogKind]) -> None:
        try:
            self._file.create()
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._file.path, error) from error
        for worker in _workers_beside(self._path):
            self._in_file(worker, lambda connection: extend_tables(connection, kinds))


class SqliteTenantLog:
    """One kind of log of one tenant. An append whose caller is cancelled while it waits may still happen."""

    def __init__(self, store: SqliteLog, tenant: str, kind: LogKind) -> None:
        self._store = store
        self._tenant = tenant
        self._kind = kind
        self._insert = insert_sql(kind)

    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Return when all entries are durable. Raises: StoreUnavailable; ValueError as `check_entries`."""
        running = self._ready()
        check_entries(self._kind, entries)
        rows = tuple(self._row(entry) for entry in entries)
        if rows:
            await running.commits.submit(_Rows(self._insert, rows), sum(len(str(row[3])) for row in rows))

    async def find(self, query: LogQuery) -> LogPage:
        """One page of matching entries. Raises: InvalidCursor; ValueError as `check_log_query`."""
        running = self._ready()
        check_log_query(self._kind, query)
        after = None
        if query.cursor:
            after = parse_log_cursor(self._tenant, self._kind.name, query.ascending, query.cursor)
        return await asyncio.get_running_loop().run_in_executor(running.threads, self._find, query, after)

    async def delete_before(self, at_ms: int) -> int:
        """Remove entries older than `at_ms` from every worker's file; returns how many. Raises: StoreUnavailable."""
        running = self._ready()
        check_value("at_ms", at_ms)
        return await asyncio.get_running_loop().run_in_executor(running.threads, self._delete_before, at_ms)

    def _ready(self) -> _Running:
        running = self._store.running()
        self._store.check_opened(self._kind)
        return running

    def _row(self, entry: LogEntry) -> Row:
        keys = (entry.keys[key] for key in self._kind.keys)
        return (self._tenant, entry.at_ms, entry.id, render_body(entry.body), *keys)

    def _find(self, query: LogQuery, after: LogPosition | None) -> LogPage:
        def read(connection: sqlite3.Connection, worker: int) -> list[_Found]:
            sql = page_sql(self._tenant, self._kind, query, after, worker)
            rows = connection.execute(sql.text, sql.values).fetchall()
            return [(LogPosition(row[0], worker, row[1]), row) for row in rows]

        found = [one for each in self._store.in_every_file(read) for one in each]
        found.sort(key=lambda one: one[0], reverse=not query.ascending)
        page = found[: query.limit]
        return LogPage(
            tuple(self._entry(row) for _, row in page),
            log_cursor(self._tenant, self._kind.name, query.ascending, page[-1][0]) if len(found) > len(page) else "",
        )

    def _entry(self, row: Any) -> LogEntry:
        at_ms, _, entry_id, text, *keys = row
        return LogEntry(entry_id, at_ms, dict(zip(self._kind.keys, keys, strict=True)), parse_body(text))

    def _delete_before(self, at_ms: int) -> int:
        sql = delete_sql(self._tenant, self._kind, at_ms, _ROWS_AT_ONCE)

        def delete(connection: sqlite3.Connection, _worker: int) -> int:
            # A little at a time, so that appends never wait long for the lock.
            deleted = 0
            while rows := connection.execute(sql.text, sql.values).rowcount:
                deleted += rows
            return deleted

        return sum(self._store.in_every_file(delete))


def log_path(database: Path, worker: int) -> Path:
    """The log file of a worker: `data/kr.db` has `data/kr.log-0.db` beside it."""
    return database.with_name(f"{database.stem}.log-{worker}.db")


def _workers_beside(database: Path) -> set[int]:
    name = re.compile(re.escape(database.stem) + r"\.log-([0-9]+)\.db")
    try:
        return {int(match[1]) for entry in os.listdir(database.parent) if (match := name.fullmatch(entry))}
    except OSError as error:
        raise unavailable(database.parent, error) from error


def _given_worker(work: Callable[[sqlite3.Connection, int], T], worker: int, connection: sqlite3.Connection) -> T:
    return work(connection, worker)


def _write(connection: sqlite3.Connection, rows: dict[str, list[Row]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    for statement, values in rows.items():
        connection.executemany(statement, values)
    connection.execute("COMMIT")
