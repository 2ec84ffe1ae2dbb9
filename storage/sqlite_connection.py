"""Connections to one SQLite file, and what its failures mean.

A connection is made when first needed, made anew after an error and when the file was replaced (a restored backup),
and never used on a file that was moved away: SQLite would go on writing to a file that no path leads to any more.
"""

import os
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from storage.errors import StoreUnavailable

APPLICATION_ID = 0x4B524547
"""Marks a file as ours, in its header."""

BUSY_TIMEOUT_S = 5.0
OPEN_TIMEOUT_S = 30.0
PROBE = "UPDATE probe SET probes = probes + 1"
"""A write that means nothing, possible in every file of ours: committing it proves that the file can be written."""

_OLDEST_SQLITE = (3, 35, 0)  # RETURNING, MATERIALIZED
_CACHE_KIB = 8_192
_JOURNAL_BYTES = 64 * 2**20

T = TypeVar("T")

_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full: free space",
    sqlite3.SQLITE_READONLY: "it cannot be written: check permissions and that its disk is mounted for writing",
    sqlite3.SQLITE_BUSY: "another process keeps it locked: find who holds it open",
    sqlite3.SQLITE_LOCKED: "another connection keeps it locked: try again",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
    sqlite3.SQLITE_NOTADB: "it is not a database: check the path, or restore it from a backup",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check the path and its permissions",
    sqlite3.SQLITE_IOERR: "the disk refused to read or write: check its health, space and limits",
}


def primary_code(error: BaseException) -> int | None:
    """SQLite's primary result code of an error, None for errors that are not SQLite's."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def unavailable(path: Path, error: sqlite3.Error | OSError) -> StoreUnavailable:
    """Our error for one of SQLite or the operating system, with the remedy; raise it `from` the original."""
    if isinstance(error, FileNotFoundError):
        return StoreUnavailable(f"{path}: it is gone: put it back, or restart the program")
    return StoreUnavailable(f"{path}: {_REMEDIES.get(primary_code(error) or 0, str(error))}")


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
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = self.connect(timeout_s=OPEN_TIMEOUT_S)
        try:
            self._use_write_ahead_log(connection)
            if not _is_marked(connection):
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
        connection = sqlite3.connect(
            f"{self.path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        try:
            self._check_header(connection)
            for pragma in (
                "synchronous = FULL",
                "foreign_keys = ON",
                "trusted_schema = OFF",
                "cell_size_check = ON",
                # A sort must not depend on a writable directory for temporary files.
                "temp_store = MEMORY",
                f"cache_size = -{_CACHE_KIB}",
                f"journal_size_limit = {_JOURNAL_BYTES}",
                f"query_only = {'ON' if read_only else 'OFF'}",
            ):
                connection.execute(f"PRAGMA {pragma}")
        except BaseException:
            connection.close()
            raise
        return connection

    def identity(self) -> tuple[int, int]:
        """Which file the path leads to now. Raises: OSError when to none."""
        status = os.stat(self.path)
        return status.st_dev, status.st_ino

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

    def _check_header(self, connection: sqlite3.Connection) -> None:
        # In one transaction: another process may be making the file at this moment.
        connection.execute("BEGIN")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (layout,) = connection.execute("PRAGMA user_version").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        connection.execute("COMMIT")
        if application != APPLICATION_ID and (application or layout or tables):
            raise StoreUnavailable(f"{self.path}: the file belongs to another program: choose another path")
        if layout > self.layout:
            raise StoreUnavailable(
                f"{self.path}: a newer version of this program wrote it (layout {layout}, "
                f"known here: {self.layout}): upgrade the program, or restore a backup made before the upgrade"
            )


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
        self._file = file
        self._prepare = prepare
        self._timeout_s = timeout_s
        self._read_only = read_only
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do `work`; a transaction it leaves open is rolled back. Raises: sqlite3.Error, OSError, StoreUnavailable."""
        identity = self._file.identity()
        if self._connection is None or identity != self._identity:
            self._reconnect(identity)
        connection = self._connection
        assert connection is not None
        try:
            return work(connection)
        except sqlite3.Error as error:
            if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT):
                self.close()
            raise
        finally:
            if self._connection is not None and connection.in_transaction:
                connection.rollback()

    def close(self) -> None:
        """Close the connection; the next `run` makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _reconnect(self, identity: tuple[int, int]) -> None:
        self.close()
        connection = self._file.connect(timeout_s=self._timeout_s, read_only=self._read_only)
        try:
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._identity = connection, identity


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


def _is_marked(connection: sqlite3.Connection) -> bool:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    return bool(application == APPLICATION_ID)


def _sync_directory(directory: Path) -> None:
    """Make the file's name durable, as the file is."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
