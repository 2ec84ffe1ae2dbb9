import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.documents import AnyElement, AnyOf, Collection, Condition, Contains, Eq, In, Query, Range, Sort
from storage.matching import contains_folded
from storage.paging import DocumentPosition
from storage.sqlite_connection import SqliteFile
from storage.sqlite_query import (
    CONTAINS_FUNCTION,
    CROWD,
    Sql,
    any_of,
    count_sql,
    crowd_sql,
    documents_sql,
    elements_wanted,
    one_of,
    page_sql,
)
from storage.sqlite_schema import LAYOUT, extend_schema, insert_elements
from storage.sqlite_writer import analyse

PEOPLE = Collection("people", ("bsn", "kind", "at"), ("tags",))

CONDITIONS: list[Condition] = [
    Eq("bsn", "1"),
    Eq("bsn", None),
    In("bsn", ("1", "2")),
    In("bsn", ("1", None)),
    Range("at", gt=1),
    Range("at", gte=1, lt=9),
    Range("bsn", lt="x"),
    Range("at", lte=True),
    Range("at"),
    Contains("bsn", "x"),
    AnyElement("tags", ("a", "b")),
    AnyOf((Eq("bsn", "1"), Eq("kind", "p"))),
    AnyOf((Eq("bsn", "1"), In("kind", ("p", "q")), Range("at", gt=5))),
    AnyOf((Eq("bsn", "1"), AnyElement("tags", ("a",)))),
]
SORTS = [None, Sort("at"), Sort("at", descending=True), Sort("bsn")]
POSITIONS = [None, DocumentPosition(None, "a"), DocumentPosition(5, "a")]


