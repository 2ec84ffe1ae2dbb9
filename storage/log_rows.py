"""Rows of the log on their way into a file: what the serving process sends, its journal keeps, and the tables get.

The log writer's process imports this: nothing here imports more than it has to, so that it stays small.
"""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence

Value = str | int | None
Values = tuple[Value, ...]


class Group:
    """Rows of which all but the last values are the same: those are rendered once."""

    __slots__ = ("prefix",)

    def __init__(self, statement: str, shared: Values) -> None:
        """`statement` adds a row: its number in the file, the shared values, then those of its own."""
        self.prefix = f"[{json.dumps(statement)}, {json.dumps(shared)}, "


Batch = dict[Group, list[Values]]
"""Rows, by what they share; of each the values of its own."""


def render_batch(batch: Mapping[Group, Sequence[Values]]) -> bytes:
    """The rows as JSON: a list of [statement, shared values, [values of its own...]]."""
    return ("[" + ", ".join([f"{group.prefix}{json.dumps(rows)}]" for group, rows in batch.items()]) + "]").encode()


def insert(connection: sqlite3.Connection, batches: Iterable[tuple[int, bytes]]) -> int:
    """Add the rows of rendered batches, each with the number of its first row; returns how many there were.

    Rows that are there already stay as they are: that a batch went in is known only when all is over.
    """
    statements: dict[str, list[list[Value]]] = {}
    total = 0
    for first, payload in batches:
        number = first
        for statement, shared, rows in json.loads(payload):
            added = statements.setdefault(statement, [])
            for own in rows:
                added.append([number, *shared, *own])
                number += 1
        total += number - first
    for statement, added in statements.items():
        connection.executemany(statement, added)
    return total


def next_number(connection: sqlite3.Connection) -> int:
    """The number that the next row of a file can have."""
    last = 0
    for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = {row[1] for row in connection.execute("SELECT * FROM pragma_table_info(?)", (name,))}
        if "sequence" in columns:
            quoted = name.replace('"', '""')
            (found,) = connection.execute(f'SELECT max(sequence) FROM "{quoted}"').fetchone()  # noqa: S608 - quoted
            last = max(last, found or 0)
    return last + 1
