import sqlite3
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.sqlite_connection import SqliteFile
from storage.sqlite_open import PROBE, Connector, explanation, open_connection


@pytest.fixture
def path(tmp_path: Path) -> str:
    SqliteFile(tmp_path / "a b#?%.db", 1).create()
    return str(tmp_path / "a b#?%.db")


def opened(path: str) -> sqlite3.Connection:
    return open_connection(path, 1, timeout_s=1)


def test_a_connection_synchronises_each_commit(path: str) -> None:
    connection = opened(path)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    connection.execute(PROBE)
    connection.close()


def test_a_newer_layout_is_refused(path: str) -> None:
    with pytest.raises(StoreUnavailable, match="newer version"):
        open_connection(path, 0, timeout_s=1)


def test_a_connection_is_kept_until_its_file_is_another_one(path: str) -> None:
    connector = Connector(path, lambda: opened(path))
    first = connector.connection()
    assert connector.connection() is first
    Path(path).unlink()
    with pytest.raises(FileNotFoundError) as gone:
        connector.connection()
    assert "it is gone" in explanation(path, gone.value)
    SqliteFile(Path(path), 1).create()
    assert connector.connection() is not first
    connector.close()


def test_what_was_left_open_is_taken_back_and_a_lock_is_no_reason_to_connect_again(path: str) -> None:
    connector = Connector(path, lambda: open_connection(path, 1, timeout_s=0))
    connection, other = connector.connection(), opened(path)
    connection.execute("BEGIN IMMEDIATE")
    connector.settle()
    assert not connection.in_transaction
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError) as locked:
        connection.execute(PROBE)
    connector.failed(locked.value)
    assert connector.connection() is connection
    connector.failed(sqlite3.OperationalError("of no code"))
    assert connector.connection() is not connection
    connector.close()
    other.close()
