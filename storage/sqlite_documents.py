"""Documents in one SQLite file: the embedded default.

Theory of operation. All writes of a process go through one thread that commits them in groups, each `put_many` as a
savepoint, so that a conflict undoes its own writes and nobody else's; a caller goes on after the commit is on disk.
Reads never wait for writes (write-ahead mode). Other processes may open the same file: SQLite's lock makes writers
take turns, and the file's catalogue tells every writer which columns to fill.

Durability: a commit is one fsync of the write-ahead log (`synchronous = FULL`).
"""

import asyncio
import itertools
import secrets
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.body import parse_body, render_body
from storage.documents import Collection, Condition, Delete, Document, Page, Put, Query, Revision
from storage.errors import StoreUnavailable
from storage.fields import check_collections, check_indexed, check_query, check_text, check_where, check_writes
from storage.group_commit import GroupCommit, QueueLimits
from storage.matching import contains_folded
from storage.paging import DocumentPosition, document_cursor, parse_document_cursor
from storage.sqlite_connection import BUSY_TIMEOUT_S, OPEN_TIMEOUT_S, Link, SqliteFile, no_preparation, unavailable
from storage.sqlite_query import CONTAINS_FUNCTION, count_sql, crowd_sql, documents_sql, elements_wanted, page_sql
from storage.sqlite_readers import Readers
from storage.sqlite_schema import LAYOUT, Table, extend_schema, scalar_value
from storage.sqlite_writer import DocumentWriter, Job, RowDelete, RowPut

_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class _Running:
    readers: Readers
    writer: DocumentWriter
    commits: GroupCommit[Job, None]


