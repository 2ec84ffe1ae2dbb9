"""Natural group commit of log rows through the log writer's process: no thread, no task, no timer.

Theory of operation. One batch is at the writer at a time. Whatever is added meanwhile is the next one, sent the moment
the answer arrives; when the writer is idle, what is added in one turn of the event loop goes together.

Nothing is believed durable that the writer did not answer. When it dies, all that waits fails, further rows are
refused, and a new one is started: at once, then after ever longer pauses. There are never two: the new one is started
when the old one is gone. Rows of the batch that was at the writer may have been committed all the same.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

from storage.errors import StoreUnavailable
from storage.group_commit import QueueLimits
from storage.log import Done
from storage.log_rows import Batch, Group, Values, render_batch
from storage.log_writer import batch_message
from storage.writer_process import WriterProcess

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0

_log = logging.getLogger(__name__)


class LogCommits:
    """Commits rows to one file. Belongs to the event loop that made it."""

    def __init__(self, start: Callable[[], WriterProcess], limits: QueueLimits) -> None:
        """`start` starts a writer; it blocks, so it is called on a thread. Raises: OSError."""
        self._start = start
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._rows: Batch = {}
        self._moves = False
        self._waiting: list[Done] = []
        self._size = 0
        self._committing: list[Done] = []
        self._committing_size = 0
        self._writer: WriterProcess | None = None
        # A writer that starts is committing the empty batch, until it says that it is there.
        self._is_busy = True
        self._is_there = False
        self._idle = asyncio.Event()
        self._refusal = ""
        self._pause_s = 0.0
        self._starting: asyncio.Future[WriterProcess | None] | None = None
        self._closing = threading.Event()
        self._closed = asyncio.Event()

    async def open(self) -> None:
        """Start the first writer; what is added from here on waits for it. Raises: OSError."""
        self._serve(await asyncio.to_thread(self._start))

    def add(self, group: Group, rows: Sequence[Values], size: int, done: Done) -> None:
        """Commit the rows, all or none, and tell `done`; at once when they are refused."""
        if self._is_accepted(size, done):
            self._rows.setdefault(group, []).extend(rows)
            self._await_commit(size, done)

    def move(self, done: Done) -> None:
        """Have all that is in the journal moved into the tables, by a write that proves that it can be."""
        if self._is_accepted(0, done):
            self._moves = True
            self._await_commit(0, done)

    def _is_accepted(self, size: int, done: Done) -> bool:
        jobs = len(self._waiting) + len(self._committing)
        if self._refusal:
            done(StoreUnavailable(self._refusal))
        elif jobs >= self._limits.jobs or (jobs and self._size + self._committing_size + size > self._limits.size):
            done(StoreUnavailable(f"{jobs} writes wait already: the disk does not keep up, try again later"))
        else:
            return True
        return False

    def _await_commit(self, size: int, done: Done) -> None:
        self._waiting.append(done)
        self._size += size
        if not self._is_busy:
            self._mark_busy(True)
            self._loop.call_soon(self._send)

    async def close(self) -> None:
        """Refuse new rows, commit those accepted, end the writer."""
        if self._closing.is_set():
            await self._closed.wait()
            return
        self._refusal = "the store is closed"
        self._closing.set()
        if self._starting is not None:
            await asyncio.wait([self._starting])
        if self._writer is not None:
            await self._idle.wait()
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.hang_up()
            await asyncio.to_thread(writer.wait)
            writer.close()
        self._closed.set()

    def _serve(self, writer: WriterProcess) -> None:
        self._writer = writer
        self._is_there = False
        self._mark_busy(True)
        writer.listen(self._answered, self._ended)

    def _mark_busy(self, is_busy: bool) -> None:
        self._is_busy = is_busy
        if is_busy:
            self._idle.clear()
        else:
            self._idle.set()

    def _send(self) -> None:
        if self._writer is None or not self._waiting:
            self._mark_busy(False)
            return
        batch, self._rows = self._rows, {}
        moves, self._moves = self._moves, False
        self._committing, self._waiting = self._waiting, []
        self._committing_size, self._size = self._size, 0
        rows = sum(map(len, batch.values()))
        self._writer.send(batch_message(rows, render_batch(batch), moves=moves))

    def _answered(self, error: StoreUnavailable | None) -> None:
        committed, self._committing = self._committing, []
        self._committing_size = 0
        if not self._is_there:
            self._is_there = True
            self._refusal = self._refusal if self._closing.is_set() else ""
        elif error is None:
            self._pause_s = 0.0
        # The next batch first: the writer works on it while the callers of this one go on.
        self._send()
        _tell(committed, error)

    def _ended(self) -> None:
        """The writer has died, or has finished because we hung up."""
        writer, self._writer = self._writer, None
        lost = [*self._committing, *self._waiting]
        self._committing, self._waiting, self._rows, self._moves = [], [], {}, False
        self._committing_size = self._size = 0
        self._mark_busy(False)
        if writer is None:
            return
        reason = "the log's writer has ended unexpectedly: it is being started again, try again later"
        _log.error("log_writer_ended", extra={"pid": writer.pid, "lost": len(lost)})
        if not self._closing.is_set():
            self._refusal = reason
        self._start_again(writer)
        _tell(lost, StoreUnavailable(reason))

    def _start_again(self, gone: WriterProcess | None) -> None:
        pause_s, self._pause_s = self._pause_s, min(max(2 * self._pause_s, _FIRST_PAUSE_S), _LONGEST_PAUSE_S)
        self._starting = self._loop.run_in_executor(None, self._started_after, gone, pause_s)
        self._starting.add_done_callback(self._started)

    def _started_after(self, gone: WriterProcess | None, pause_s: float) -> WriterProcess | None:
        """On a thread: a new writer, once the old one is gone and the pause is over; None when that is in vain."""
        if gone is not None:
            gone.kill()
        return None if self._closing.wait(pause_s) else self._start()

    def _started(self, starting: "asyncio.Future[WriterProcess | None]") -> None:
        self._starting = None
        if starting.cancelled():
            return
        error = starting.exception()
        if error is not None:
            _log.error("log_writer_not_started", exc_info=error)
            self._start_again(None)
            return
        writer = starting.result()
        if writer is not None:
            self._serve(writer)


def _tell(waiting: Sequence[Done], error: StoreUnavailable | None) -> None:
    for done in waiting:
        try:
            done(None if error is None else _copy(error))
        except Exception:
            # A fault of one must not keep the outcome from the others.
            _log.exception("log_caller_failed")


def _copy(error: StoreUnavailable) -> StoreUnavailable:
    """An error of its own for each caller: a raised exception collects the traceback of whoever raised it."""
    copy = StoreUnavailable(str(error))
    copy.__cause__ = error.__cause__
    return copy
