"""Retention by a program that runs: what is too old goes by itself, of every worker, and what is not stays."""

import asyncio
from pathlib import Path

import pytest

from clock import SystemClock
from gateway.txlog.log import TRANSACTIONS
from storage.log import LogEntry, LogQuery
from storage.sqlite_log import SqliteLog
from tests.e2e.federation import CONSUMER, PROVIDER, Federation, eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

DAY_MS = 86_400_000
GONE_WORKER = 9


def written(database: Path, *ages_days: float) -> None:
    """Records of these ages, by a worker that no longer runs."""

    async def write() -> None:
        store = SqliteLog(database, GONE_WORKER)
        await store.open([TRANSACTIONS])
        now_ms = SystemClock().now() * 1000
        keys = {**dict.fromkeys(TRANSACTIONS.keys), "direction": "in", "service_peer_id": PROVIDER.peer_id}
        log = store.for_tenant(PROVIDER.peer_id, TRANSACTIONS)
        await log.append([LogEntry("", now_ms - int(age * DAY_MS), keys) for age in ages_days])
        await store.close()

    asyncio.run(write())


def ages(database: Path) -> list[int]:
    """Of the records that are there, in whole days."""

    async def read() -> list[int]:
        store = SqliteLog(database, 0, is_written=False)
        await store.open([TRANSACTIONS])
        page = await store.for_tenant(PROVIDER.peer_id, TRANSACTIONS).find(LogQuery(limit=10_000, ascending=True))
        await store.close()
        now_ms = SystemClock().now() * 1000
        return [round((now_ms - one.at_ms) / DAY_MS) for one in page.entries]

    return asyncio.run(read())


def test_records_that_are_too_old_go_while_the_program_runs(own_federation: Federation) -> None:
    provider = own_federation.provider
    provider.settings["transaction_log"] = {"mode": "durable", "retention_days": 30}
    database = own_federation.directory / PROVIDER.slug / "register.db"
    database.parent.mkdir(mode=0o700, exist_ok=True)
    written(database, *[400] * 1200, 31, 29, 1)
    provider.start()
    left = eventually("the old records to go", lambda: found if max(found := ages(database)) < 30 else None)
    assert left == [29, 1]
    assert CONSUMER.peer_id not in provider.log.read_text()
