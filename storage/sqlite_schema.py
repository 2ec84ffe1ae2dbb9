"""The tables of the embedded document store, and how they grow with what collections declare.

A collection is a table with a column and an index per declared field, and a side table per array field. The file
itself holds the catalogue of what it declares: fields are added, never dropped, and every process that writes fills
all of the file's columns, so an older and a newer version of the program can write the same file.
"""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeAlias

from storage.body import parse_body
from storage.documents import Collection, Scalar
from storage.fields import elements_at, scalar_at

LAYOUT = 1
"""Version of the arrangement below; a change that older programs cannot read counts it up."""

_BACKFILL_ROWS = 500
_ELEMENTS_AT_ONCE = 8
"""Rows in one statement: each statement may have to wait for its turn beside the event loop, so few is quick."""

SqlValue: TypeAlias = str | int | float | bytes | None
Elements: TypeAlias = tuple[frozenset[str | int | float | bytes], ...]
"""The different elements of each array field."""


def quoted(*parts: str) -> str:
    """An SQL identifier made of the parts."""
    return '"' + ":".join(parts).replace('"', '""') + '"'


def column(field: str) -> str:
    """The column of a declared field."""
    return quoted("field", field)


def sql_value(value: Scalar) -> SqlValue:
    """A scalar as SQLite compares it: booleans become a type of their own, so that true is not 1."""
    return bytes([value]) if isinstance(value, bool) else value


def scalar_value(value: SqlValue) -> Scalar:
    """The scalar that `sql_value` stored."""
    return value != b"\0" if isinstance(value, bytes) else value


def sql_element(value: Scalar) -> str | int | float | bytes:
    """The same for an element of an array, where null too needs a value to be found by."""
    stored = sql_value(value)
    return b"" if stored is None else stored


@dataclass(frozen=True, slots=True)
class Table:
    """A collection as it is in the file, with the statements that write to it."""

    collection: Collection
    name: str
    insert: str
    update: str
    delete: str

    def values(self, body: Mapping[str, Any]) -> tuple[SqlValue, ...]:
        """The column values of a body, in the order of the statements."""
        return tuple(sql_value(scalar_at(body, field)) for field in self.collection.fields)

    def elements(self, body: Mapping[str, Any]) -> Elements:
        """The elements of a body for each side table."""
        arrays = (elements_at(body, field) for field in self.collection.array_fields)
        return tuple(frozenset(map(sql_element, array)) for array in arrays)


def table_of(collection: Collection) -> Table:
    """The table of a collection."""
    name = quoted("documents", collection.name)
    columns = [column(field) for field in collection.fields]
    listed = ", ".join(["revision", "body", *columns, "tenant", "id"])
    marks = ", ".join("?" * (4 + len(columns)))
    assigned = ", ".join(f"{one} = ?" for one in ["revision", "body", *columns])
    return Table(
        collection=collection,
        name=name,
        insert=f"INSERT INTO {name} ({listed}) VALUES ({marks}) ON CONFLICT (tenant, id) DO NOTHING RETURNING row",  # noqa: S608
        update=f"UPDATE {name} SET {assigned} WHERE tenant = ? AND id = ? AND revision = ? RETURNING row",  # noqa: S608
        delete=f"DELETE FROM {name} WHERE tenant = ? AND id = ? AND revision = ? RETURNING row",  # noqa: S608
    )


def side_table(collection: str, field: str) -> str:
    """The side table of an array field."""
    return quoted("elements", collection, field)


def load_catalogue(connection: sqlite3.Connection) -> dict[str, Table]:
    """What the file declares, by collection."""
    rows = connection.execute("SELECT collection, fields, array_fields FROM catalogue")
    return {
        name: table_of(Collection(name, tuple(json.loads(fields)), tuple(json.loads(array_fields))))
        for name, fields, array_fields in rows
    }


def extend_schema(connection: sqlite3.Connection, collections: Sequence[Collection]) -> dict[str, Table]:
    """Make or extend what the collections need, under an exclusive lock, all or nothing; returns the catalogue."""
    if _has_catalogue(connection):
        catalogue = load_catalogue(connection)
        if all(_covers(catalogue.get(collection.name), collection) for collection in collections):
            return catalogue
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS catalogue "
        "(collection TEXT PRIMARY KEY, fields TEXT NOT NULL, array_fields TEXT NOT NULL)"
    )
    catalogue = load_catalogue(connection)
    for collection in collections:
        table = catalogue.get(collection.name)
        if not _covers(table, collection):
            _extend(connection, table, collection)
    catalogue = load_catalogue(connection)
    connection.execute("COMMIT")
    return catalogue


