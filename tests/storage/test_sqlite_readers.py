import asyncio
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.sqlite_connection import BUSY_TIMEOUT_S, SqliteFile, no_preparation
from storage.sqlite_readers import STEPS_ON_LOOP, Readers

COUNT = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < ?) SELECT count(*) FROM n"


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    file = SqliteFile(tmp_path / "x.db", 1)
    file.create()
    return file


@pytest.fixture
async def readers(file: SqliteFile) -> AsyncIterator[Readers]:
    readers = Readers(file, no_preparation, threads=2)
    yield readers
    readers.close()


class Counting:
    """Counts up to a number, and remembers on which threads it tried."""

    def __init__(self, upto: int) -> None:
        self.upto = upto
        self.threads: list[str] = []

    def __call__(self, connection: sqlite3.Connection) -> int:
        self.threads.append(threading.current_thread().name)
        (number,) = connection.execute(COUNT, (self.upto,)).fetchone()
        return int(number)


async def test_a_quick_read_happens_on_the_loop(readers: Readers) -> None:
    read = Counting(100)
    assert await readers.run(read) == 100
    assert read.threads == ["MainThread"]


async def test_a_long_read_is_begun_again_on_a_thread(readers: Readers) -> None:
    read = Counting(STEPS_ON_LOOP)
    assert await readers.run(read) == STEPS_ON_LOOP
    assert read.threads[0] == "MainThread"
    assert read.threads[1].startswith("sqlite-read")
    assert len(read.threads) == 2


async def test_the_steps_of_one_read_do_not_count_for_the_next(readers: Readers) -> None:
    read = Counting(STEPS_ON_LOOP // 100)
    for _ in range(300):
        await readers.run(read)
    assert set(read.threads) == {"MainThread"}


async def test_a_long_read_in_a_transaction_leaves_none_behind(readers: Readers) -> None:
    def read(connection: sqlite3.Connection) -> bool:
        connection.execute("BEGIN")
        connection.execute(COUNT, (STEPS_ON_LOOP,)).fetchall()
        return threading.current_thread() is threading.main_thread()

    assert await readers.run(read) is False
    assert await readers.run(lambda connection: connection.in_transaction) is False


async def test_the_loop_never_waits_for_a_lock(readers: Readers, file: SqliteFile) -> None:
    holder = sqlite3.connect(file.path, isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("UPDATE probe SET probes = 7")
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(
            readers.run(lambda connection: connection.execute("SELECT probes FROM probe").fetchone())
        )
        begun = time.monotonic()
        await asyncio.sleep(0)
        assert time.monotonic() - begun < BUSY_TIMEOUT_S / 2
        assert not reading.done()
        holder.close()
    assert reading.result() == (7,)


async def test_errors_are_ours_on_the_loop_and_on_a_thread(readers: Readers, file: SqliteFile) -> None:
    def fail_late(connection: sqlite3.Connection) -> None:
        connection.execute(COUNT, (STEPS_ON_LOOP,)).fetchall()
        connection.execute("SELECT * FROM absent")

    for read in (lambda connection: connection.execute("SELECT * FROM absent"), fail_late):
        with pytest.raises(StoreUnavailable, match="no such table") as caught:
            await readers.run(read)
        assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    file.path.unlink()
    with pytest.raises(StoreUnavailable, match="gone"):
        await readers.run(Counting(1))


async def test_reading_cannot_write(readers: Readers) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be written"):
        await readers.run(lambda connection: connection.execute("UPDATE probe SET probes = 1"))
