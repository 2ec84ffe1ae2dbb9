import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from storage.log import AnyKey, KeyIn, LogCondition, LogKind, LogQuery
from storage.paging import LogPosition
from storage.sqlite_connection import SqliteFile
from storage.sqlite_log_tables import LOG_LAYOUT, delete_sql, extend_tables, insert_sql, page_sql

CALLS = LogKind("calls", ("transaction", "source", "target", "note"), ("transaction", "source", "target"))

TRANSACTION = KeyIn("transaction", ("x",))
PEERS = AnyKey((KeyIn("source", ("p",)), KeyIn("target", ("p", "q"))))
NOTE = KeyIn("note", ("n",))


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    file = SqliteFile(tmp_path / "x.db", LOG_LAYOUT)
    file.create()
    connection = file.connect(timeout_s=1)
    extend_tables(connection, [CALLS])
    yield connection
    connection.close()


def plan(connection: sqlite3.Connection, query: LogQuery, after: LogPosition | None) -> list[str]:
    sql = page_sql("t", CALLS, query, after, 0)
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values)]


@pytest.mark.parametrize(
    ("where", "walks"),
    [
        ((), ["index:calls (tenant=?"]),
        ((NOTE,), ["index:calls (tenant=?"]),
        ((TRANSACTION,), ["index:calls:transaction (tenant=? AND key:transaction=?"]),
        ((NOTE, TRANSACTION), ["index:calls:transaction (tenant=? AND key:transaction=?"]),
        (
            (PEERS,),
            [
                "index:calls:source (tenant=? AND key:source=?",
                "index:calls:target (tenant=? AND key:target=?",
                "index:calls:target (tenant=? AND key:target=?",
            ],
        ),
        ((PEERS, TRANSACTION), ["index:calls:transaction (tenant=? AND key:transaction=?"]),
        ((TRANSACTION, KeyIn("source", ("p",))), ["index:calls:transaction (tenant=? AND key:transaction=?"]),
        ((KeyIn("source", ("p",)), TRANSACTION), ["index:calls:source (tenant=? AND key:source=?"]),
        ((AnyKey((TRANSACTION, NOTE)),), ["index:calls (tenant=?"]),
        ((KeyIn("source", tuple("abcdefghijklmnopqrstuvwxyz" * 2)),), ["index:calls (tenant=?"]),
    ],
    ids=["time", "note", "transaction", "both", "peers", "p+t", "t+s", "s+t", "half", "many"],
)
@pytest.mark.parametrize("ascending", [False, True])
@pytest.mark.parametrize("after", [None, LogPosition(5, 0, 5), LogPosition(5, 1, 5)], ids=repr)
def test_a_page_is_walks_along_indexes_that_end_when_it_is_full(
    connection: sqlite3.Connection,
    where: tuple[LogCondition, ...],
    walks: list[str],
    ascending: bool,
    after: LogPosition | None,
) -> None:
    for query in (LogQuery(where, ascending=ascending), LogQuery(where, 1, 9, ascending)):
        steps = plan(connection, query, after)
        searches = [step for step in steps if "tenant=?" in step]
        assert [search.split("INDEX ")[1][: len(walk)] for search, walk in zip(searches, walks, strict=True)] == walks
        assert not [step for step in steps if step.startswith("SCAN t")]
        bounded = after is not None or query.after_ms is not None
        assert all(("at_ms" in search) == bounded for search in searches)


def test_no_walk_sorts(connection: sqlite3.Connection) -> None:
    """Merging is a sort of at most a page per walk; within a walk there is none."""
    assert not [step for step in plan(connection, LogQuery((TRANSACTION,)), None) if "RIGHT PART" in step]
    sorts = [step for step in plan(connection, LogQuery(), None) if "TEMP B-TREE" in step]
    assert len(sorts) <= 1


def test_deleting_uses_the_index_on_time(connection: sqlite3.Connection) -> None:
    sql = delete_sql("t", CALLS, 5, 100)
    steps = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", sql.values)]
    assert any("index:calls (tenant=? AND at_ms<?)" in step for step in steps)
    assert not [step for step in steps if step.startswith("SCAN")]


def test_tables_are_extended_once(connection: sqlite3.Connection) -> None:
    connection.execute(insert_sql(CALLS), (1, "t", "a", "{}", "x", "p", "q", None, 1))
    version = connection.execute("PRAGMA schema_version").fetchone()
    extend_tables(connection, [CALLS, LogKind("calls", ("note",))])
    assert connection.execute("PRAGMA schema_version").fetchone() == version
    more = LogKind("calls", (*CALLS.keys, "extra"), (*CALLS.indexed, "note", "extra"))
    extend_tables(connection, [more])
    sql = page_sql("t", more, LogQuery((KeyIn("note", ("n",)),)), None, 0)
    assert connection.execute(sql.text, sql.values).fetchall() == []
    sql = page_sql("t", more, LogQuery(), None, 0)
    assert connection.execute(sql.text, sql.values).fetchall() == [(1, 1, "a", "{}", "x", "p", "q", None, None)]


def test_many_may_extend_at_once(tmp_path: Path) -> None:
    file = SqliteFile(tmp_path / "many.db", LOG_LAYOUT)
    file.create()

    def extend(_number: int) -> None:
        connection = file.connect(timeout_s=10)
        extend_tables(connection, [CALLS, *(LogKind(f"k{n}", ("a",), ("a",)) for n in range(20))])
        connection.close()

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(extend, range(8))) == [None] * 8


def test_no_value_becomes_part_of_the_text() -> None:
    hostile = "x'; DROP TABLE y; --"
    where = (KeyIn("note", (hostile,)), AnyKey((KeyIn("source", (hostile,)), KeyIn("target", (hostile,)))))
    sql = page_sql(hostile, CALLS, LogQuery(where), LogPosition(1, 1, 1), 0)
    assert "DROP" not in sql.text
    assert sql.text.count("?") == len(sql.values)
