"""The unit of work: reads what a change rests on, collects the writes, and commits all of them or none.

Every document that was read and is written again is written at the revision that was read. Somebody who changed one of
them in between makes the commit fail; the change is then decided again on what is there now. A decision may therefore
run more than once and must do nothing but read, decide and stage.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from random import SystemRandom
from typing import Any, TypeVar

from register.errors import ConcurrentChange
from register.privacy import TenantKeys
from register.records.kinds import CREATED, Kind
from storage.documents import Condition, Delete, Document, Documents, Put, Query, Sort
from storage.errors import Conflict

T = TypeVar("T")

ATTEMPTS = 10
_LONGEST_PAUSE_S = 0.1
_SCAN_PAGE = 500
_random = SystemRandom()


class Unit:
    """One attempt at a change of one tenant's records. What was staged is seen by later reads by id."""

    def __init__(self, documents: Documents, keys: TenantKeys) -> None:
        self.keys = keys
        self._documents = documents
        self._found: dict[tuple[str, str], Document | None] = {}
        self._records: dict[tuple[str, str], Any] = {}
        self._staged: dict[tuple[str, str], Kind[Any]] = {}

    async def get(self, kind: Kind[T], record_id: str | None) -> T | None:
        """The record, or None; also when there is no id to ask for."""
        return None if record_id is None else (await self.get_many(kind, (record_id,))).get(record_id)

    async def get_many(self, kind: Kind[T], record_ids: Iterable[str]) -> dict[str, T]:
        """Those of the records that exist, by id."""
        wanted = tuple(dict.fromkeys(record_ids))
        name = kind.collection.name
        unknown = tuple(each for each in wanted if (name, each) not in self._records)
        if len(unknown) == 1:
            document = await self._documents.get(kind.collection, unknown[0])
            self._remember(kind, unknown[0], document)
        elif unknown:
            documents = await self._documents.get_many(kind.collection, unknown)
            for each in unknown:
                self._remember(kind, each, documents.get(each))
        present = ((each, self._records[name, each]) for each in wanted)
        return {each: record for each, record in present if record is not None}

    async def find_all(self, kind: Kind[T], *where: Condition) -> list[T]:
        """Every stored record that meets the conditions; what is only staged is not searched."""
        found: list[T] = []
        cursor = ""
        while True:
            query = Query(where, sort=Sort(CREATED), limit=_SCAN_PAGE, cursor=cursor)
            page = await self._documents.find(kind.collection, query)
            for document in page.documents:
                key = (kind.collection.name, document.id)
                if key not in self._records:
                    self._remember(kind, document.id, document)
                if self._records[key] is not None:
                    found.append(self._records[key])
            cursor = page.next_cursor
            if not cursor:
                return found

    async def find_some(self, kind: Kind[T], where: tuple[Condition, ...], most: int) -> list[T]:
        """At most so many stored records that meet the conditions; what is only staged is not searched."""
        page = await self._documents.find(kind.collection, Query(where, limit=most))
        return [kind.decode(document.body, self.keys) for document in page.documents]

    def put(self, kind: Kind[T], record: T) -> None:
        """Stage the record: at the revision that was read, or as a new one when none was read."""
        key = (kind.collection.name, kind.key(record))
        self._records[key] = record
        self._staged[key] = kind

    def delete(self, kind: Kind[T], record_id: str) -> None:
        """Stage the removal of a record that was read."""
        key = (kind.collection.name, record_id)
        self._records[key] = None
        self._staged[key] = kind

    async def commit(self) -> None:
        """Write everything staged, or nothing. Durability: as the store's `put_many`. Raises: Conflict."""
        writes: list[Put | Delete] = []
        for key, kind in self._staged.items():
            record, found = self._records[key], self._found.get(key)
            if record is not None:
                body = kind.encode(record, self.keys)
                writes.append(Put(kind.collection, key[1], body, None if found is None else found.revision))
            elif found is not None:
                writes.append(Delete(kind.collection, key[1], found.revision))
        if writes:
            await self._documents.put_many(writes)

    def _remember(self, kind: Kind[T], record_id: str, document: Document | None) -> None:
        key = (kind.collection.name, record_id)
        self._found[key] = document
        self._records[key] = None if document is None else kind.decode(document.body, self.keys)


async def transact(documents: Documents, keys: TenantKeys, decide: Callable[[Unit], Awaitable[T]]) -> T:
    """Decide and commit, again when others changed the same records meanwhile.

    Raises: ConcurrentChange when that keeps happening, and whatever `decide` raises.
    """
    for attempt in range(ATTEMPTS):
        unit = Unit(documents, keys)
        result = await decide(unit)
        try:
            await unit.commit()
        except Conflict:
            await asyncio.sleep(_random.uniform(0, min(_LONGEST_PAUSE_S, 0.002 * 2**attempt)))
            continue
        return result
    raise ConcurrentChange
