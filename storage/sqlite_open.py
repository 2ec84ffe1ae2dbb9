"""Opening SQLite files of ours, and what its failures mean.

The log writer's process imports this: nothing here imports more than `sqlite3` does, so that it stays small.
"""

import errno
import os
import sqlite3
from collections.abc import Callable

from storage.errors import StoreUnavailable

APPLICATION_ID = 0x4B524547
"""Marks a file as ours, in its header."""

PROBE = "UPDATE probe SET probes = probes + 1"
"""A write that means nothing, possible in every file of ours: committing it proves that the file can be written."""

_CACHE_KIB = 8_192
_JOURNAL_BYTES = 64 * 2**20
_URI_ESCAPES = str.maketrans({"%": "%25", "?": "%3f", "#": "%23"})

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
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


def explanation(path: str, error: sqlite3.Error | OSError) -> str:
    """What an error of SQLite or the operating system means for the file, with the remedy."""
    if isinstance(error, FileNotFoundError):
        return f"{path}: it is gone: put it back, or restart the program"
    code = sqlite3.SQLITE_FULL if isinstance(error, OSError) and error.errno in _NO_ROOM else primary_code(error)
    return f"{path}: {_REMEDIES.get(code or 0, str(error))}"


def open_connection(
    path: str, layout: int, *, timeout_s: float, read_only: bool = False, cache_kib: int = _CACHE_KIB
) -> sqlite3.Connection:
    """A connection in autocommit mode to an existing file.

    Raises: sqlite3.Error; StoreUnavailable for a file of another program or of a newer layout.
    """
    connection = sqlite3.connect(
        f"file:{os.path.abspath(path).translate(_URI_ESCAPES)}?mode=rw",
        uri=True,
        timeout=timeout_s,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    try:
        _check_header(connection, path, layout)
        for pragma in (
            "synchronous = FULL",
            "foreign_keys = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            # A sort must not depend on a writable directory for temporary files.
            "temp_store = MEMORY",
            f"cache_size = -{cache_kib}",
            f"journal_size_limit = {_JOURNAL_BYTES}",
            f"query_only = {'ON' if read_only else 'OFF'}",
        ):
            connection.execute(f"PRAGMA {pragma}")
    except BaseException:
        connection.close()
        raise
    return connection


class Connector:
    """The connection to the file at a path, for one thread at a time.

    It is made when first needed, made anew after an error and when the file was replaced (a restored backup), and
    never used on a file that was moved away: SQLite would go on writing to a file that no path leads to any more.
    """

    def __init__(self, path: str, connect: Callable[[], sqlite3.Connection]) -> None:
        self._path = path
        self._connect = connect
        self._connection: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None

    def connection(self) -> sqlite3.Connection:
        """The connection to the file that is there now. Raises: sqlite3.Error, OSError, StoreUnavailable."""
        status = os.stat(self._path)
        found = status.st_dev, status.st_ino
        if self._connection is None or found != self._identity:
            self.close()
            self._connection, self._identity = self._connect(), found
        return self._connection

    def failed(self, error: sqlite3.Error) -> None:
        """Let go of a connection after an error that may be its own."""
        if primary_code(error) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_INTERRUPT):
            self.close()

    def settle(self) -> None:
        """Take back a transaction that was left open."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.rollback()

    def close(self) -> None:
        """Close the connection; the next use makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _check_header(connection: sqlite3.Connection, path: str, known: int) -> None:
    # In one transaction: another process may be making the file at this moment.
    connection.execute("BEGIN")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (layout,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    connection.execute("COMMIT")
    if application != APPLICATION_ID and (application or layout or tables):
        raise StoreUnavailable(f"{path}: the file belongs to another program: choose another path")
    if layout > known:
        raise StoreUnavailable(
            f"{path}: a newer version of this program wrote it (layout {layout}, "
            f"known here: {known}): upgrade the program, or restore a backup made before the upgrade"
        )
