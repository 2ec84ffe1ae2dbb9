"""Reading a SQLite file from an event loop: on the loop when that is quick, else on a thread.

A lookup by index takes a few microseconds, a hop to a thread and back many times that. So each read starts on the
loop, where it never waits for a lock and may take no more than a fixed number of steps of SQLite's machine; one that
needs more is stopped and done again on a thread. See docs/adr/0003-embedded-store.md.
"""

import asyncio
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from storage.sqlite_connection import Link, LinkPool, SqliteFile, unavailable
from storage.sqlite_open import primary_code

STEPS_ON_LOOP = 10_000
"""Less than a millisecond."""

_CHECK_EVERY = 1_000

T = TypeVar("T")


class Readers:
    """Runs reads; a read is a function of a connection that can be done twice."""

    def __init__(self, file: SqliteFile, prepare: Callable[[sqlite3.Connection], None], *, threads: int) -> None:
        """`prepare` is called with each new connection."""
        self._path = file.path
        self._prepare = prepare
        self._steps = 0
        self._connections = 0
        self._on_loop = Link(file, self._prepare_on_loop, timeout_s=0, read_only=True)
        self._pool = LinkPool(lambda: Link(file, prepare, read_only=True))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="sqlite-read")

    async def run(self, read: Callable[[sqlite3.Connection], T]) -> T:
        """What the read returns. Raises: StoreUnavailable."""
        self._steps = 0
        try:
            return self._on_loop.run(read)
        except (sqlite3.Error, OSError) as error:
            if primary_code(error) not in (sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_BUSY):
                raise unavailable(self._path, error) from error
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._pool.run, read)
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._path, error) from error

    def version(self) -> str:
        """Text that differs once anybody wrote to the file, or the file is another one. Raises: StoreUnavailable."""
        try:
            number = self._on_loop.run(lambda connection: connection.execute("PRAGMA data_version").fetchone()[0])
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._path, error) from error
        # The number means something to the connection that gave it, and nothing to the next.
        return f"{self._connections}.{number}"

    def close(self) -> None:
        """Wait for the reads that run, then let go; blocks."""
        self._threads.shutdown()
        self._pool.close()
        self._on_loop.close()

    def _prepare_on_loop(self, connection: sqlite3.Connection) -> None:
        self._connections += 1
        self._prepare(connection)
        connection.set_progress_handler(self._used_up, _CHECK_EVERY)

    def _used_up(self) -> bool:
        self._steps += _CHECK_EVERY
        return self._steps > STEPS_ON_LOOP
