"""The writing side of the embedded document store: what happens on its one thread.

A job is the writes of one `put_many`: all of them or none. A batch of jobs is one transaction.
"""

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from storage.body import parse_body
from storage.documents import Revision
from storage.errors import Conflict, StoreError, StoreUnavailable
from storage.sqlite_connection import Link, SqliteFile, unavailable
from storage.sqlite_open import PROBE
from storage.sqlite_schema import Elements, SqlValue, Table, delete_elements, insert_elements, load_catalogue

_FIRST_ANALYSIS_AFTER = 100
_ANALYSIS_GROWTH = 4
_ANALYSED_ROWS = 1_000
_REMEMBERED_ROWS = 10_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RowPut:
    """A row to write, as the columns and side tables of `table` want it."""

    table: Table
    tenant: str
    id: str
    expected: Revision | None
    revision: Revision
    text: str
    values: tuple[SqlValue, ...]
    elements: Elements


@dataclass(frozen=True, slots=True)
class RowDelete:
    """A row to remove."""

    table: Table
    tenant: str
    id: str
    expected: Revision


Job: TypeAlias = tuple[RowPut | RowDelete, ...]
"""No writes at all is a probe: it proves that the file can be written."""


class DocumentWriter:
    """Commits batches of jobs; used by one thread."""

    def __init__(self, file: SqliteFile, tables: Mapping[str, Table], *, busy_timeout_s: float) -> None:
        """`tables` is what the file's catalogue holds now."""
        self.tables = tables
        self._path = file.path
        self._link = Link(file, self._forget_schema, timeout_s=busy_timeout_s)
        self._schema_version: int | None = None
        self._written = 0
        self._elements: dict[tuple[str, int], tuple[Revision, Elements]] = {}
        """Of rows written lately: the elements in their side tables, as of a revision."""
        self._analyse_at = _FIRST_ANALYSIS_AFTER

    def commit(self, jobs: Sequence[Job]) -> Sequence[StoreError | None]:
        """Commit the jobs; a job in conflict has no effect and gets its Conflict. Raises: StoreUnavailable."""
        try:
            return self._link.run(lambda connection: self._transaction(connection, jobs))
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._path, error) from error

    def table(self, collection: str) -> Table:
        """The table of a collection as last seen; may be asked from any thread. Raises: StoreUnavailable."""
        table = self.tables.get(collection)
        if table is None:
            raise StoreUnavailable(
                f"{self._path}: the file was replaced by one without {collection}: restart the program"
            )
        return table

    def close(self) -> None:
        """Let go of the file."""
        self._link.close()

    def _transaction(self, connection: sqlite3.Connection, jobs: Sequence[Job]) -> Sequence[StoreError | None]:
        connection.execute("BEGIN IMMEDIATE")
        self._follow_schema(connection)
        outcomes = [self._apply_job(connection, job) for job in jobs]
        connection.execute("COMMIT")
        self._written += sum(map(len, jobs))
        if self._written >= self._analyse_at:
            self._analyse_at = _ANALYSIS_GROWTH * self._written
            analyse(connection)
        return outcomes

    def _apply_job(self, connection: sqlite3.Connection, job: Job) -> StoreError | None:
        if not job:
            connection.execute(PROBE)
            return None
        if len(job) == 1:  # in conflict it has changed nothing: there is nothing to take back
            (write,) = job
            applied = self._apply(connection, write)
            return None if applied else Conflict(write.table.collection.name, write.id)
        connection.execute("SAVEPOINT job")
        for write in job:
            if not self._apply(connection, write):
                connection.execute("ROLLBACK TO job")
                connection.execute("RELEASE job")
                return Conflict(write.table.collection.name, write.id)
        connection.execute("RELEASE job")
        return None

    def _apply(self, connection: sqlite3.Connection, write: RowPut | RowDelete) -> bool:
        """Write one row; False when the document is not at the expected revision."""
        table = self.table(write.table.collection.name)
        key = (write.tenant, write.id)
        if isinstance(write, RowDelete):
            row = _written_row(connection, table.delete, (*key, write.expected))
            if row is not None:
                delete_elements(connection, table.collection, row)
            return row is not None
        if table != write.table:
            write = _refilled(write, table)
        columns = (write.revision, write.text, *write.values, *key)
        if write.expected is None:
            row = _written_row(connection, table.insert, columns)
        else:
            row = _written_row(connection, table.update, (*columns, write.expected))
        if row is not None and table.collection.array_fields:
            self._write_elements(connection, table, write, row)
        return row is not None

    def _write_elements(self, connection: sqlite3.Connection, table: Table, write: RowPut, row: int) -> None:
        """Bring the side tables up to date; most updates of a document leave its elements as they are."""
        key = (table.name, row)
        if write.expected is None or self._elements.pop(key, None) != (write.expected, write.elements):
            if write.expected is not None:
                delete_elements(connection, table.collection, row)
            insert_elements(connection, table.collection, write.tenant, row, write.elements)
        while len(self._elements) >= _REMEMBERED_ROWS:
            del self._elements[next(iter(self._elements))]
        self._elements[key] = (write.revision, write.elements)

    def _follow_schema(self, connection: sqlite3.Connection) -> None:
        """Notice fields that another process declared since: their columns must be filled from now on."""
        (version,) = connection.execute("PRAGMA schema_version").fetchone()
        if version != self._schema_version:
            self.tables = load_catalogue(connection)
            self._schema_version = version

    def _forget_schema(self, _connection: sqlite3.Connection) -> None:
        self._schema_version = None


def _refilled(write: RowPut, table: Table) -> RowPut:
    """The same write for a table that has got more columns since it was prepared."""
    body = parse_body(write.text)
    return replace(write, table=table, values=table.values(body), elements=table.elements(body))


def _written_row(connection: sqlite3.Connection, statement: str, values: Sequence[SqlValue]) -> int | None:
    rows = connection.execute(statement, values).fetchall()
    return rows[0][0] if rows else None


def analyse(connection: sqlite3.Connection) -> None:
    """Tell SQLite how selective each index is, from a sample.

    Dropping the old figures makes every connection of every process read the new ones. A failure costs speed alone.
    """
    try:
        connection.execute(f"PRAGMA analysis_limit = {_ANALYSED_ROWS}")
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DROP TABLE IF EXISTS sqlite_stat1")
        connection.execute("ANALYZE")
        connection.execute("COMMIT")
    except sqlite3.Error:
        _log.warning("sqlite_analysis_failed", exc_info=True)
