"""Making SQLite files, and links to them that threads work on."""

import errno
import os
import sqlite3
import stat
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable
from storage.sqlite_open import APPLICATION_ID, Connector, explanation, open_connection, primary_code

BUSY_TIMEOUT_S = 5.0
OPEN_TIMEOUT_S = 30.0

_OLDEST_SQLITE = (3, 35, 0)  # RETURNING, MATERIALIZED

T = TypeVar("T")


def unavailable(path: Path, error: sqlite3.Error | OSError) -> StoreUnavailable:
    """Our error for one of SQLite or the operating system, with the remedy; raise it `from` the original."""
    return StoreUnavailable(explanation(str(path), error))


@dataclass(frozen=True, slots=True)
class SqliteFile:
    """One database file and the version of the table layout that this program writes in it."""

    path: Path
    layout: int

    def create(self) -> None:
        """Make the file and its directory where absent, readable by the owner alone, in write-ahead mode.

        Raises: sqlite3.Error, OSError; StoreUnavailable for a file of another program or of a newer version.
        """
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            raise StoreUnavailable(f"SQLite {sqlite3.sqlite_version} is too old: 3.35 or newer is needed")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Made without being opened: closing any descriptor of the file takes away this process's locks on it, those of
        # SQLite's open connections too; the next process to close it would remove the write-ahead log in use.
        try:
            os.mknod(self.path, stat.S_IFREG | 0o600)
        except FileExistsError:
            if self.path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(self.path)) from None
        connection = self.connect(timeout_s=OPEN_TIMEOUT_S)
        try:
            self._use_write_ahead_log(connection)
            if _layout(connection) != self.layout:
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {self.layout}")
                connection.execute("CREATE TABLE IF NOT EXISTS probe (id INTEGER PRIMARY KEY, probes INTEGER NOT NULL)")
                connection.execute("INSERT OR IGNORE INTO probe VALUES (1, 0)")
                connection.execute("COMMIT")
        finally:
            connection.close()
        _sync_directory(self.path.parent)

    def connect(self, *, timeout_s: float, read_only: bool = False) -> sqlite3.Connection:
        """A connection in autocommit mode. Raises: as `create`."""
        return open_connection(str(self.path), self.layout, timeout_s=timeout_s, read_only=read_only)

    def _use_write_ahead_log(self, connection: sqlite3.Connection) -> None:
        """Switch the mode, also when other processes do so at this moment: SQLite does not wait here, so we do."""
        give_up_at = time.monotonic() + OPEN_TIMEOUT_S
        mode = ""
        while not mode:
            try:
                (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
            except sqlite3.OperationalError as error:
                if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                    raise
                time.sleep(0.02)
        if mode != "wal":
            raise StoreUnavailable(f"{self.path}: its disk cannot share memory between processes: use a local disk")


class Link:
    """One connection to a file, for one thread at a time."""

    def __init__(
        self,
        file: SqliteFile,
        prepare: Callable[[sqlite3.Connection], None],
        *,
        timeout_s: float = BUSY_TIMEOUT_S,
        read_only: bool = False,
    ) -> None:
        """`prepare` is called with each new connection before its first use."""

        def connect() -> sqlite3.Connection:
            connection = file.connect(timeout_s=timeout_s, read_only=read_only)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
            return connection

        self._connector = Connector(str(file.path), connect)

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work`; a transaction it leaves open is rolled back. Raises: sqlite3.Error, OSError, StoreUnavailable."""
        connection = self._connector.connection()
        try:
            return work(connection)
        except sqlite3.Error as error:
            self._connector.failed(error)
            raise
        finally:
            self._connector.settle()

    def close(self) -> None:
        """Close the connection; the next `run` makes a new one."""
        self._connector.close()


class LinkPool:
    """Links to one file that threads borrow: as many as were ever needed at once."""

    def __init__(self, make: Callable[[], Link]) -> None:
        self._make = make
        # Its operations are atomic, so threads share it without a lock.
        self._idle: deque[Link] = deque()

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work` on a link that nobody else uses meanwhile. Raises: as `Link.run`."""
        try:
            link = self._idle.pop()
        except IndexError:
            link = self._make()
        try:
            return link.run(work)
        finally:
            self._idle.append(link)

    def close(self) -> None:
        """Close the links; nobody may be using one."""
        while self._idle:
            self._idle.pop().close()


def no_preparation(_connection: sqlite3.Connection) -> None:
    """For connections that need nothing of their own."""


def _layout(connection: sqlite3.Connection) -> int | None:
    """The layout that the file is marked with, an older one perhaps; None when it is not marked as ours."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    return int(layout) if application == APPLICATION_ID else None


def _sync_directory(directory: Path) -> None:
    """Make the file's name durable, as the file is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
