import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.documents import Collection, Scalar
from storage.errors import StoreUnavailable
from storage.sqlite_connection import SqliteFile
from storage.sqlite_schema import (
    LAYOUT,
    extend_schema,
    insert_elements,
    load_catalogue,
    quoted,
    scalar_value,
    side_table,
    sql_element,
    sql_value,
    table_of,
)

OLD = Collection("things", ("kind",), ("tags",))
NEW = Collection("things", ("kind", "in.size", "flag"), ("tags", "in.codes"))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    file = SqliteFile(tmp_path / "x.db", LAYOUT)
    file.create()
    connection = file.connect(timeout_s=1)
    yield connection
    connection.close()


def store(connection: sqlite3.Connection, number: int, text: str) -> None:
    connection.execute(
        'INSERT INTO "documents:things" (tenant, id, revision, body) VALUES (?, ?, ?, ?)',
        ("t", str(number), "r", text),
    )


def objects(connection: sqlite3.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master")}


def test_names_are_quoted() -> None:
    assert quoted("a", 'b"c') == '"a:b""c"'


@pytest.mark.parametrize("value", [None, 0, 1, 1.0, "", "\0", True, False, 2**63 - 1])
def test_values_come_back_with_their_type(value: Scalar) -> None:
    stored = sqlite3.connect(":memory:").execute("SELECT ?", (sql_value(value),)).fetchone()[0]
    assert (scalar_value(stored), type(scalar_value(stored))) == (value, type(value))


def test_every_element_can_be_compared_also_null() -> None:
    stored = [sql_element(value) for value in (None, False, True, 0, 1, "", "0")]
    assert len(set(stored)) == len(stored)
    assert None not in stored


def test_a_collection_is_a_table_with_indexes_and_side_tables(connection: sqlite3.Connection) -> None:
    catalogue = extend_schema(connection, [NEW])
    assert catalogue == load_catalogue(connection) == {"things": table_of(NEW)}
    assert {
        "documents:things",
        "index:things:kind",
        "index:things:in.size",
        "index:things:flag",
        "elements:things:tags",
        "elements:things:in.codes",
        "rows:things:tags",
        "rows:things:in.codes",
    } <= objects(connection)


@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 16, 17])
def test_every_element_is_written_however_many_there_are(connection: sqlite3.Connection, count: int) -> None:
    extend_schema(connection, [OLD])
    tags = frozenset(f"tag-{number}" for number in range(count))
    insert_elements(connection, OLD, "t", 5, (tags,))
    rows = connection.execute(f"SELECT tenant, value, row FROM {side_table('things', 'tags')}").fetchall()
    assert sorted(rows) == sorted(("t", tag, 5) for tag in tags)


def test_nothing_is_written_when_nothing_is_missing(connection: sqlite3.Connection) -> None:
    extend_schema(connection, [NEW])
    before = connection.execute("PRAGMA schema_version").fetchone()
    connection.execute("PRAGMA query_only = ON")
    assert extend_schema(connection, [OLD, Collection("things")]) == {"things": table_of(NEW)}
    assert connection.execute("PRAGMA schema_version").fetchone() == before


def test_added_fields_are_filled_from_the_bodies(connection: sqlite3.Connection) -> None:
    extend_schema(connection, [OLD])
    for number in range(1_201):
        store(
            connection,
            number,
            f'{{"in":{{"size":{number},"codes":[{number % 3},null]}},"flag":{"true" if number % 2 else "false"}}}',
        )
    catalogue = extend_schema(connection, [NEW])
    assert catalogue["things"].collection == NEW
    rows = connection.execute('SELECT id, "field:in.size", "field:flag" FROM "documents:things"').fetchall()
    assert rows == [(str(number), number, bytes([number % 2])) for number in range(1_201)]
    side = side_table("things", "in.codes")
    assert connection.execute(f"SELECT count(*) FROM {side} WHERE value = 0").fetchone() == (401,)
    assert connection.execute(f"SELECT count(*) FROM {side} WHERE value = x''").fetchone() == (1_201,)


def test_fields_that_are_no_longer_declared_stay(connection: sqlite3.Connection) -> None:
    extend_schema(connection, [NEW])
    catalogue = extend_schema(connection, [Collection("things", ("other",))])
    assert catalogue["things"].collection == Collection("things", (*NEW.fields, "other"), NEW.array_fields)


@pytest.mark.parametrize("text", ["{", '{"in":{"size":'])
def test_an_extension_that_fails_half_way_leaves_nothing(connection: sqlite3.Connection, text: str) -> None:
    extend_schema(connection, [OLD])
    store(connection, 1, "{}")
    store(connection, 2, text)
    before = objects(connection)
    with pytest.raises(StoreUnavailable, match="damaged"):
        extend_schema(connection, [Collection("first"), NEW])
    connection.rollback()
    assert objects(connection) == before
    assert load_catalogue(connection) == {"things": table_of(OLD)}
