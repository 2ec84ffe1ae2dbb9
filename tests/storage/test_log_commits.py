"""Natural group commit through a process, and what becomes of it when the process dies."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.group_commit import QueueLimits
from storage.log_commits import LogCommits
from storage.log_journal import claim_journal
from storage.log_rows import Group
from storage.sqlite_connection import SqliteFile
from storage.writer_process import WriterProcess

PLACES = Group("INSERT INTO places VALUES (?, ?) ON CONFLICT (sequence) DO NOTHING", ())
ROW = (("x",),)


class Writers:
    """Starts writers, or fails to; remembers them."""

    def __init__(self, path: Path) -> None:
        self._file = SqliteFile(path, 1)
        self._file.create()
        connection = self._file.connect(timeout_s=1)
        connection.execute("CREATE TABLE places (sequence INTEGER PRIMARY KEY, name TEXT)")
        connection.close()
        self.claimed = claim_journal(str(path), timeout_s=0)
        self.started: list[WriterProcess] = []
        self.failures = 0

    def start(self) -> WriterProcess:
        if self.failures:
            self.failures -= 1
            raise OSError("no more processes")
        self.started.append(WriterProcess(self._file, self.claimed, busy_timeout_s=1))
        return self.started[-1]

    def rows(self) -> int:
        connection = self._file.connect(timeout_s=1)
        (number,) = connection.execute("SELECT count(*) FROM places").fetchone()
        connection.close()
        return int(number)


@pytest.fixture
def writers(tmp_path: Path) -> Iterator[Writers]:
    writers = Writers(tmp_path / "x.db")
    yield writers
    os.close(writers.claimed)


@pytest.fixture
async def commits(writers: Writers) -> AsyncIterator[LogCommits]:
    commits = LogCommits(writers.start, QueueLimits(jobs=5, size=100))
    await commits.open()
    yield commits
    await commits.close()


def is_there(writer: WriterProcess) -> bool:
    return Path(f"/proc/{writer.pid}").exists()


async def committed(commits: LogCommits, size: int = 1) -> StoreUnavailable | None:
    outcome: asyncio.Future[StoreUnavailable | None] = asyncio.get_running_loop().create_future()
    commits.add(PLACES, ROW, size, outcome.set_result)
    return await outcome


async def moved(commits: LogCommits) -> StoreUnavailable | None:
    outcome: asyncio.Future[StoreUnavailable | None] = asyncio.get_running_loop().create_future()
    commits.move(outcome.set_result)
    return await outcome


async def served_again(commits: LogCommits) -> None:
    for _ in range(600):
        if await committed(commits) is None:
            return
        await asyncio.sleep(0.05)
    pytest.fail("no writer came back")


async def test_what_is_added_while_it_starts_waits_for_it(commits: LogCommits, writers: Writers) -> None:
    assert await asyncio.gather(*(committed(commits) for _ in range(4)), moved(commits)) == [None] * 5
    assert await moved(commits) is None
    assert writers.rows() == 4


async def test_too_much_is_refused_at_once(commits: LogCommits) -> None:
    assert await committed(commits) is None
    told: list[StoreUnavailable | None] = []
    for _ in range(6):
        commits.add(PLACES, ROW, 1, told.append)
    assert [str(one) for one in told] == ["5 writes wait already: the disk does not keep up, try again later"]
    assert await committed(commits) is not None


async def test_what_is_too_large_goes_when_it_is_alone(commits: LogCommits) -> None:
    assert await committed(commits, 1_000) is None
    outcomes = await asyncio.gather(committed(commits, 99), committed(commits, 2))
    assert [outcome is None for outcome in outcomes] == [True, False]


async def test_a_writer_that_is_killed_fails_what_waits_and_a_new_one_serves(
    commits: LogCommits, writers: Writers
) -> None:
    assert await committed(commits) is None
    for times in range(1, 4):
        os.kill(writers.started[-1].pid, signal.SIGSTOP)
        waiting = asyncio.gather(*(committed(commits) for _ in range(3)))
        await asyncio.sleep(0)
        os.kill(writers.started[-1].pid, signal.SIGKILL)
        assert all("ended unexpectedly" in str(error) for error in await waiting)
        # Until the new one is there, nothing is accepted.
        assert "ended unexpectedly" in str(await committed(commits))
        await served_again(commits)
        assert len(writers.started) == times + 1
    assert not any(is_there(writer) for writer in writers.started[:-1])


async def test_it_tries_until_a_writer_can_be_started(commits: LogCommits, writers: Writers) -> None:
    assert await committed(commits) is None
    writers.failures = 2
    os.kill(writers.started[0].pid, signal.SIGKILL)
    while await committed(commits) is None:
        pass
    await served_again(commits)
    assert writers.failures == 0


async def test_a_caller_that_fails_disturbs_no_other(commits: LogCommits, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_error: StoreUnavailable | None) -> None:
        raise RuntimeError("meant to fail")

    commits.add(PLACES, ROW, 1, fail)
    assert await committed(commits) is None
    assert [record.message for record in caplog.records] == ["log_caller_failed"]


async def test_close_commits_what_was_accepted_and_refuses_the_rest(commits: LogCommits, writers: Writers) -> None:
    waiting = asyncio.gather(*(committed(commits) for _ in range(5)))
    await asyncio.sleep(0)
    closing = asyncio.gather(commits.close(), commits.close())
    await asyncio.sleep(0)
    assert "closed" in str(await committed(commits))
    assert await waiting == [None] * 5
    await closing
    assert writers.rows() == 5
    assert not is_there(writers.started[0])


async def test_close_while_a_writer_is_started_again(commits: LogCommits, writers: Writers) -> None:
    assert await committed(commits) is None
    writers.failures = 100
    os.kill(writers.started[0].pid, signal.SIGKILL)
    while await committed(commits) is None:
        pass
    await commits.close()
    assert not is_there(writers.started[0])
