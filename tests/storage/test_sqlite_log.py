import asyncio
import os
import shutil
import signal
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.group_commit import QueueLimits
from storage.log import KeyIn, Log, LogEntry, LogKind, LogQuery
from storage.log_journal import recent
from storage.sqlite_log import SqliteLog
from storage.sqlite_log_files import log_path
from tests.storage.child import children_of
from tests.storage.children import both_halves, durable_at_kill, durable_on_full_disk, entry_ids

CALLS = LogKind("calls", ("peer",), ("peer",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kr.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteLog]:
    store = SqliteLog(path, 3, busy_timeout_s=0.1, limits=QueueLimits(jobs=5))
    await store.open([CALLS])
    yield store
    await store.close()


@pytest.fixture
def log(store: SqliteLog) -> Log:
    return store.for_tenant("t", CALLS)


def entry(entry_id: str, at_ms: int = 1) -> LogEntry:
    return LogEntry(entry_id, at_ms, {"peer": "p"})


async def ids(log: Log) -> list[str]:
    return [one.id for one in (await log.find(LogQuery())).entries]


async def test_each_worker_has_a_file_beside_the_database(path: Path, store: SqliteLog) -> None:
    assert log_path(path, 3) == path.parent / "kr.log-3.db"
    other = SqliteLog(path, 12)
    await other.open([CALLS])
    files = {name for name in os.listdir(path.parent) if name.endswith(".db")}
    assert files == {"kr.log-3.db", "kr.log-12.db"}
    await other.close()


async def test_two_programs_on_one_storage_have_logs_of_their_own(path: Path, store: SqliteLog, log: Log) -> None:
    other = SqliteLog(path, 3)
    await other.open([CALLS])
    await asyncio.gather(log.append([entry("a", 1)]), other.for_tenant("t", CALLS).append([entry("b", 2)]))
    assert await ids(log) == await ids(other.for_tenant("t", CALLS)) == ["b", "a"]
    assert log_path(path, 4).exists()
    await other.close()
    await other.open([CALLS])
    await other.for_tenant("t", CALLS).append([entry("c", 3)])
    await other.close()
    assert await ids(log) == ["c", "b", "a"]
    assert not log_path(path, 5).exists()


async def test_a_log_that_is_not_written_has_no_file_and_refuses(path: Path, log: Log) -> None:
    await log.append([entry("a"), entry("b", 2)])
    reading = SqliteLog(path, 12, is_written=False)
    await reading.open([CALLS])
    await reading.ping()
    read = reading.for_tenant("t", CALLS)
    assert await ids(read) == ["b", "a"]
    with pytest.raises(StoreUnavailable, match="opened for reading"):
        await read.append([entry("c")])
    told: list[StoreUnavailable | None] = []
    read.writer({}, {}, varying="peer")(1, "p", told.append)
    assert [str(one) for one in told] == ["the log was opened for reading: nothing is written to it"]
    assert await read.delete_before(2) == 1
    assert await ids(log) == ["b"]
    assert not log_path(path, 12).exists()
    await reading.close()


async def test_files_that_only_look_alike_are_left_alone(path: Path, log: Log) -> None:
    for name in ("kr.log-x.db", "kr.log-3.db.bak", "other.log-1.db", "kr.log-.db", "krXlog-1.db"):
        (path.parent / name).write_text("not a log")
    await log.append([entry("a")])
    assert await ids(log) == ["a"]


async def test_entries_of_workers_that_no_longer_run_are_found_and_deleted(path: Path, log: Log) -> None:
    for worker in (0, 7):
        gone = SqliteLog(path, worker)
        await gone.open([CALLS])
        await gone.for_tenant("t", CALLS).append([entry(f"w{worker}-{number}", number) for number in range(3)])
        await gone.close()
    await log.append([entry("own", 1)])
    assert await ids(log) == ["w7-2", "w0-2", "w7-1", "own", "w0-1", "w7-0", "w0-0"]
    assert await log.delete_before(2) == 5
    assert await ids(log) == ["w7-2", "w0-2"]


async def test_everything_it_was_told_durable_survives_a_kill(path: Path) -> None:
    durable = durable_at_kill(path, "entry")
    found = await entry_ids(path)
    assert both_halves(durable) <= set(found)
    assert len(found) % 2 == 0


async def test_everything_it_was_told_durable_survives_the_death_of_its_writer(path: Path) -> None:
    store, before = SqliteLog(path, 0), children_of(os.getpid())
    await store.open([CALLS])
    log, durable, refused, deaths = store.for_tenant("t", CALLS), set[str](), 0, 0
    while deaths < 5:
        keys = [f"{deaths}-{len(durable)}-{refused}-{number}" for number in range(8)]
        appends = [asyncio.ensure_future(log.append([entry(key)])) for key in keys]
        if len(durable) > 50 * deaths + 30:
            await asyncio.sleep(0)
            for pid in set(children_of(os.getpid())) - set(before):
                os.kill(pid, signal.SIGKILL)
            deaths += 1
        for key, outcome in zip(keys, await asyncio.gather(*appends, return_exceptions=True), strict=True):
            assert outcome is None or isinstance(outcome, StoreUnavailable)
            refused += outcome is not None
            durable |= {key} if outcome is None else set()
    await store.close()
    assert refused
    await store.open([CALLS])
    page = await store.for_tenant("t", CALLS).find(LogQuery(limit=10_000))
    await store.close()
    assert durable <= {one.id for one in page.entries}


async def test_a_full_disk_refuses_whole_appends_and_ends(path: Path) -> None:
    durable = durable_on_full_disk(path, "entry")
    assert set(await entry_ids(path)) == both_halves(durable)


async def test_a_lock_held_by_another_process_is_unavailable_until_it_ends(
    path: Path, store: SqliteLog, log: Log
) -> None:
    await log.append([entry("a")])
    with closing(sqlite3.connect(log_path(path, 3), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        await log.append([entry("b", 2)])
        for use in (store.ping(), log.delete_before(5)):
            with pytest.raises(StoreUnavailable, match="locked"):
                await use
        assert await ids(log) == ["b", "a"]
    await log.append([entry("c", 3)])
    assert await ids(log) == ["c", "b", "a"]
    await store.ping()


async def test_too_many_waiting_appends_are_refused_at_once(log: Log) -> None:
    outcomes = await asyncio.gather(*(log.append([entry(str(n))]) for n in range(8)), return_exceptions=True)
    assert ["wait already" in str(outcome) for outcome in outcomes] == [False] * 5 + [True] * 3
    assert sorted(await ids(log)) == list("01234")


async def test_appends_of_one_moment_share_a_commit(path: Path, log: Log) -> None:
    await asyncio.gather(*(log.append([entry(str(number), number)]) for number in range(5)))
    assert await ids(log) == list("43210")
    assert [frame.rows for frame in recent(str(log_path(path, 3)))] == [5]


async def test_a_deleted_directory_is_unavailable(path: Path, store: SqliteLog, log: Log) -> None:
    shutil.rmtree(path.parent)
    for use in (log.append([entry("a")]), log.find(LogQuery()), log.delete_before(1), store.ping()):
        with pytest.raises(StoreUnavailable, match="gone"):
            await use


async def test_the_loss_of_its_own_file_is_not_silent(path: Path, store: SqliteLog, log: Log) -> None:
    await log.append([entry("a")])
    log_path(path, 3).unlink()
    with pytest.raises(StoreUnavailable, match=r"kr\.log-3\.db: it is gone"):
        await log.find(LogQuery())


async def test_a_damaged_file_of_another_worker_is_not_passed_over(path: Path, log: Log) -> None:
    await log.append([entry("a")])
    log_path(path, 4).write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(StoreUnavailable, match=r"kr\.log-4\.db: it is not a database"):
        await log.find(LogQuery())


async def test_a_file_that_another_worker_has_only_begun_to_make_is_empty(path: Path, log: Log) -> None:
    log_path(path, 4).touch()
    await log.append([entry("a")])
    assert await ids(log) == ["a"]
    begun = SqliteLog(path, 4)
    await begun.open([CALLS])
    await begun.for_tenant("t", CALLS).append([entry("b", 2)])
    assert await ids(log) == ["b", "a"]
    await begun.close()


async def test_a_worker_that_declares_less_does_not_hide_its_entries(path: Path, store: SqliteLog) -> None:
    fewer, more = LogKind("grows", ("a",)), LogKind("grows", ("a", "b"), ("b",))
    await store.open([more])
    late = SqliteLog(path, 4)
    await late.open([fewer])
    await late.for_tenant("t", fewer).append([LogEntry("x", 1, {"a": "1"})])
    log = store.for_tenant("t", more)
    assert (await log.find(LogQuery())).entries == (LogEntry("x", 1, {"a": "1", "b": None}),)
    assert (await log.find(LogQuery((KeyIn("b", ("1",)),)))).entries == ()
    await late.close()


async def test_close_leaves_no_thread_and_no_second_file(path: Path, store: SqliteLog, log: Log) -> None:
    await log.append([entry("a")])
    await log.find(LogQuery())
    await store.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlite")]
    assert os.listdir(path.parent) == ["kr.log-3.db"]
