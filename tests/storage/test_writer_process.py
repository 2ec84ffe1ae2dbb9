"""One log writer as the event loop sees it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.log_journal import claim_journal
from storage.log_rows import Group, render_batch
from storage.log_writer import batch_message
from storage.sqlite_connection import SqliteFile
from storage.writer_process import WriterProcess

NOTHING = batch_message(0, b"", moves=True)
"""What proves that the file can be written."""


class Heard:
    """What a writer has said."""

    def __init__(self) -> None:
        self.answers: asyncio.Queue[StoreUnavailable | None] = asyncio.Queue()
        self.ended = asyncio.Event()


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    file = SqliteFile(tmp_path / "x.db", 1)
    file.create()
    return file


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def writer(file: SqliteFile, heard: Heard) -> AsyncIterator[WriterProcess]:
    claimed = claim_journal(str(file.path), timeout_s=0)
    writer = WriterProcess(file, claimed, busy_timeout_s=1)
    writer.listen(heard.answers.put_nowait, heard.ended.set)
    assert await heard.answers.get() is None
    yield writer
    await asyncio.to_thread(writer.kill)
    writer.close()
    os.close(claimed)


async def test_it_answers_what_it_is_sent(writer: WriterProcess, file: SqliteFile, heard: Heard) -> None:
    writer.send(NOTHING)
    assert await heard.answers.get() is None
    file.path.unlink()
    writer.send(NOTHING)
    error = await heard.answers.get()
    assert "it is gone" in str(error)


async def test_more_than_the_socket_holds_arrives(writer: WriterProcess, heard: Heard) -> None:
    writer.send(batch_message(1, render_batch({Group("INSERT", ("x" * 3_000_000,)): [()]})))
    assert await heard.answers.get() is None


async def test_it_finishes_when_hung_up_and_leaves_no_second_file(
    writer: WriterProcess, file: SqliteFile, heard: Heard
) -> None:
    writer.send(NOTHING)
    writer.hang_up()
    await heard.ended.wait()
    await asyncio.to_thread(writer.wait)
    assert await heard.answers.get() is None
    assert os.listdir(file.path.parent) == ["x.db"]
    writer.hang_up()  # once more is nothing


async def test_the_end_of_it_is_heard(writer: WriterProcess, heard: Heard) -> None:
    os.kill(writer.pid, signal.SIGKILL)
    writer.send(NOTHING)
    await heard.ended.wait()
    assert heard.answers.empty()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
async def test_what_ends_the_program_does_not_end_it_before(
    writer: WriterProcess, heard: Heard, number: signal.Signals
) -> None:
    os.kill(writer.pid, number)
    writer.send(NOTHING)
    assert await heard.answers.get() is None


async def test_it_stays_small(writer: WriterProcess, heard: Heard) -> None:
    writer.send(NOTHING)
    await heard.answers.get()
    assert private_kib(writer.pid) < 8_000


def private_kib(pid: int) -> int:
    words = Path(f"/proc/{pid}/smaps_rollup").read_text().split()
    return int(words[words.index("Private_Dirty:") + 1])