def made(path: Path, number_of_documents: int) -> sqlite3.Connection:
    file = SqliteFile(path, LAYOUT)
    file.create()
    connection = file.connect(timeout_s=1)
    connection.create_function(CONTAINS_FUNCTION, 2, contains_folded, deterministic=True)
    table = extend_schema(connection, [PEOPLE])["people"]
    connection.execute("BEGIN")
    for number in range(number_of_documents):
        body = {"bsn": str(number), "kind": "pq"[number % 2], "at": number, "tags": [number % 1_000]}
        columns = ("r", "{}", *table.values(body), "t", str(number))
        (row,) = connection.execute(table.insert, columns).fetchone()
        insert_elements(connection, PEOPLE, "t", row, table.elements(body))
    connection.execute("COMMIT")
    return connection


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    connection = made(tmp_path_factory.mktemp("query") / "x.db", 0)
    yield connection
    connection.close()


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Many documents, that SQLite has been told about."""
    connection = made(tmp_path_factory.mktemp("query") / "x.db", 3_000)
    analyse(connection)
    yield connection
    connection.close()


@pytest.fixture(params=["empty", "filled"])
def connection(request: pytest.FixtureRequest) -> sqlite3.Connection:
    connection: sqlite3.Connection = request.getfixturevalue(request.param)
    return connection


def plan(connection: sqlite3.Connection, sql: Sql, *more: int) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql.text}", (*sql.values, *more))]


def assert_no_scan(steps: list[str]) -> None:
    """Only the page, which holds as many rows as were asked for, is read from end to end."""
    assert [step for step in steps if "SCAN" in step and step not in ("SCAN page", "SCAN CONSTANT ROW")] == []
    assert any("tenant=?" in step for step in steps)
    assert not [step for step in steps if "AUTOMATIC" in step]


@pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
@pytest.mark.parametrize("sort", SORTS, ids=repr)
def test_no_query_scans(connection: sqlite3.Connection, condition: Condition, sort: Sort | None) -> None:
    for position in POSITIONS:
        for sql in page_sql("t", PEOPLE, Query((condition,), sort), position):
            assert_no_scan(plan(connection, sql, 101, 0))


@pytest.mark.parametrize("condition", CONDITIONS, ids=repr)
def test_no_count_scans(connection: sqlite3.Connection, condition: Condition) -> None:
    assert_no_scan(plan(connection, count_sql("t", PEOPLE, (condition,))))


@pytest.mark.parametrize("sort", SORTS, ids=repr)
@pytest.mark.parametrize("position", POSITIONS, ids=repr)
def test_a_listing_is_a_walk_along_an_index(
    connection: sqlite3.Connection, sort: Sort | None, position: DocumentPosition | None
) -> None:
    for sql in page_sql("t", PEOPLE, Query((), sort), position):
        steps = plan(connection, sql, 101, 0)
        assert_no_scan(steps)
        (walk,) = [step for step in steps if "tenant=?" in step]
        assert "COVERING INDEX" in walk
        # The one sort is of the rows of the page, after they were found.
        assert [step for step in steps if "TEMP B-TREE" in step] == steps[-1:]
        assert steps.index(walk) < len(steps) - 1


def test_an_equality_sorted_by_id_needs_no_sort_of_all_that_match(connection: sqlite3.Connection) -> None:
    (sql,) = page_sql("t", PEOPLE, Query((Eq("kind", "p"),)), None)
    steps = plan(connection, sql, 101, 0)
    assert "(tenant=? AND field:kind=?)" in " ".join(steps)
    assert [step for step in steps if "TEMP B-TREE" in step] == steps[-1:]


@pytest.mark.parametrize("condition", [Eq("kind", "p"), Eq("bsn", "1"), Range("at", gt=1, lt=5)], ids=repr)
def test_counting_reads_nothing_but_the_index(connection: sqlite3.Connection, condition: Condition) -> None:
    (step,) = plan(connection, count_sql("t", PEOPLE, (condition,)))
    assert "COVERING INDEX" in step
    assert f"field:{condition.field}" in step  # type: ignore[union-attr]


def test_documents_are_found_by_the_key(connection: sqlite3.Connection) -> None:
    (step,) = plan(connection, documents_sql("t", PEOPLE, ["a", "b"]))
    assert "(tenant=? AND id=?)" in step


def test_each_side_of_an_alternative_uses_its_own_index(filled: sqlite3.Connection) -> None:
    steps = " ".join(plan(filled, count_sql("t", PEOPLE, (AnyOf((Eq("bsn", "1"), Eq("at", 5))),))))
    assert "(tenant=? AND field:bsn=?)" in steps
    assert "(tenant=? AND field:at=?)" in steps


@pytest.mark.parametrize("where", [(Eq("bsn", "1"), Eq("kind", "p")), (Eq("kind", "p"), Eq("bsn", "1"))], ids=repr)
def test_of_two_equalities_the_selective_one_leads(filled: sqlite3.Connection, where: tuple[Condition, ...]) -> None:
    assert "(tenant=? AND field:bsn=?)" in " ".join(plan(filled, count_sql("t", PEOPLE, where)))
    (sql,) = page_sql("t", PEOPLE, Query(where, Sort("at")), None)
    assert "(tenant=? AND field:bsn=?)" in " ".join(plan(filled, sql, 26, 0))


def test_one_of_nothing_is_never() -> None:
    assert one_of("x", []) == Sql("0")
    assert one_of("x", [None]) == Sql("x IS NULL")
    assert one_of("x", [None, 1]) == Sql("(x IN (?) OR x IS NULL)", (1,))
    assert any_of([]) == Sql("0")


def test_no_value_becomes_part_of_the_text() -> None:
    hostile = "x'; DROP TABLE y; --"
    conditions = (
        Eq("bsn", hostile),
        In("bsn", (hostile,)),
        Range("bsn", gt=hostile),
        Contains("bsn", hostile),
        AnyElement("tags", (hostile,)),
        AnyOf((Eq("bsn", hostile),)),
    )
    for sql in page_sql(hostile, PEOPLE, Query(conditions, Sort("bsn")), DocumentPosition(hostile, hostile)):
        assert "DROP" not in sql.text
        assert sql.text.count("?") == len(sql.values) + 2


@pytest.mark.parametrize("sort", SORTS[1:], ids=repr)
@pytest.mark.parametrize("position", POSITIONS, ids=repr)
def test_a_page_of_a_crowd_is_found_along_the_index_of_its_order(
    connection: sqlite3.Connection, sort: Sort, position: DocumentPosition | None
) -> None:
    crowd = AnyElement("tags", (1,))
    for sql in page_sql("t", PEOPLE, Query((crowd,), sort), position, crowds=[crowd]):
        steps = plan(connection, sql, 101, 0)
        assert_no_scan(steps)
        assert f"COVERING INDEX index:people:{sort.field}" in " ".join(steps)
        assert [step for step in steps if "TEMP B-TREE" in step] == steps[-1:]


@pytest.mark.parametrize("sort", SORTS[1:], ids=repr)
def test_few_among_a_crowd_are_found_without_collecting_the_crowd(connection: sqlite3.Connection, sort: Sort) -> None:
    few, crowd = AnyElement("tags", (1,)), AnyElement("tags", tuple(range(CROWD)))
    (sql,) = page_sql("t", PEOPLE, Query((crowd, few), sort), None, crowds=[crowd])
    steps = plan(connection, sql, 101, 0)
    assert_no_scan(steps)
    assert any("CORRELATED" in step for step in steps)
    everything = count_sql("t", PEOPLE, ())
    if connection.execute(everything.text, everything.values).fetchone()[0]:  # else either way is as good
        assert not any(f"index:people:{sort.field}" in step for step in steps)


def test_a_crowd_is_told_from_a_few(connection: sqlite3.Connection) -> None:
    few, everybody = AnyElement("tags", (1,)), AnyElement("tags", tuple(range(CROWD)))
    everything = count_sql("t", PEOPLE, ())
    filled = connection.execute(everything.text, everything.values).fetchone()[0] >= CROWD

    def crowds(*where: Condition) -> list[bool]:
        query = Query(where, Sort("at"))
        sql = crowd_sql("t", PEOPLE, query)
        assert sql is not None
        (told,) = connection.execute(sql.text, sql.values)
        assert len(told) == len(elements_wanted(query))
        return [bool(one) for one in told]

    assert crowds(everybody) == [filled]
    assert crowds(few) == [False]
    assert crowds(everybody, Eq("bsn", "1"), few) == [filled, False]
    assert crowd_sql("t", PEOPLE, Query((everybody,))) is None
    assert crowd_sql("t", PEOPLE, Query((Eq("bsn", "1"),), Sort("at"))) is None
