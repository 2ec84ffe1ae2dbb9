"""Rows as they travel, and as they arrive in tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.log_rows import Group, Value, insert, next_number, render_batch

PLAIN = "INSERT INTO plain VALUES (?, ?, ?) ON CONFLICT (sequence) DO NOTHING"
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES: st.SearchStrategy[Value] = st.one_of(st.none(), TEXT, st.integers(-(2**63), 2**63 - 1))


def made() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    for name in ("plain", 'odd "name'):
        quoted = name.replace('"', '""')
        connection.execute(f'CREATE TABLE "{quoted}" (sequence INTEGER PRIMARY KEY, a, b)')
    return connection


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(made()) as connection:
        yield connection


def rows(connection: sqlite3.Connection) -> list[tuple[int, Value, Value]]:
    return connection.execute("SELECT * FROM plain ORDER BY sequence").fetchall()


@given(st.lists(st.tuples(VALUES, st.lists(VALUES, max_size=4)), max_size=4))
def test_rows_arrive_as_they_were_in_the_order_they_were_added(written: list[tuple[Value, list[Value]]]) -> None:
    batch = {Group(PLAIN, (shared,)): [(one,) for one in own] for shared, own in written}
    with closing(made()) as connection:
        expected = [(shared, one) for shared, own in written for one in own]
        assert insert(connection, [(5, render_batch(batch))]) == len(expected)
        assert rows(connection) == [(5 + at, *pair) for at, pair in enumerate(expected)]


def test_rows_that_are_there_stay_as_they_are(connection: sqlite3.Connection) -> None:
    first, second = (render_batch({Group(PLAIN, (text,)): [(1,), (2,)]}) for text in "ab")
    insert(connection, [(1, first)])
    insert(connection, [(1, first), (2, second)])
    assert rows(connection) == [(1, "a", 1), (2, "a", 2), (3, "b", 2)]


def test_the_next_number_follows_those_of_every_table(connection: sqlite3.Connection) -> None:
    connection.execute("CREATE TABLE other (a)")
    assert next_number(connection) == 1
    connection.execute("INSERT INTO plain VALUES (4, 1, 1)")
    assert next_number(connection) == 5
    connection.execute('INSERT INTO "odd ""name" VALUES (9, 1, 1)')
    assert next_number(connection) == 10