class SqliteDocuments:
    """A DocumentStore in the file at `path`. Open it after forking, and in the event loop that will use it."""

    def __init__(
        self,
        path: Path,
        *,
        read_threads: int = 4,
        limits: QueueLimits | None = None,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        """`limits` bound what may wait to be written, `busy_timeout_s` the wait for another process's lock."""
        self._file = SqliteFile(path, LAYOUT)
        self._busy_timeout_s = busy_timeout_s
        self._read_threads = read_threads
        self._limits = limits or QueueLimits()
        self._declared: dict[str, Collection] = {}
        self._running: _Running | None = None
        self._changing = asyncio.Lock()

    async def open(self, collections: Sequence[Collection]) -> None:
        """Make the file where absent, and what the collections need in it.

        Adding a field to a collection that holds documents rewrites their rows under an exclusive lock.
        Raises: StoreUnavailable; ValueError for collections that contradict each other.
        """
        check_collections(collections)
        async with self._changing:
            tables = await asyncio.to_thread(self._prepare_file, collections)
            if self._running is None:
                self._running = self._started(tables)
            else:
                # Any write makes the writer look at what the file declares now.
                await self._running.commits.submit((), 0)
            self._declared.update({collection.name: collection for collection in collections})

    async def close(self) -> None:
        """Commit what was accepted, let running reads end, let go of the file."""
        async with self._changing:
            running, self._running = self._running, None
            if running is not None:
                await running.commits.close()
                await asyncio.to_thread(running.readers.close)
                await asyncio.to_thread(running.writer.close)

    async def ping(self) -> None:
        """Prove that the file can be read and written, by doing both. Raises: StoreUnavailable."""
        running = self.running()
        await running.commits.submit((), 0)
        await running.readers.run(lambda connection: connection.execute("SELECT probes FROM probe").fetchall())

    async def version(self) -> str:
        """Text that differs once anybody wrote to the file. Raises: StoreUnavailable."""
        return self.running().readers.version()

    def for_tenant(self, tenant: str) -> "SqliteTenantDocuments":
        """The documents of one tenant."""
        check_text("tenant", tenant)
        return SqliteTenantDocuments(self, tenant)

    def running(self) -> _Running:
        """What serves reads and writes. Raises: StoreUnavailable when the store is closed."""
        if self._running is None:
            raise StoreUnavailable(f"{self._file.path}: the store is not open")
        return self._running

    def check_opened(self, collection: Collection) -> None:
        """Refuse a collection that was not opened as it is declared here. Raises: ValueError."""
        if self._declared.get(collection.name) != collection:
            raise ValueError(f"collection {collection.name} was not opened with this declaration")

    def _started(self, tables: Mapping[str, Table]) -> _Running:
        writer = DocumentWriter(self._file, tables, busy_timeout_s=self._busy_timeout_s)
        return _Running(
            readers=Readers(self._file, _prepare_reader, threads=self._read_threads),
            writer=writer,
            commits=GroupCommit("sqlite-documents", writer.commit, self._limits),
        )

    def _prepare_file(self, collections: Sequence[Collection]) -> dict[str, Table]:
        link = Link(self._file, no_preparation, timeout_s=OPEN_TIMEOUT_S)
        try:
            self._file.create()
            return link.run(lambda connection: extend_schema(connection, collections))
        except (sqlite3.Error, OSError) as error:
            raise unavailable(self._file.path, error) from error
        finally:
            link.close()


class SqliteTenantDocuments:
    """The documents of one tenant. A write whose caller is cancelled while it waits may still happen."""

    def __init__(self, store: SqliteDocuments, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def get(self, collection: Collection, document_id: str) -> Document | None:
        """The document, or None."""
        return (await self.get_many(collection, (document_id,))).get(document_id)

    async def get_many(self, collection: Collection, document_ids: Sequence[str]) -> dict[str, Document]:
        """Those of the documents that exist, by id."""
        running = self._ready(collection)
        for document_id in document_ids:
            check_text("id", document_id)

        def read(connection: sqlite3.Connection) -> dict[str, Document]:
            found: dict[str, Document] = {}
            for start in range(0, len(document_ids), _IDS_AT_ONCE):
                sql = documents_sql(self._tenant, collection, document_ids[start : start + _IDS_AT_ONCE])
                rows = connection.execute(sql.text, sql.values).fetchall()
                found.update({row[0]: _document(*row) for row in rows})
            return found

        return await running.readers.run(read)

    async def put(
        self, collection: Collection, document_id: str, body: Mapping[str, Any], *, expected: Revision | None
    ) -> Document:
        """Write one document. Raises: Conflict; ValueError for a body that is not JSON."""
        (document,) = await self.put_many((Put(collection, document_id, body, expected),))
        return document

    async def put_many(self, writes: Sequence[Put | Delete]) -> tuple[Document, ...]:
        """All of the writes or none. Raises: Conflict; ValueError as `put`, and for a document written twice."""
        check_writes(writes)
        running = self._store.running()
        job: list[RowPut | RowDelete] = []
        stored: list[Document] = []
        for write in writes:
            self._store.check_opened(write.collection)
            table = running.writer.table(write.collection.name)
            if isinstance(write, Delete):
                job.append(RowDelete(table, self._tenant, write.id, write.expected))
            else:
                row, document = self._row(table, write)
                job.append(row)
                stored.append(document)
        if job:
            size = sum(len(write.text) for write in job if isinstance(write, RowPut))
            await running.commits.submit(tuple(job), size)
        return tuple(stored)

    async def delete(self, collection: Collection, document_id: str, *, expected: Revision) -> None:
        """Remove one document. Raises: Conflict."""
        await self.put_many((Delete(collection, document_id, expected),))

    async def find(self, collection: Collection, query: Query) -> Page:
        """One page of matching documents. Raises: InvalidCursor; ValueError as `check_query`."""
        running = self._ready(collection)
        check_query(collection, query)
        after = None
        if query.cursor:
            after = parse_document_cursor(self._tenant, collection, query.sort, query.cursor)
        crowd = crowd_sql(self._tenant, collection, query)

        def read(connection: sqlite3.Connection) -> Page:
            rows: list[Any] = []
            connection.execute("BEGIN")
            crowds: list[Condition] = []
            if crowd is not None:
                (are_crowds,) = connection.execute(crowd.text, crowd.values).fetchall()
                crowds += itertools.compress(elements_wanted(query), are_crowds)
            for sql in page_sql(self._tenant, collection, query, after, crowds=crowds):
                missing = query.limit + 1 - len(rows)
                rows += connection.execute(sql.text, (*sql.values, missing, query.offset)).fetchall()
            connection.execute("COMMIT")
            return self._page(collection, query, rows)

        return await running.readers.run(read)

    async def count(self, collection: Collection, where: tuple[Condition, ...] = ()) -> int:
        """How many documents match. Raises: ValueError as `check_where`."""
        running = self._ready(collection)
        check_where(collection, where)
        sql = count_sql(self._tenant, collection, where)
        return await running.readers.run(lambda connection: _number(connection, sql.text, sql.values))

    def _ready(self, collection: Collection) -> _Running:
        running = self._store.running()
        self._store.check_opened(collection)
        return running

    def _row(self, table: Table, write: Put) -> tuple[RowPut, Document]:
        text = render_body(write.body)
        body = parse_body(text)
        check_indexed(table.collection, body)
        revision = Revision(secrets.token_hex(8))
        row = RowPut(
            table, self._tenant, write.id, write.expected, revision, text, table.values(body), table.elements(body)
        )
        return row, Document(write.id, revision, body)

    def _page(self, collection: Collection, query: Query, rows: Sequence[Any]) -> Page:
        documents = tuple(_document(*row[:3]) for row in rows[: query.limit])
        if len(rows) <= query.limit:
            return Page(documents, "")
        last_id, _, _, last_value = rows[query.limit - 1]
        position = DocumentPosition(scalar_value(last_value), last_id)
        return Page(documents, document_cursor(self._tenant, collection, query.sort, position))


def _document(document_id: str, revision: str, text: str) -> Document:
    return Document(document_id, Revision(revision), parse_body(text))


def _number(connection: sqlite3.Connection, sql: str, values: Sequence[Any]) -> int:
    ((number,),) = connection.execute(sql, values).fetchall()
    return int(number)


def _prepare_reader(connection: sqlite3.Connection) -> None:
    connection.create_function(CONTAINS_FUNCTION, 2, contains_folded, deterministic=True)
