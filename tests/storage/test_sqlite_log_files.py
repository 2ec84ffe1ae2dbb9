"""The files of the log and their journals, read and written together."""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.log import LogKind, LogQuery
from storage.log_journal import Journal, claim_journal, journal_path, open_journal
from storage.log_rows import Group, render_batch
from storage.sqlite_log_files import LogFiles, log_path
from storage.sqlite_log_tables import insert_sql, page_sql

CALLS = LogKind("calls", ("peer",), ("peer",))
GROUP = Group(insert_sql(CALLS), ("t", "", "{}", "p"))


def opened(path: str) -> Journal:
    return open_journal(path, claim_journal(path, timeout_s=0))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "kr.db"


@pytest.fixture
def files(path: Path) -> Iterator[LogFiles]:
    files = LogFiles(path, 0)
    files.prepare([CALLS])
    yield files
    files.close()


@pytest.fixture
def journal(path: Path, files: LogFiles) -> Iterator[Journal]:
    """Of worker 0, which writes."""
    journal = open_journal(str(log_path(path, 0)), os.dup(files.claimed))
    yield journal
    journal.close()


def append(journal: Journal, first: int, *instants: int) -> None:
    journal.append(first, len(instants), render_batch({GROUP: [(at_ms,) for at_ms in instants]}))


def instants(connection: sqlite3.Connection, worker: int = 0) -> list[int]:
    sql = page_sql("t", CALLS, LogQuery(ascending=True), None, worker)
    return [row[0] for row in connection.execute(sql.text, sql.values)]


def delete_all(connection: sqlite3.Connection) -> None:
    connection.execute('DELETE FROM "log:calls"')


def has_any(connection: sqlite3.Connection) -> bool:
    return bool(instants(connection))


def test_a_journal_is_read_beside_its_file(files: LogFiles, journal: Journal) -> None:
    assert files.read(instants) == [[]]
    append(journal, 1, 10, 20)
    append(journal, 3, 30)
    assert files.read(instants) == [[10, 20, 30], []]


def test_what_a_writer_left_is_moved_before_anything_is_deleted(path: Path, files: LogFiles) -> None:
    gone = LogFiles(path, 7)
    gone.prepare([CALLS])
    gone.close()
    left = opened(str(log_path(path, 7)))
    append(left, 1, 10, 20)
    left.close()
    assert files.read(instants) == [[], [10, 20], []]
    seen: list[list[int]] = []
    files.write(lambda connection: seen.append(instants(connection)), concerns=has_any)
    assert seen == [[], [10, 20]]
    assert not Path(journal_path(str(log_path(path, 7)))).exists()
    files.write(delete_all, concerns=has_any)
    assert files.read(instants) == [[], []]


def test_what_is_being_written_is_waited_for(path: Path, files: LogFiles, journal: Journal) -> None:
    append(journal, 1, 10)

    def move() -> None:
        time.sleep(0.2)
        with closing(sqlite3.connect(log_path(path, 0))) as connection, connection:
            connection.execute(insert_sql(CALLS), (1, "t", "", "{}", "p", 10))
        journal.clear()

    mover = threading.Thread(target=move)
    mover.start()
    seen: list[list[int]] = []
    files.write(lambda connection: seen.append(instants(connection)), concerns=has_any)
    mover.join()
    assert seen == [[10]]


def test_a_writer_that_does_not_keep_up_is_told(
    path: Path, files: LogFiles, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.sqlite_log_files._MOVED_WITHIN_S", 0.1)
    append(journal, 1, 10)
    with pytest.raises(StoreUnavailable, match=r"kr\.log-0\.db: its writer does not keep up"):
        files.write(delete_all, concerns=has_any)
    # What it does not concern is not waited for.
    files.write(delete_all, concerns=lambda _recent: False)
    assert files.read(instants) == [[10], []]


def test_a_journal_that_cannot_be_read_is_not_passed_over(path: Path, files: LogFiles) -> None:
    journal = Path(journal_path(str(log_path(path, 0))))
    journal.unlink()
    journal.mkdir()
    with pytest.raises(StoreUnavailable, match=r"kr\.log-0\.db"):
        files.read(instants)


def test_who_writes_nothing_has_no_file(path: Path, files: LogFiles) -> None:
    reading = LogFiles(path, None)
    reading.prepare([CALLS])
    assert reading.read(instants) == [[]]
    reading.close()
    assert sorted(one.name for one in path.parent.iterdir() if one.suffix == ".db") == ["kr.log-0.db"]
