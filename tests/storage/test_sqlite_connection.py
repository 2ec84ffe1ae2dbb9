import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.errors import StoreUnavailable
from storage.sqlite_connection import (
    Link,
    LinkPool,
    SqliteFile,
    no_preparation,
    unavailable,
)
from storage.sqlite_open import APPLICATION_ID, PROBE, primary_code
from tests.storage.children import ROOT


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    file = SqliteFile(tmp_path / "some" / "dir" / "x.db", 3)
    file.create()
    return file


def pragma(connection: sqlite3.Connection, name: str) -> object:
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


def probes(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("SELECT probes FROM probe").fetchone()
    return int(number)


def test_a_new_file_is_ours_durable_and_private(file: SqliteFile) -> None:
    connection = file.connect(timeout_s=1)
    assert pragma(connection, "application_id") == APPLICATION_ID
    assert pragma(connection, "user_version") == 3
    assert pragma(connection, "journal_mode") == "wal"
    assert pragma(connection, "synchronous") == 2
    connection.execute(PROBE)
    for name in os.listdir(file.path.parent):
        assert stat.S_IMODE((file.path.parent / name).stat().st_mode) == 0o600, name
    connection.close()


def test_creating_again_changes_nothing(file: SqliteFile) -> None:
    connection = file.connect(timeout_s=1)
    connection.execute(PROBE)
    file.create()
    assert probes(connection) == 1
    connection.close()


def test_creating_again_leaves_the_locks_of_open_connections(file: SqliteFile) -> None:
    # A process loses its locks on a file with the first descriptor of it that it closes. Another one would then believe
    # itself alone, and remove the write-ahead log that we read and write.
    connection = file.connect(timeout_s=1)
    assert probes(connection) == 0
    file.create()
    program = (
        "import sys; from storage.log_writer import LogWriter; "
        "writer = LogWriter(sys.argv[1], 3, timeout_s=1); assert writer.commit(0, b'', moves=True) is None; "
        "writer.close()"
    )
    subprocess.run([sys.executable, "-c", program, str(file.path)], cwd=ROOT, check=True)
    assert file.path.with_name("x.db-wal").exists()
    assert probes(connection) == 1
    subprocess.run([sys.executable, "-c", program, str(file.path)], cwd=ROOT, check=True)
    assert probes(connection) == 2
    connection.close()


def test_an_older_layout_is_marked_anew_and_keeps_what_it_holds(file: SqliteFile) -> None:
    connection = file.connect(timeout_s=1)
    connection.execute(PROBE)
    newer = SqliteFile(file.path, 4)
    newer.create()
    assert (pragma(connection, "user_version"), probes(connection)) == (4, 1)
    connection.close()
    with pytest.raises(StoreUnavailable, match="newer version"):
        file.create()


def test_many_may_create_at_once(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "x.db", 1)
    with ThreadPoolExecutor(8) as threads:
        for created in [threads.submit(file.create) for _ in range(8)]:
            created.result()
    connection = file.connect(timeout_s=1)
    assert (pragma(connection, "journal_mode"), probes(connection)) == ("wal", 0)
    connection.close()


@pytest.mark.parametrize("name", ["a?b=c&d#e%20 f.db", "é\u2028'\".db", "-x:y.db"])
def test_any_file_name_is_taken_as_it_is(tmp_path: Path, name: str) -> None:
    file = SqliteFile(tmp_path / name, 1)
    file.create()
    assert (tmp_path / name).stat().st_size > 0
    connection = file.connect(timeout_s=1)
    connection.execute(PROBE)
    connection.close()
    assert os.listdir(tmp_path) == [name]


def test_a_reading_connection_cannot_write(file: SqliteFile) -> None:
    connection = file.connect(timeout_s=1, read_only=True)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute(PROBE)
    connection.close()


def test_a_file_of_a_newer_version_is_refused_with_the_remedy(file: SqliteFile) -> None:
    older = SqliteFile(file.path, 2)
    with pytest.raises(StoreUnavailable, match=r"layout 3, known here: 2.*upgrade the program"):
        older.create()
    with pytest.raises(StoreUnavailable, match="newer version"):
        older.connect(timeout_s=1)
    SqliteFile(file.path, 4).create()


@pytest.mark.parametrize("mark", ["CREATE TABLE t (a)", "PRAGMA application_id = 5", "PRAGMA user_version = 1"])
def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "x.db"
    connection = sqlite3.connect(path)
    connection.execute(mark)
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="belongs to another program"):
        SqliteFile(path, 1).create()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough to look at" * 30, b"SQLite format 3\0" + b"\xff" * 4096]
)
def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(sqlite3.DatabaseError) as caught:
        SqliteFile(path, 1).create()
    assert "restore it from a backup" in str(unavailable(path, caught.value))
    assert path.read_bytes() == content


def test_a_directory_or_a_file_in_the_way_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="directory"):
        SqliteFile(tmp_path, 1).create()
    (tmp_path / "file").write_text("x")
    with pytest.raises(OSError, match="file"):
        SqliteFile(tmp_path / "file" / "x.db", 1).create()


