import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from storage.documents import Collection, Revision
from storage.errors import Conflict, StoreUnavailable
from storage.sqlite_connection import SqliteFile
from storage.sqlite_schema import LAYOUT, Table, extend_schema, side_table, table_of
from storage.sqlite_writer import DocumentWriter, RowDelete, RowPut, analyse

OLD = Collection("things", ("kind",))
NEW = Collection("things", ("kind", "size"), ("tags",))


@pytest.fixture
def file(tmp_path: Path) -> SqliteFile:
    file = SqliteFile(tmp_path / "x.db", LAYOUT)
    file.create()
    return file


@pytest.fixture
def look(file: SqliteFile) -> Iterator[sqlite3.Connection]:
    connection = file.connect(timeout_s=1)
    extend_schema(connection, [OLD])
    yield connection
    connection.close()


@pytest.fixture
def writer(file: SqliteFile, look: sqlite3.Connection) -> Iterator[DocumentWriter]:
    writer = DocumentWriter(file, extend_schema(look, [OLD]), busy_timeout_s=0.1)
    yield writer
    writer.close()


def put(table: Table, key: str, text: str, body: Mapping[str, Any], expected: Revision | None = None) -> RowPut:
    return RowPut(table, "t", key, expected, Revision("r-" + key), text, table.values(body), table.elements(body))


def ids(look: sqlite3.Connection) -> list[str]:
    return [key for (key,) in look.execute('SELECT id FROM "documents:things" ORDER BY id')]


def test_a_batch_is_one_commit_and_a_conflict_undoes_its_job_alone(
    writer: DocumentWriter, look: sqlite3.Connection
) -> None:
    table = writer.tables["things"]
    wrong = RowDelete(table, "t", "absent", Revision("x"))
    before = look.execute("PRAGMA data_version").fetchone()[0]
    outcomes = writer.commit(
        [(put(table, "a", "{}", {}),), (put(table, "b", "{}", {}), wrong), (put(table, "c", "{}", {}),)]
    )
    assert (outcomes[0], outcomes[2]) == (None, None)
    assert isinstance(outcomes[1], Conflict)
    assert outcomes[1].document_id == "absent"
    assert ids(look) == ["a", "c"]
    assert look.execute("PRAGMA data_version").fetchone()[0] != before


def test_jobs_of_one_batch_see_each_other(writer: DocumentWriter, look: sqlite3.Connection) -> None:
    table = writer.tables["things"]
    one = put(table, "a", "{}", {})
    outcomes = writer.commit([(one,), (one,), (RowDelete(table, "t", "a", one.revision),), (one,)])
    assert [type(outcome) for outcome in outcomes] == [type(None), Conflict, type(None), type(None)]
    assert ids(look) == ["a"]


def test_a_probe_writes(writer: DocumentWriter, look: sqlite3.Connection) -> None:
    assert writer.commit([(), ()]) == [None, None]
    assert look.execute("SELECT probes FROM probe").fetchone() == (2,)


def test_fields_that_another_process_declared_meanwhile_are_filled(
    writer: DocumentWriter, look: sqlite3.Connection
) -> None:
    before = writer.tables["things"]
    first = put(before, "a", '{"kind":"k","size":1,"tags":["x"]}', {"kind": "k", "size": 1, "tags": ["x"]})
    writer.commit([(first,)])
    extend_schema(look, [NEW])
    changed = put(before, "a", '{"size":2,"tags":["y"]}', {"size": 2, "tags": ["y"]}, first.revision)
    added = put(before, "b", '{"size":3,"tags":["y"]}', {"size": 3, "tags": ["y"]})
    assert writer.commit([(changed, added)]) == [None]
    assert writer.tables == {"things": table_of(NEW)}
    rows = look.execute('SELECT id, "field:kind", "field:size" FROM "documents:things" ORDER BY id').fetchall()
    assert rows == [("a", None, 2), ("b", None, 3)]
    side = side_table("things", "tags")
    assert look.execute(f"SELECT value, count(*) FROM {side} GROUP BY value").fetchall() == [("y", 2)]
    assert writer.commit([(RowDelete(before, "t", "b", added.revision),)]) == [None]
    assert look.execute(f"SELECT count(*) FROM {side}").fetchone() == (1,)


def test_a_locked_file_refuses_the_batch_and_works_again_when_free(
    writer: DocumentWriter, look: sqlite3.Connection
) -> None:
    table = writer.tables["things"]
    look.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="another process keeps it locked") as caught:
        writer.commit([(put(table, "a", "{}", {}),)])
    assert isinstance(caught.value.__cause__, sqlite3.OperationalError)
    look.execute("ROLLBACK")
    assert writer.commit([(put(table, "a", "{}", {}),)]) == [None]


