"""Retention: what is too old goes, a little at a time, and nothing else."""

import asyncio
import logging
from pathlib import Path

import pytest

from clock import FixedClock
from gateway.txlog.retention import Retention
from storage.log import Log, LogEntry, LogKind, LogQuery
from storage.memory import MemoryLog
from storage.sqlite_log import SqliteLog

CALLS = LogKind("calls", ("peer",))
NOW = 1_800_000_000
DAY = 86_400


class Naps:
    """Sleeps not at all, and says how long it was asked to; ends the run at the `last` one."""

    def __init__(self, last: int | None = None) -> None:
        self.asked: list[float] = []
        self._last = last

    async def __call__(self, duration_s: float) -> None:
        self.asked.append(duration_s)
        if len(self.asked) == self._last:
            raise asyncio.CancelledError


async def append(log: Log, *instants: int) -> None:
    await log.append([LogEntry("", at * 1000, {"peer": "p"}) for at in instants])


async def instants(log: Log) -> list[int]:
    return [one.at_ms // 1000 for one in (await log.find(LogQuery(limit=10_000, ascending=True))).entries]


async def test_only_what_is_older_than_the_days_goes_of_every_worker(tmp_path: Path) -> None:
    gone, here = (SqliteLog(tmp_path / "kr.db", worker) for worker in (1, 0))
    for store in (gone, here):
        await store.open([CALLS])
        await append(store.for_tenant("t", CALLS), NOW - 3 * DAY - 1, NOW - 3 * DAY, NOW)
        await append(store.for_tenant("other", CALLS), NOW - 9 * DAY)
    await gone.close()
    log, clock = here.for_tenant("t", CALLS), FixedClock(NOW)
    retention = Retention(log, 3, clock, sleep=Naps())
    assert await retention.delete_expired() == 2
    assert await instants(log) == [NOW - 3 * DAY, NOW - 3 * DAY, NOW, NOW]
    clock.advance(1)
    assert await retention.delete_expired() == 2
    assert await instants(log) == [NOW, NOW]
    assert await instants(here.for_tenant("other", CALLS)) == [NOW - 9 * DAY] * 2
    await here.close()


@pytest.fixture
async def store() -> MemoryLog:
    store = MemoryLog()
    await store.open([CALLS])
    return store


async def test_it_pauses_after_each_few(store: MemoryLog) -> None:
    log, naps = store.for_tenant("t", CALLS), Naps()
    await append(log, *[NOW - 2 * DAY] * 1_200)
    assert await Retention(log, 1, FixedClock(NOW), sleep=naps).delete_expired() == 1_200
    assert len(naps.asked) == 3


async def test_a_store_that_cannot_serve_is_asked_again_later(
    store: MemoryLog, caplog: pytest.LogCaptureFixture
) -> None:
    store.available = False
    with caplog.at_level(logging.INFO), pytest.raises(asyncio.CancelledError):
        await Retention(store.for_tenant("t", CALLS), 1, FixedClock(NOW), sleep=Naps(last=2)).run()
    assert [one.message for one in caplog.records] == ["retention_postponed"] * 2
    store.available = True
    log = store.for_tenant("t", CALLS)
    await append(log, NOW - 2 * DAY)
    with pytest.raises(asyncio.CancelledError):
        await Retention(log, 1, FixedClock(NOW), sleep=Naps(last=2)).run()
    assert await instants(log) == []
