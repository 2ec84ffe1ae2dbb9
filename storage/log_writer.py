"""The process that writes a log file: `storage.writer_process` starts it and sends it batches of rows.

It is a process and not a thread because every call of a thread into the operating system takes the interpreter from
the event loop and gives it back: that costs each request more than the write itself. It imports `sqlite3` and little
else, so that it stays small.

Theory of operation. Descriptor 0 is a socket to the process that serves. A message is four bytes of length and that
many of `marshal`. A batch is committed as one transaction, and answered: with nothing when it is durable, else with
the failure. One answer of nothing, before the first batch, tells that the process is there.

It ends when the other side is gone, after the batch it has received whole: nobody else could end it in time, so it
leaves the signals that end a program to the one that started it.

The write-ahead log is moved into the file when nothing has arrived for a while; under constant load SQLite does so
within a commit, when the log has reached a size: rarely, because the requests of that moment wait for it. From then on
SQLite writes over what it has written. Until then, the file of the write-ahead log is grown ahead of it: to synchronise
a file that has become longer costs the disk several writes more, because it must keep the new length too.
"""

import gc
import marshal
import os
import select
import signal
import sqlite3
import sys

from storage.errors import StoreUnavailable
from storage.sqlite_open import Connector, explanation, open_connection

Values = tuple[str | int | None, ...]
Row = tuple[Values, Values]
"""Values that many rows share, then those of its own: what is shared goes over the socket once in a batch."""
Batch = dict[str, list[Row]]
"""Statements and their rows."""
Failure = tuple[str, str]
"""Why nothing of a batch is in the file, and the error behind that."""

LENGTH_BYTES = 4

_READ_BYTES = 2**16
_CACHE_KIB = 2_048
_LARGEST_JOURNAL_PAGES = 8_000
_IDLE_MS = 200
_WORTH_MOVING_ROWS = 1_000
_MOST_GROWTH_BYTES = 2**20


class LogWriter:
    """Commits batches to one file, which is there already."""

    def __init__(self, path: str, layout: int, *, timeout_s: float) -> None:
        def connect() -> sqlite3.Connection:
            connection = open_connection(path, layout, timeout_s=timeout_s, cache_kib=_CACHE_KIB)
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LARGEST_JOURNAL_PAGES}")
            return connection

        self._path = path
        self._connector = Connector(path, connect)
        self._rows_to_move = 0
        self._journal = path + "-wal"
        self._journal_bytes = 0

    def commit(self, batch: Batch) -> Failure | None:
        """Commit the batch; None when it is durable."""
        try:
            connection = self._connector.connection()
            try:
                connection.execute("BEGIN IMMEDIATE")
                for statement, rows in batch.items():
                    connection.executemany(statement, [shared + own for shared, own in rows])
                    self._rows_to_move += len(rows)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                self._connector.failed(error)
                raise
            finally:
                self._connector.settle()
        except (sqlite3.Error, OSError) as error:
            return explanation(self._path, error), str(error)
        except StoreUnavailable as error:
            return str(error), ""
        except Exception as error:
            return f"{self._path}: the write failed for a reason unforeseen", repr(error)
        return None

    def is_worth_moving(self) -> bool:
        """Whether so much was written that an idle moment should be used."""
        return self._rows_to_move >= _WORTH_MOVING_ROWS

    def move(self) -> None:
        """Move the write-ahead log into the file; not now when that fails."""
        self._rows_to_move = 0
        try:
            self._connector.connection().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, OSError, StoreUnavailable):
            self._connector.close()

    def grow(self) -> None:
        """Make the write-ahead log longer when it has become longer: with zeros, which SQLite takes for its end."""
        try:
            if os.stat(self._journal).st_size > self._journal_bytes:
                self._grow_alone(self._connector.connection())
        except (sqlite3.Error, OSError, StoreUnavailable):
            # No room for it now is no room for a commit later, which tells.
            return
        finally:
            self._connector.settle()

    def _grow_alone(self, connection: sqlite3.Connection) -> None:
        # Whoever deletes old entries writes too: behind the end that we see, unless we hold the lock.
        connection.execute("BEGIN IMMEDIATE")
        descriptor = os.open(self._journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            # As much again, so that the log of a few records stays small.
            self._journal_bytes = size + min(size, _MOST_GROWTH_BYTES)
            os.write(descriptor, bytes(self._journal_bytes - size))
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Let go of the file."""
        self._connector.close()


def message(content: Batch | Failure | None) -> bytes:
    """What goes over the socket for `content`; None is nothing."""
    payload = b"" if content is None else marshal.dumps(content)
    return len(payload).to_bytes(LENGTH_BYTES, "little") + payload


def message_size(start: bytes) -> int:
    """How many bytes the message has that starts so, its length among them."""
    return LENGTH_BYTES + int.from_bytes(start[:LENGTH_BYTES], "little")


def serve(writer: LogWriter, descriptor: int) -> None:
    """Commit what arrives until the other side is gone."""
    arrival = select.poll()
    arrival.register(descriptor, select.POLLIN)
    answer: Failure | None = None
    while _send(descriptor, message(answer)):
        writer.grow()
        if writer.is_worth_moving() and not arrival.poll(_IDLE_MS):
            writer.move()
        payload = _receive(descriptor)
        if payload is None:
            return
        answer = writer.commit(marshal.loads(payload))  # noqa: S302 - the process that started this one sent it


def _send(descriptor: int, data: bytes) -> bool:
    """Send all of it; False when nobody is there to hear it."""
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:
        return False
    return True


def _receive(descriptor: int) -> bytes | None:
    """One message; None when the other side is gone, also in the middle of one: nobody was told it is durable."""
    received = b""
    size: int | None = None
    while size is None or len(received) < size:
        try:
            part = os.read(descriptor, max(_READ_BYTES, 0 if size is None else size - len(received)))
        except OSError:
            return None
        if not part:
            return None
        received += part
        if size is None and len(received) >= LENGTH_BYTES:
            size = message_size(received)
    return received[LENGTH_BYTES:]


def main() -> None:
    """Serve what the command line names: file, layout and how long to wait for a lock, in seconds."""
    path, layout, timeout_s = sys.argv[1:]
    # A batch is thousands of tuples and not one cycle: there is nothing to collect.
    gc.disable()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    writer = LogWriter(path, int(layout), timeout_s=float(timeout_s))
    try:
        serve(writer, 0)
    finally:
        writer.close()