def test_an_error_in_one_job_refuses_the_batch_with_nothing_done(
    writer: DocumentWriter, look: sqlite3.Connection
) -> None:
    look.execute(
        'CREATE TRIGGER trap BEFORE INSERT ON "documents:things" '
        "WHEN new.id = 'trap' BEGIN SELECT raise(ABORT, 'no'); END"
    )
    table = writer.tables["things"]
    with pytest.raises(StoreUnavailable):
        writer.commit([(put(table, "a", "{}", {}),), (put(table, "trap", "{}", {}),)])
    assert ids(look) == []
    assert writer.commit([(put(table, "a", "{}", {}),)]) == [None]


def test_a_file_without_the_collection_is_refused(file: SqliteFile, writer: DocumentWriter, tmp_path: Path) -> None:
    table = writer.tables["things"]
    for name in ("x.db-wal", "x.db-shm"):
        (tmp_path / name).unlink()
    other = SqliteFile(tmp_path / "other.db", LAYOUT)
    other.create()
    connection = other.connect(timeout_s=1)
    extend_schema(connection, [])
    connection.close()
    other.path.rename(file.path)
    with pytest.raises(StoreUnavailable, match="replaced by one without things"):
        writer.commit([(put(table, "a", "{}", {}),)])


def test_the_columns_of_a_file_that_replaced_its_own_are_filled(
    file: SqliteFile, writer: DocumentWriter, tmp_path: Path
) -> None:
    before = writer.tables["things"]
    writer.commit([()])
    other = SqliteFile(tmp_path / "other.db", LAYOUT)
    other.create()
    connection = other.connect(timeout_s=1)
    extend_schema(connection, [NEW])
    mine = sqlite3.connect(file.path)
    (version,) = mine.execute("PRAGMA schema_version").fetchone()
    mine.close()
    connection.execute(f"PRAGMA schema_version = {version}")
    connection.close()
    writer.close()
    for name in ("x.db-wal", "x.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    other.path.rename(file.path)
    assert writer.commit([(put(before, "a", '{"size":5}', {"size": 5}),)]) == [None]
    look = file.connect(timeout_s=1)
    assert look.execute('SELECT "field:size" FROM "documents:things"').fetchall() == [(5,)]
    look.close()


def test_writing_much_makes_every_connection_plan_anew(writer: DocumentWriter, look: sqlite3.Connection) -> None:
    table = writer.tables["things"]
    assert look.execute("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone() == (0,)
    writer.commit([(put(table, str(number), "{}", {"kind": number % 2}),) for number in range(100)])
    figures = dict(look.execute("SELECT idx, stat FROM sqlite_stat1 WHERE tbl = 'documents:things'"))
    assert figures["index:things:kind"] == "100 100 50 1"
    version = look.execute("PRAGMA schema_version").fetchone()
    writer.commit([(put(table, f"more{number}", "{}", {}),) for number in range(299)])
    assert look.execute("PRAGMA schema_version").fetchone() == version
    writer.commit([(put(table, "last", "{}", {}),)])
    assert look.execute("PRAGMA schema_version").fetchone() != version


def test_an_analysis_that_fails_harms_nothing(
    writer: DocumentWriter, look: sqlite3.Connection, file: SqliteFile, caplog: pytest.LogCaptureFixture
) -> None:
    look.execute("BEGIN IMMEDIATE")
    connection = file.connect(timeout_s=0)
    analyse(connection)
    assert [record.message for record in caplog.records] == ["sqlite_analysis_failed"]
    look.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    connection.close()


def test_elements_follow_the_document_whoever_wrote_it_last(
    file: SqliteFile, writer: DocumentWriter, look: sqlite3.Connection
) -> None:
    table = extend_schema(look, [NEW])["things"]
    other = DocumentWriter(file, {"things": table}, busy_timeout_s=1)

    def write(by: DocumentWriter, tags: list[str], revision: str, expected: str | None) -> list[str]:
        row = put(table, "a", "{}", {"tags": tags}, None if expected is None else Revision(expected))
        assert by.commit([(replace(row, revision=Revision(revision)),)]) == [None]
        return [one for (one,) in look.execute(f"SELECT value FROM {side_table('things', 'tags')} ORDER BY value")]

    assert write(writer, ["x", "y"], "1", None) == ["x", "y"]
    assert write(writer, ["x", "y"], "2", "1") == ["x", "y"]
    assert write(other, ["z"], "3", "2") == ["z"]
    assert write(writer, ["x", "y"], "4", "3") == ["x", "y"]
    assert write(writer, [], "5", "4") == []
    assert writer.commit([(RowDelete(table, "t", "a", Revision("5")),)]) == [None]
    assert write(writer, [], "6", None) == []
    assert write(writer, ["x"], "7", "6") == ["x"]
    other.close()