def insert_elements(
    connection: sqlite3.Connection,
    collection: Collection,
    tenant: str,
    row: int,
    elements: Elements,
) -> None:
    """Fill the side tables for one document that has no elements in them yet."""
    for field, values in zip(collection.array_fields, elements, strict=True):
        insert = f"INSERT INTO {side_table(collection.name, field)} (tenant, value, row) VALUES "  # noqa: S608
        rows = [(tenant, value, row) for value in values]
        for start in range(0, len(rows), _ELEMENTS_AT_ONCE):
            some = rows[start : start + _ELEMENTS_AT_ONCE]
            connection.execute(insert + ", ".join(["(?, ?, ?)"] * len(some)), list(chain.from_iterable(some)))


def delete_elements(connection: sqlite3.Connection, collection: Collection, row: int) -> None:
    """Empty the side tables for one document."""
    for field in collection.array_fields:
        connection.execute(f"DELETE FROM {side_table(collection.name, field)} WHERE row = ?", (row,))  # noqa: S608


def _has_catalogue(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'catalogue'").fetchone()
    return bool(tables)


def _covers(table: Table | None, wanted: Collection) -> bool:
    return table is not None and _missing(table.collection, wanted) == Collection(wanted.name)


def _missing(known: Collection, wanted: Collection) -> Collection:
    """What `wanted` declares beyond `known`."""
    return Collection(
        wanted.name,
        tuple(field for field in wanted.fields if field not in known.fields),
        tuple(field for field in wanted.array_fields if field not in known.array_fields),
    )


def _extend(connection: sqlite3.Connection, table: Table | None, wanted: Collection) -> None:
    known = table.collection if table is not None else Collection(wanted.name)
    added = _missing(known, wanted)
    name = quoted("documents", wanted.name)
    if table is None:
        # Fields stand before the body, so that reading one never walks through the pages of a long body.
        columns = "".join(f"{column(field)}, " for field in added.fields)
        connection.execute(
            f"CREATE TABLE {name} (row INTEGER PRIMARY KEY, tenant TEXT NOT NULL, id TEXT NOT NULL, "
            f"revision TEXT NOT NULL, {columns}body TEXT NOT NULL, UNIQUE (tenant, id))"
        )
    else:
        for field in added.fields:
            connection.execute(f"ALTER TABLE {name} ADD COLUMN {column(field)}")
    for field in added.array_fields:
        side = side_table(wanted.name, field)
        connection.execute(
            f"CREATE TABLE {side} (tenant TEXT NOT NULL, value NOT NULL, row INTEGER NOT NULL, "
            "PRIMARY KEY (tenant, value, row)) WITHOUT ROWID"
        )
        connection.execute(f"CREATE INDEX {quoted('rows', wanted.name, field)} ON {side} (row)")
    if table is not None:
        _backfill(connection, added)
    # Indexes last: one sort of all rows is quicker than growing row by row.
    for field in added.fields:
        connection.execute(
            f"CREATE INDEX {quoted('index', wanted.name, field)} ON {name} (tenant, {column(field)}, id)"
        )
    connection.execute(
        "INSERT INTO catalogue VALUES (?, ?, ?) ON CONFLICT (collection) "
        "DO UPDATE SET fields = excluded.fields, array_fields = excluded.array_fields",
        (wanted.name, json.dumps(known.fields + added.fields), json.dumps(known.array_fields + added.array_fields)),
    )


def _backfill(connection: sqlite3.Connection, added: Collection) -> None:
    """Fill the added columns and side tables from the bodies that are there."""
    table = table_of(added)
    assigned = ", ".join(f"{column(field)} = ?" for field in added.fields)
    last = -1
    while rows := connection.execute(
        f"SELECT row, tenant, body FROM {table.name} WHERE row > ? ORDER BY row LIMIT {_BACKFILL_ROWS}",  # noqa: S608
        (last,),
    ).fetchall():
        for row, tenant, text in rows:
            body = parse_body(text)
            if added.fields:
                connection.execute(f"UPDATE {table.name} SET {assigned} WHERE row = ?", (*table.values(body), row))  # noqa: S608
            insert_elements(connection, added, tenant, row, table.elements(body))
            last = row
