import asyncio
import logging
import threading
from collections.abc import Sequence

import pytest

from storage.errors import Conflict, StoreError, StoreUnavailable
from storage.group_commit import GroupCommit, QueueLimits


class Disk:
    """Doubles numbers; slow until released, and failing while told to."""

    def __init__(self, *, released: bool = True) -> None:
        self.batches: list[list[int]] = []
        self.threads: set[str] = set()
        self.started = threading.Event()
        self.released = threading.Event()
        self.failure: Exception | None = None
        if released:
            self.released.set()

    def commit(self, jobs: Sequence[int]) -> Sequence[int | StoreError]:
        self.threads.add(threading.current_thread().name)
        self.batches.append(list(jobs))
        self.started.set()
        assert self.released.wait(10)
        if self.failure is not None:
            raise self.failure
        return [Conflict("numbers", str(job)) if job < 0 else 2 * job for job in jobs]


def on(disk: Disk, limits: QueueLimits | None = None) -> GroupCommit[int, int]:
    return GroupCommit("test-commit", disk.commit, limits or QueueLimits())


async def started(disk: Disk) -> None:
    assert await asyncio.to_thread(disk.started.wait, 10)


async def test_a_lone_job_is_committed_at_once_on_the_thread() -> None:
    disk = Disk()
    group = on(disk)
    assert await group.submit(21, 1) == 42
    assert (disk.batches, disk.threads) == ([[21]], {"test-commit"})
    await group.close()


async def test_what_arrives_during_a_commit_is_the_next_batch_in_order() -> None:
    disk = Disk(released=False)
    group = on(disk)
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(group.submit(0, 1))
        await started(disk)
        others = [tasks.create_task(group.submit(number, 1)) for number in range(1, 50)]
        await asyncio.sleep(0)
        assert not first.done()
        disk.released.set()
    assert disk.batches == [[0], list(range(1, 50))]
    assert [one.result() for one in others] == [2 * number for number in range(1, 50)]
    await group.close()


async def test_an_error_of_one_job_is_its_own() -> None:
    group = on(Disk())
    outcomes = await asyncio.gather(*(group.submit(job, 1) for job in (1, -2, 3)), return_exceptions=True)
    assert (outcomes[0], outcomes[2]) == (2, 6)
    assert isinstance(outcomes[1], Conflict)
    await group.close()


async def test_an_error_of_the_commit_is_everyones_and_the_thread_goes_on() -> None:
    disk = Disk()
    disk.failure = StoreUnavailable("full")
    disk.failure.__cause__ = OSError("ENOSPC")
    group = on(disk)
    outcomes = await asyncio.gather(*(group.submit(job, 1) for job in (1, 2)), return_exceptions=True)
    for outcome in outcomes:
        assert isinstance(outcome, StoreUnavailable)
        assert str(outcome) == "full"
        assert isinstance(outcome.__cause__, OSError)
    assert outcomes[0] is not outcomes[1]
    disk.failure = None
    assert await group.submit(3, 1) == 6
    await group.close()


async def test_an_unforeseen_error_is_logged_and_does_not_stop_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk()
    disk.failure = ZeroDivisionError("bug")
    group = on(disk)
    with caplog.at_level(logging.ERROR), pytest.raises(StoreUnavailable, match="unforeseen") as caught:
        await group.submit(1, 1)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert [record.message for record in caplog.records] == ["group_commit_failed"]
    disk.failure = None
    assert await group.submit(3, 1) == 6
    await group.close()


@pytest.mark.parametrize("limits", [QueueLimits(jobs=3), QueueLimits(size=30)], ids=["jobs", "size"])
async def test_beyond_the_limits_jobs_are_refused_at_once(limits: QueueLimits) -> None:
    disk = Disk(released=False)
    group = on(disk, limits)
    async with asyncio.TaskGroup() as tasks:
        accepted = [tasks.create_task(group.submit(number, 10)) for number in range(3)]
        await started(disk)
        with pytest.raises(StoreUnavailable, match="3 writes wait already"):
            await group.submit(9, 10)
        disk.released.set()
    assert [one.result() for one in accepted] == [0, 2, 4]
    assert await group.submit(9, 10) == 18
    await group.close()


async def test_one_job_larger_than_the_limit_goes_when_it_is_alone() -> None:
    group = on(Disk(), QueueLimits(size=30))
    assert await group.submit(1, 1_000) == 2
    await group.close()


async def test_a_cancelled_caller_disturbs_no_other() -> None:
    disk = Disk(released=False)
    group = on(disk, QueueLimits(jobs=3))
    async with asyncio.TaskGroup() as tasks:
        first, second, third = (tasks.create_task(group.submit(number, 1)) for number in range(3))
        await started(disk)
        first.cancel()
        second.cancel()
        await asyncio.sleep(0)
        disk.released.set()
    assert (first.cancelled(), second.cancelled(), third.result()) == (True, True, 4)
    # Their places were given back.
    assert await asyncio.gather(*(group.submit(number, 1) for number in range(3))) == [0, 2, 4]
    await group.close()


async def test_close_commits_what_was_accepted_and_refuses_the_rest() -> None:
    disk = Disk(released=False)
    group = on(disk)
    async with asyncio.TaskGroup() as tasks:
        accepted = [tasks.create_task(group.submit(number, 1)) for number in range(20)]
        await started(disk)
        closing = [tasks.create_task(group.close()) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(StoreUnavailable, match="closed"):
            await group.submit(99, 1)
        disk.released.set()
    assert [one.result() for one in accepted] == [2 * number for number in range(20)]
    assert all(one.done() for one in closing)
    assert not [thread for thread in threading.enumerate() if thread.name == "test-commit"]


def test_a_loop_that_ends_first_is_survived(caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(released=False)

    async def leave() -> None:
        group = on(disk)
        async with asyncio.TaskGroup() as tasks:
            left = tasks.create_task(group.submit(1, 1))
            await started(disk)
            left.cancel()

    asyncio.run(leave())
    with caplog.at_level(logging.WARNING):
        disk.released.set()
        for _ in range(1_000):
            if caplog.records:
                break
            threading.Event().wait(0.005)
    assert [record.message for record in caplog.records] == ["group_commit_unheard"]
