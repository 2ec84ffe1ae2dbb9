"""The files of the embedded log: one for each worker, and beside each its journal.

Everything here blocks.
"""

import os
import re
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable
from storage.log import LogKind
from storage.log_journal import Frame, claim_journal, open_left_journal, recent
from storage.log_rows import insert
from storage.sqlite_connection import Link, LinkPool, SqliteFile, unavailable
from storage.sqlite_log_tables import LOG_LAYOUT, extend_tables, table_definitions

_ENDED_WITHIN_S = 0.5
"""How long a file is waited for whose writer may be about to end."""
_MOST_WRITERS = 256
_MOVED_WITHIN_S = 5.0
_LOOK_AGAIN_S = 0.05

T = TypeVar("T")


class LogFiles:
    """The log files beside the database at `path`; `worker` is the one that is to be ours, None when we write none."""

    def __init__(self, path: Path, worker: int | None) -> None:
        self._path = path
        self._worker = worker
        self._claimed: int | None = None
        self._kinds: Sequence[LogKind] = ()
        self._pools: dict[int, LinkPool] = {}

    @property
    def own(self) -> SqliteFile:
        """Our file."""
        assert self._worker is not None
        return SqliteFile(log_path(self._path, self._worker), LOG_LAYOUT)

    @property
    def claimed(self) -> int:
        """The descriptor of our file's journal, by which it is ours."""
        assert self._claimed is not None
        return self._claimed

    def prepare(self, kinds: Sequence[LogKind]) -> None:
        """Claim a file and make it where absent, and what the kinds need in all. Raises: StoreUnavailable."""
        self._kinds = kinds
        if self._worker is not None:
            try:
                self.own.create()
                if self._claimed is None:
                    self._claim(self._worker)
            except (sqlite3.Error, OSError) as error:
                raise unavailable(self.own.path, error) from error
        for worker in _workers_beside(self._path):
            self._in_file(worker, lambda connection: extend_tables(connection, kinds))

    def _claim(self, first: int) -> None:
        """Another program on the same storage, with other roles, has numbers of its own: take one that is free."""
        for number in range(first, first + _MOST_WRITERS):
            self._worker = number
            self.own.create()
            try:
                self._claimed = claim_journal(str(self.own.path), timeout_s=0 if number > first else _ENDED_WITHIN_S)
            except StoreUnavailable:
                continue
            return
        raise StoreUnavailable(f"{self._path}: {_MOST_WRITERS} programs write logs beside it: stop some of them")

    def close(self) -> None:
        """Let go of them."""
        if self._claimed is not None:
            os.close(self._claimed)
            self._claimed = None
        while self._pools:
            self._pools.popitem()[1].close()

    def read(self, work: Callable[[sqlite3.Connection, int], T]) -> list[T]:
        """What `work` makes of each worker's file and of its journal, given the worker; blocks.

        A row that was moved meanwhile is in both. Raises: StoreUnavailable.
        """
        made: list[T] = []
        for worker in self._workers():
            frames = self._recent(worker)
            if frames:
                with closing(self._in_memory(worker, frames)) as connection:
                    made.append(work(connection, worker))
            made.append(self._in_file(worker, partial(_given_worker, work, worker)))
        return made

    def write(
        self, work: Callable[[sqlite3.Connection], None], *, concerns: Callable[[sqlite3.Connection], bool]
    ) -> None:
        """Do `work` in each worker's file, once no journal has rows that it `concerns`; blocks.

        Raises: StoreUnavailable.
        """
        for worker in self._workers():
            self._in_file(worker, partial(_move_left_journal, str(log_path(self._path, worker))))
            self._await_move(worker, concerns)
            self._in_file(worker, work)

    def _await_move(self, worker: int, concerns: Callable[[sqlite3.Connection], bool]) -> None:
        end = time.monotonic() + _MOVED_WITHIN_S
        while frames := self._recent(worker):
            with closing(self._in_memory(worker, frames)) as connection:
                if not concerns(connection):
                    return
            if time.monotonic() > end:
                raise StoreUnavailable(f"{log_path(self._path, worker)}: its writer does not keep up: try again later")
            time.sleep(_LOOK_AGAIN_S)

    def _workers(self) -> list[int]:
        # Our own file is read even when it is gone: its entries must not be missing silently.
        own = set() if self._worker is None else {self._worker}
        return sorted(_workers_beside(self._path) | own)

    def _recent(self, worker: int) -> list[Frame]:
        path = log_path(self._path, worker)
        try:
            return recent(str(path))
        except OSError as error:
            raise unavailable(path, error) from error

    def _in_memory(self, worker: int, frames: Sequence[Frame]) -> sqlite3.Connection:
        """Tables like those of the worker's file, with these rows alone."""
        tables = self._in_file(worker, table_definitions)
        connection = sqlite3.connect(":memory:", isolation_level=None)
        for definition in tables:
            connection.execute(definition)
        insert(connection, [(frame.first, frame.payload) for frame in frames])
        return connection

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
            extend_tables(connection, self._kinds)

        return Link(file, prepare)


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


def _move_left_journal(path: str, connection: sqlite3.Connection) -> None:
    """Into the tables, with what a writer left in its journal."""
    journal = open_left_journal(path)
    if journal is None:
        return
    with closing(journal):
        connection.execute("BEGIN IMMEDIATE")
        insert(connection, [(frame.first, frame.payload) for frame in journal.frames()])
        connection.execute("COMMIT")
        journal.clear()
