"""Stores that live in memory, as long as the object: for tests and demos.

They keep every promise of the ports except durability. Setting `available` to False makes every method raise
StoreUnavailable, as a back end that has gone away would.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from storage.body import parse_body, render_body
from storage.documents import Collection, Condition, Delete, Document, JsonObject, Page, Put, Query, Revision
from storage.errors import Conflict, StoreUnavailable
from storage.fields import (
    check_collections,
    check_indexed,
    check_query,
    check_text,
    check_where,
    check_writes,
    elements_at,
    order_key,
    scalar_at,
)
from storage.log import Done, EntryWriter, LogEntry, LogKind, LogPage, LogQuery
from storage.log_checks import alternatives, check_entries, check_kinds, check_log_query, check_shared
from storage.matching import DeclaredValues, matches
from storage.memory_cache import MemoryCache
from storage.paging import (
    DocumentPosition,
    LogPosition,
    document_cursor,
    log_cursor,
    parse_document_cursor,
    parse_log_cursor,
)

__all__ = ["MemoryCache", "MemoryDocuments", "MemoryLog"]


class _Outage:
    """Whether a store is open, and whether a test lets it be unavailable."""

    def __init__(self) -> None:
        self.available = True
        self._is_open = False

    def check_serving(self) -> None:
        """Raises: StoreUnavailable."""
        if not self._is_open or not self.available:
            raise StoreUnavailable("the store in memory is closed, or was made unavailable")

    async def ping(self) -> None:
        """Raise StoreUnavailable when closed or made unavailable."""
        self.check_serving()

    async def close(self) -> None:
        """Refuse later calls; what is stored stays until the object goes."""
        self._is_open = False


@dataclass(frozen=True, slots=True)
class _Stored:
    revision: Revision
    text: str
    values: DeclaredValues

    def document(self, document_id: str) -> Document:
        return Document(document_id, self.revision, parse_body(self.text))


class MemoryDocuments(_Outage):
    """A DocumentStore in memory. Opening it again after `close` finds what was there."""

    def __init__(self) -> None:
        super().__init__()
        self._declared: dict[str, Collection] = {}
        self._stored: defaultdict[tuple[str, str], dict[str, _Stored]] = defaultdict(dict)
        self._writes = 0

    async def open(self, collections: Sequence[Collection]) -> None:
        """Declare the collections. Raises: StoreUnavailable; ValueError for a contradiction."""
        check_collections(collections)
        if not self.available:
            raise StoreUnavailable("the store in memory was made unavailable")
        for collection in collections:
            self._declared[collection.name] = collection
            for (_, name), documents in self._stored.items():
                if name == collection.name:
                    documents.update({key: _redeclared(collection, stored) for key, stored in documents.items()})
        self._is_open = True

    async def version(self) -> str:
        """Text that differs after every write. Raises: StoreUnavailable."""
        self.check_serving()
        return str(self._writes)

    def count_write(self) -> None:
        """Something was written."""
        self._writes += 1

    def for_tenant(self, tenant: str) -> "MemoryTenantDocuments":
        """The documents of one tenant."""
        check_text("tenant", tenant)
        return MemoryTenantDocuments(self, tenant)

    def documents_of(self, tenant: str, collection: Collection) -> dict[str, _Stored]:
        """What is stored for a tenant, by id. Raises: StoreUnavailable; ValueError for an undeclared collection."""
        self.check_serving()
        if self._declared.get(collection.name) != collection:
            raise ValueError(f"collection {collection.name} was not opened with this declaration")
        return self._stored[tenant, collection.name]


class MemoryTenantDocuments:
    """The documents of one tenant."""

    def __init__(self, store: MemoryDocuments, tenant: str) -> None:
        self._store = store
        self._tenant = tenant

    async def get(self, collection: Collection, document_id: str) -> Document | None:
        """The document, or None."""
        return (await self.get_many(collection, (document_id,))).get(document_id)

    async def get_many(self, collection: Collection, document_ids: Sequence[str]) -> dict[str, Document]:
        """Those of the documents that exist, by id."""
        stored = self._store.documents_of(self._tenant, collection)
        for document_id in document_ids:
            check_text("id", document_id)
        return {found: stored[found].document(found) for found in document_ids if found in stored}

    async def put(
        self, collection: Collection, document_id: str, body: Mapping[str, Any], *, expected: Revision | None
    ) -> Document:
        """Write one document. Raises: Conflict; ValueError for a body that is not JSON."""
        (document,) = await self.put_many((Put(collection, document_id, body, expected),))
        return document

    async def put_many(self, writes: Sequence[Put | Delete]) -> tuple[Document, ...]:
        """All of the writes or none. Raises: Conflict; ValueError as `put`, and for a document written twice."""
        self._store.check_serving()
        check_writes(writes)
        prepared = [(write, self._store.documents_of(self._tenant, write.collection), _made(write)) for write in writes]
        for write, stored, _ in prepared:
            now = stored.get(write.id)
            if (now.revision if now is not None else None) != write.expected:
                raise Conflict(write.collection.name, write.id)
        for write, stored, made in prepared:
            if made is None:
                del stored[write.id]
            else:
                stored[write.id] = made
        self._store.count_write()
        return tuple(made.document(write.id) for write, _, made in prepared if made is not None)

    async def delete(self, collection: Collection, document_id: str, *, expected: Revision) -> None:
        """Remove one document. Raises: Conflict."""
        await self.put_many((Delete(collection, document_id, expected),))

    async def find(self, collection: Collection, query: Query) -> Page:
        """One page of matching documents. Raises: InvalidCursor; ValueError as `check_query`."""
        stored = self._store.documents_of(self._tenant, collection)
        check_query(collection, query)
        descending = query.sort is not None and query.sort.descending
        positions = [
            DocumentPosition(None if query.sort is None else one.values.scalars[query.sort.field], document_id)
            for document_id, one in stored.items()
            if all(matches(condition, one.values) for condition in query.where)
        ]
        positions.sort(key=_place, reverse=descending)
        if query.cursor:
            after = _place(parse_document_cursor(self._tenant, collection, query.sort, query.cursor))
            positions = [one for one in positions if (_place(one) < after if descending else _place(one) > after)]
        page = positions[query.offset : query.offset + query.limit]
        more = len(positions) > query.offset + query.limit
        return Page(
            tuple(stored[one.id].document(one.id) for one in page),
            document_cursor(self._tenant, collection, query.sort, page[-1]) if more else "",
        )

    async def count(self, collection: Collection, where: tuple[Condition, ...] = ()) -> int:
        """How many documents match. Raises: ValueError as `check_where`."""
        stored = self._store.documents_of(self._tenant, collection)
        check_where(collection, where)
        return sum(all(matches(condition, one.values) for condition in where) for one in stored.values())


def _made(write: Put | Delete) -> _Stored | None:
    if isinstance(write, Delete):
        return None
    text = render_body(write.body)
    body = parse_body(text)
    check_indexed(write.collection, body)
    return _Stored(Revision(secrets.token_hex(8)), text, _declared_values(write.collection, body))


def _redeclared(collection: Collection, stored: _Stored) -> _Stored:
    return replace(stored, values=_declared_values(collection, parse_body(stored.text)))


def _declared_values(collection: Collection, body: Mapping[str, Any]) -> DeclaredValues:
    return DeclaredValues(
        {field: scalar_at(body, field) for field in collection.fields},
        {field: elements_at(body, field) for field in collection.array_fields},
    )


def _place(position: DocumentPosition) -> tuple[tuple[int, Any], str]:
    return order_key(position.value), position.id


class MemoryLog(_Outage):
    """A LogStore in memory. Opening it again after `close` finds what was there."""

    def __init__(self) -> None:
        super().__init__()
        self._declared: dict[str, LogKind] = {}
        self._entries: defaultdict[tuple[str, str], dict[LogPosition, LogEntry]] = defaultdict(dict)
        self._sequence = 0

    async def open(self, kinds: Sequence[LogKind]) -> None:
        """Declare the kinds. Raises: StoreUnavailable; ValueError for a contradiction."""
        check_kinds(kinds)
        if not self.available:
            raise StoreUnavailable("the log in memory was made unavailable")
        self._declared.update({kind.name: kind for kind in kinds})
        self._is_open = True

    def for_tenant(self, tenant: str, kind: LogKind) -> "MemoryTenantLog":
        """The log of one tenant."""
        check_text("tenant", tenant)
        return MemoryTenantLog(self, tenant, kind)

    def entries_of(self, tenant: str, kind: LogKind) -> dict[LogPosition, LogEntry]:
        """What is stored for a tenant. Raises: StoreUnavailable; ValueError for an undeclared kind."""
        self.check_serving()
        if self._declared.get(kind.name) != kind:
            raise ValueError(f"log {kind.name} was not opened with this declaration")
        return self._entries[tenant, kind.name]

    def next_position(self, at_ms: int) -> LogPosition:
        """Where an entry that arrives now stands."""
        self._sequence += 1
        return LogPosition(at_ms, 0, self._sequence)


class MemoryTenantLog:
    """One kind of log of one tenant."""

    def __init__(self, store: MemoryLog, tenant: str, kind: LogKind) -> None:
        self._store = store
        self._tenant = tenant
        self._kind = kind

    async def append(self, entries: Sequence[LogEntry]) -> None:
        """Keep the entries. Raises: StoreUnavailable; ValueError as `check_entries`."""
        stored = self._store.entries_of(self._tenant, self._kind)
        check_entries(self._kind, entries)
        copies = [_copied(self._kind, entry) for entry in entries]
        stored.update({self._store.next_position(entry.at_ms): entry for entry in copies})

    def writer(self, keys: Mapping[str, str | None], body: JsonObject, *, varying: str) -> EntryWriter:
        """What appends entries that differ in instant and `varying` alone. Raises: ValueError as `check_shared`."""
        check_shared(self._kind, keys, varying)
        shared = _copied(self._kind, LogEntry("", 0, {**keys, varying: ""}, body))

        def write(at_ms: int, value: str, done: Done) -> None:
            check_text(varying, value)
            try:
                stored = self._store.entries_of(self._tenant, self._kind)
            except StoreUnavailable as error:
                done(error)
                return
            entry = LogEntry("", at_ms, {**shared.keys, varying: value}, shared.body)
            stored[self._store.next_position(at_ms)] = entry
            done(None)

        return write

    async def find(self, query: LogQuery) -> LogPage:
        """One page of matching entries. Raises: InvalidCursor; ValueError as `check_log_query`."""
        stored = self._store.entries_of(self._tenant, self._kind)
        check_log_query(self._kind, query)
        positions = sorted(
            (at for at, entry in stored.items() if _satisfies(entry, query)), reverse=not query.ascending
        )
        if query.cursor:
            after = parse_log_cursor(self._tenant, self._kind.name, query.ascending, query.cursor)
            positions = [at for at in positions if (at > after if query.ascending else at < after)]
        page = positions[: query.limit]
        return LogPage(
            tuple(_copied(self._kind, stored[at]) for at in page),
            log_cursor(self._tenant, self._kind.name, query.ascending, page[-1]) if len(positions) > len(page) else "",
        )

    async def delete_before(self, at_ms: int, *, most: int | None = None) -> int:
        """Remove entries older than `at_ms`, no more than `most` where given; returns how many."""
        stored = self._store.entries_of(self._tenant, self._kind)
        old = sorted(at for at in stored if at.at_ms < at_ms)[:most]
        for at in old:
            del stored[at]
        return len(old)


def _copied(kind: LogKind, entry: LogEntry) -> LogEntry:
    # An entry may be older than a key that the kind declares now.
    keys = {key: entry.keys.get(key) for key in kind.keys}
    return LogEntry(entry.id, entry.at_ms, keys, parse_body(render_body(entry.body)))


def _satisfies(entry: LogEntry, query: LogQuery) -> bool:
    return (
        (query.after_ms is None or entry.at_ms > query.after_ms)
        and (query.before_ms is None or entry.at_ms < query.before_ms)
        and all(any(entry.keys.get(one.key) in one.values for one in alternatives(each)) for each in query.where)
    )
