"""The process that writes a log file: `storage.writer_process` starts it and sends it batches of rows.

It is a process and not a thread because every call of a thread into the operating system takes the interpreter from
the event loop and gives it back: that costs each request more than the write itself. It imports `sqlite3` and little
else, so that it stays small.

Theory of operation. Descriptor 0 is a socket to the process that serves. Each message has a head of the length of what
follows. A batch goes to the journal (`storage.log_journal`) and is answered: with nothing when it is durable, else with
the failure. One answer of nothing, before the first batch, tells that the process is there. Rows go from the journal
into the tables when nothing has arrived for a while, when the journal is full, and when that is asked for.

It ends when the other side is gone, after the batch it has received whole: nobody else could end it in time, so it
leaves the signals that end a program to the one that started it.

The write-ahead log of the tables is moved into the file when nothing has arrived for a while; under constant load
SQLite does so within a commit, when the log has reached a size: rarely, because the requests of that moment wait for
it.
"""

import gc
import json
import os
import select
import signal
import sqlite3
import struct
import sys

from storage.errors import StoreUnavailable
from storage.log_journal import Journal, claim_journal, open_journal, still_claims
from storage.log_rows import insert, next_number
from storage.sqlite_open import PROBE, Connector, explanation, open_connection

Failure = tuple[str, str]
"""Why nothing of a batch is in the file, and the error behind that."""

BATCH_HEAD = struct.Struct("<II?")
"""Length of the rendered rows in bytes, how many they are, and whether the journal is to be moved first."""
ANSWER_HEAD = struct.Struct("<I")
"""Length of the failure in bytes."""

_READ_BYTES = 2**16
_CACHE_KIB = 2_048
_LARGEST_WAL_PAGES = 8_000
_IDLE_MS = 200
_WORTH_MOVING_ROWS = 1_000


class LogWriter:
    """Makes batches durable in the journal of one file, which is there already, and moves them into it."""

    def __init__(self, path: str, layout: int, *, timeout_s: float, claimed: int | None = None) -> None:
        """`claimed` is the descriptor of its journal, when the one that started this process has claimed it."""

        def connect() -> sqlite3.Connection:
            connection = open_connection(path, layout, timeout_s=timeout_s, cache_kib=_CACHE_KIB)
            connection.execute(f"PRAGMA wal_autocheckpoint = {_LARGEST_WAL_PAGES}")
            return connection

        self._path = path
        self._timeout_s = timeout_s
        self._claimed = claimed
        self._connector = Connector(path, connect)
        self._journal: Journal | None = None
        self._next = 0
        self._rows_in_wal = 0

    def commit(self, rows: int, payload: bytes, *, moves: bool = False) -> Failure | None:
        """Make the rows durable; None when they are. With `moves`, only if those before them can go into the tables."""
        try:
            journal = self._writable()
            if moves or not journal.has_room(len(payload)):
                self._move(journal, proves=moves)
            if rows:
                journal.append(self._next, rows, payload)
                self._next += rows
        except (sqlite3.Error, OSError) as error:
            return explanation(self._path, error), str(error)
        except StoreUnavailable as error:
            return str(error), ""
        except Exception as error:
            return f"{self._path}: the write failed for a reason unforeseen", repr(error)
        return None

    def has_work(self) -> bool:
        """Whether there is something to do in an idle moment."""
        return self._rows_in_wal >= _WORTH_MOVING_ROWS or (self._journal is not None and not self._journal.is_empty)

    def tidy(self) -> None:
        """Move the journal into the tables, and their write-ahead log into the file; not now when that fails."""
        try:
            journal = self._writable()
            if not journal.is_empty:
                self._move(journal)
            if self._rows_in_wal >= _WORTH_MOVING_ROWS:
                self._rows_in_wal = 0
                self._connector.connection().execute("PRAGMA wal_checkpoint(PASSIVE)")
        except (sqlite3.Error, OSError, StoreUnavailable):
            self._connector.close()

    def close(self) -> None:
        """Let go of the file."""
        if self._journal is not None:
            self.tidy()
            self._journal.close()
            self._journal = None
        self._connector.close()

    def _writable(self) -> Journal:
        """The journal, when it and the file are where they should be. Raises: as `Connector.connection`."""
        os.stat(self._path)
        journal = self._journal
        if journal is not None and journal.is_in_place():
            return journal
        if journal is not None:  # somebody has taken it away: what it holds is not lost yet
            self._move(journal)
            journal.close()
            self._journal = None
        claimed, self._claimed = self._claimed, None
        if claimed is None or not still_claims(self._path, claimed):
            claimed = claim_journal(self._path, timeout_s=self._timeout_s)
        journal = open_journal(self._path, claimed)
        try:
            held = journal.frames()
            after = held[-1].first + held[-1].rows if held else 0
            self._next = max(self._next, after, next_number(self._connector.connection()))
        except BaseException:
            journal.close()
            raise
        self._journal = journal
        return journal

    def _move(self, journal: Journal, *, proves: bool = False) -> None:
        """All rows of the journal into the tables; with `proves` by a write, also when there is none."""
        if journal.is_empty and not proves:
            return
        connection = self._connector.connection()
        try:
            connection.execute("BEGIN IMMEDIATE")
            self._rows_in_wal += insert(connection, ((frame.first, frame.payload) for frame in journal.frames()))
            if proves:
                connection.execute(PROBE)
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            self._connector.failed(error)
            raise
        finally:
            self._connector.settle()
        journal.clear()


def batch_message(rows: int, payload: bytes, *, moves: bool = False) -> bytes:
    """A batch as it goes over the socket."""
    return BATCH_HEAD.pack(len(payload), rows, moves) + payload


def answer_message(failure: Failure | None) -> bytes:
    """What a batch is answered with."""
    payload = b"" if failure is None else json.dumps(failure).encode()
    return ANSWER_HEAD.pack(len(payload)) + payload


def serve(writer: LogWriter, descriptor: int) -> None:
    """Commit what arrives until the other side is gone."""
    arrival = select.poll()
    arrival.register(descriptor, select.POLLIN)
    failure: Failure | None = None
    writer.tidy()  # what a writer before this one has left
    while _send(descriptor, answer_message(failure)):
        if writer.has_work() and not arrival.poll(_IDLE_MS):
            writer.tidy()
        received = _receive(descriptor)
        if received is None:
            return
        _, rows, moves = BATCH_HEAD.unpack_from(received)
        failure = writer.commit(rows, received[BATCH_HEAD.size :], moves=moves)


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
    size = BATCH_HEAD.size
    has_head = False
    while len(received) < size:
        try:
            part = os.read(descriptor, max(_READ_BYTES, size - len(received)))
        except OSError:
            return None
        if not part:
            return None
        received += part
        if not has_head and len(received) >= BATCH_HEAD.size:
            has_head = True
            size += BATCH_HEAD.unpack_from(received)[0]
    return received


def main() -> None:
    """Serve what the command line names: file, layout, seconds to wait for a lock, descriptor of its journal."""
    path, layout, timeout_s, claimed = sys.argv[1:]
    # A batch is thousands of values and not one cycle: there is nothing to collect.
    gc.disable()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    writer = LogWriter(path, int(layout), timeout_s=float(timeout_s), claimed=int(claimed))
    try:
        serve(writer, 0)
    finally:
        writer.close()
