"""Group commit: one thread that commits at once everything that arrived during its last commit.

Theory of operation. Callers on the event loop submit jobs and wait. The thread takes all jobs that wait, hands them
to `commit` (blocking: it ends with an fsync), and lets their callers go on; whatever arrived meanwhile is the next
batch. No timer: a lone job is committed at once, and under load the batches grow by themselves. Counting happens
on the event loop alone and jobs cross over through a queue, so there is no lock to wait for.

A caller that is cancelled while it waits leaves its job in the batch: it may still be committed.
"""

import asyncio
import logging
import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from storage.errors import StoreError, StoreUnavailable

Job = TypeVar("Job")
Outcome = TypeVar("Outcome")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How much may wait for, or be in, a commit before new jobs are refused."""

    jobs: int = 10_000
    size: int = 64 * 2**20


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[Job, Outcome]):
    job: Job
    size: int
    done: asyncio.Future[Outcome]


class GroupCommit(Generic[Job, Outcome]):
    """Commits jobs in batches on a thread of its own. Belongs to the event loop that made it."""

    def __init__(
        self,
        name: str,
        commit: Callable[[Sequence[Job]], Sequence[Outcome | StoreError]],
        limits: QueueLimits,
    ) -> None:
        """Start the thread. `commit` returns an outcome or error for each job, or raises an error that fits all."""
        self._commit = commit
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[_Waiting[Job, Outcome] | None] = queue.SimpleQueue()
        self._jobs = 0
        self._size = 0
        self._closed = False
        self._stopped = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def submit(self, job: Job, size: int) -> Outcome:
        """Return what `commit` made of the job, once its batch is committed.

        Raises: StoreUnavailable when closed or when too much waits already; whatever `commit` decided for the job.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        too_big = self._jobs > 0 and self._size + size > self._limits.size
        if self._jobs >= self._limits.jobs or too_big:
            raise StoreUnavailable(f"{self._jobs} writes wait already: the disk does not keep up, try again later")
        waiting: _Waiting[Job, Outcome] = _Waiting(job, size, self._loop.create_future())
        self._jobs += 1
        self._size += size
        self._queue.put(waiting)
        return await waiting.done

    async def close(self) -> None:
        """Refuse new jobs, commit those accepted, stop the thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(None)
        await self._stopped.wait()
        self._thread.join()

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._next_batch()
            if batch:
                self._on_loop(self._settle, batch, self._commit_safely([waiting.job for waiting in batch]))
        self._on_loop(self._stopped.set)

    def _next_batch(self) -> tuple[list[_Waiting[Job, Outcome]], bool]:
        batch: list[_Waiting[Job, Outcome]] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            try:
                waiting = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _commit_safely(self, jobs: Sequence[Job]) -> Sequence[Outcome | StoreError]:
        try:
            return self._commit(jobs)
        except StoreUnavailable as error:
            return [_copy(error) for _ in jobs]
        except Exception as error:
            _log.exception("group_commit_failed", extra={"writer": self._thread.name})
            failure = StoreUnavailable("the write failed for a reason unforeseen: see the log")
            failure.__cause__ = error
            return [_copy(failure) for _ in jobs]

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *arguments)
        except RuntimeError:
            # The loop was closed before the store: nobody is left to tell.
            _log.warning("group_commit_unheard", extra={"writer": self._thread.name})

    def _settle(self, batch: Sequence[_Waiting[Job, Outcome]], outcomes: Sequence[Outcome | StoreError]) -> None:
        for waiting, outcome in zip(batch, outcomes, strict=True):
            self._jobs -= 1
            self._size -= waiting.size
            if waiting.done.done():
                continue
            if isinstance(outcome, StoreError):
                waiting.done.set_exception(outcome)
            else:
                waiting.done.set_result(outcome)


def _copy(error: StoreUnavailable) -> StoreUnavailable:
    """An error of its own for each caller: a raised exception collects the traceback of whoever raised it."""
    copy = StoreUnavailable(str(error))
    copy.__cause__ = error.__cause__
    return copy