def test_a_library_that_is_too_old_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 34, 1))
    with pytest.raises(StoreUnavailable, match=r"too old: 3\.35"):
        SqliteFile(tmp_path / "x.db", 1).create()


def test_connecting_never_makes_a_file(tmp_path: Path) -> None:
    with pytest.raises(sqlite3.OperationalError) as caught:
        SqliteFile(tmp_path / "x.db", 1).connect(timeout_s=1)
    assert primary_code(caught.value) == sqlite3.SQLITE_CANTOPEN
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        (sqlite3.SQLITE_FULL, "free space"),
        (sqlite3.SQLITE_IOERR | 10 << 8, "check its health"),
        (sqlite3.SQLITE_READONLY_DIRECTORY, "check permissions"),
        (sqlite3.SQLITE_BUSY, "another process keeps it locked"),
        (sqlite3.SQLITE_CORRUPT, "restore it from a backup"),
        (sqlite3.SQLITE_ERROR, "no such thing"),
    ],
)
def test_what_is_wrong_comes_with_the_remedy(code: int, remedy: str) -> None:
    error = sqlite3.OperationalError("no such thing")
    error.sqlite_errorcode = code
    ours = unavailable(Path("x.db"), error)
    assert str(ours).startswith("x.db: ")
    assert remedy in str(ours)


def test_errors_without_a_code_keep_their_text() -> None:
    assert "closed database" in str(unavailable(Path("x.db"), sqlite3.ProgrammingError("closed database")))
    assert "put it back" in str(unavailable(Path("x.db"), FileNotFoundError(2, "no such file")))
    assert "denied" in str(unavailable(Path("x.db"), PermissionError(13, "denied")))
    assert primary_code(OSError()) is None


def test_a_link_connects_once_and_prepares_each_connection(file: SqliteFile) -> None:
    prepared: list[sqlite3.Connection] = []
    link = Link(file, prepared.append)
    assert not prepared
    used = [link.run(lambda connection: connection) for _ in range(3)]
    assert used == prepared * 3
    link.close()
    link.run(lambda connection: connection.execute(PROBE))
    assert len(prepared) == 2
    link.close()


def test_a_link_whose_preparation_fails_is_not_used(file: SqliteFile) -> None:
    attempts: list[int] = []

    def prepare(_connection: sqlite3.Connection) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise StoreUnavailable("not now")

    link = Link(file, prepare)
    with pytest.raises(StoreUnavailable, match="not now"):
        link.run(probes)
    assert link.run(probes) == 0
    link.close()


def test_a_link_leaves_no_transaction_open(file: SqliteFile) -> None:
    link = Link(file, no_preparation)

    def half(connection: sqlite3.Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(PROBE)
        raise StoreUnavailable("half way")

    with pytest.raises(StoreUnavailable, match="half way"):
        link.run(half)
    assert link.run(probes) == 0
    assert not link.run(lambda connection: connection.in_transaction)
    link.close()


def test_a_link_connects_anew_after_an_error_but_not_after_being_busy(file: SqliteFile) -> None:
    prepared: list[sqlite3.Connection] = []
    link = Link(file, prepared.append, timeout_s=0)
    other = file.connect(timeout_s=0)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        link.run(lambda connection: connection.execute(PROBE))
    other.execute("ROLLBACK")
    other.close()
    link.run(probes)
    assert len(prepared) == 1
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        link.run(lambda connection: connection.execute("SELECT * FROM absent"))
    link.run(probes)
    assert len(prepared) == 2
    link.close()


def test_a_link_does_not_use_a_file_that_was_moved_away(file: SqliteFile) -> None:
    link = Link(file, no_preparation)
    link.run(lambda connection: connection.execute(PROBE))
    away = file.path.with_name("away")
    file.path.rename(away)
    with pytest.raises(FileNotFoundError):
        link.run(probes)
    away.rename(file.path)
    assert link.run(probes) == 1
    link.close()


def test_a_link_turns_to_the_file_that_replaced_its_own(file: SqliteFile, tmp_path: Path) -> None:
    backup = SqliteFile(tmp_path / "backup.db", 3)
    backup.create()
    restored = Link(backup, no_preparation)
    for _ in range(5):
        restored.run(lambda connection: connection.execute(PROBE))
    restored.close()
    link = Link(file, no_preparation)
    assert link.run(probes) == 0
    for name in os.listdir(file.path.parent):
        (file.path.parent / name).unlink()
    shutil.copy(backup.path, file.path)
    assert link.run(probes) == 5
    link.close()


def test_a_pool_makes_as_many_links_as_are_used_at_once(file: SqliteFile) -> None:
    made: list[Link] = []

    def make() -> Link:
        made.append(Link(file, no_preparation))
        return made[-1]

    pool = LinkPool(make)
    for _ in range(3):
        pool.run(probes)
    assert len(made) == 1
    with pytest.raises(sqlite3.OperationalError):
        pool.run(lambda _: pool.run(lambda connection: connection.execute("SELECT * FROM absent")))
    assert len(made) == 2
    assert pool.run(lambda _: pool.run(probes)) == 0
    assert len(made) == 2
    pool.close()
