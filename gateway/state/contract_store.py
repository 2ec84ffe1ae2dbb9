"""The Contracts of one tenant: the documents, and a view of them in memory that is never behind what we wrote.

The view answers what the data plane asks on every request (is this Grant valid now?) without touching the store. A
write updates it before the writer is told that it succeeded, so a revocation bites at once.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

from certs.identity import PeerId
from gateway.fsc.names import ContentHash, GrantHash
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord
from storage.documents import AnyElement, Collection, Document, Documents, Page, Put, Query, Range, Sort
from storage.errors import Conflict, StoreUnavailable

CONTRACTS = Collection(
    "contracts",
    fields=("created_at", "not_after", "owed_at", "made_for"),
    array_fields=("content_hashes", "grant_hashes", "grant_types", "peer_ids"),
)
CONTRACT_IVS = Collection("contract_ivs")
COLLECTIONS = (CONTRACTS, CONTRACT_IVS)

_PAGE = 500
_ATTEMPTS = 8


class IvInUse(Exception):
    """Another Contract already has this `iv` (FSC Core: it is unique at a Manager)."""


class ContractView:
    """Every Contract that is not over, by content hash and by Grant hash under every allowed profile."""

    def __init__(self) -> None:
        self._contracts: dict[ContentHash, ContractRecord] = {}
        self._by_grant: dict[str, ContractRecord] = {}

    def put(self, record: ContractRecord, now: int) -> None:
        """Know `record` from here on, or forget it when it is rejected, revoked or expired."""
        self._forget(record.content_hash)
        if record.state(now) in (ContractState.PROPOSED, ContractState.VALID):
            self._contracts[record.content_hash] = record
            for grant_hash in record.all_grant_hashes:
                self._by_grant[grant_hash] = record

    def by_grant(self, grant_hash: str) -> ContractRecord | None:
        """The Contract that holds this Grant, when it is not over as far as we were told."""
        return self._by_grant.get(grant_hash)

    def valid(self, now: int) -> list[ContractRecord]:
        """Those valid at `now`, newest first."""
        valid = (one for one in self._contracts.values() if one.state(now) is ContractState.VALID)
        return sorted(valid, key=lambda one: (one.content.created_at, one.content_hash), reverse=True)

    def waiting_for(self, peer_id: PeerId) -> list[ContractRecord]:
        """Those that `peer_id` has not signed in any way."""
        return [
            one for one in self._contracts.values() if not any(peer_id in one.signers(kind) for kind in SignatureType)
        ]

    def _forget(self, content_hash: ContentHash) -> None:
        known = self._contracts.pop(content_hash, None)
        if known is not None:
            for grant_hash in known.all_grant_hashes:
                self._by_grant.pop(grant_hash, None)


class ContractStore:
    """Read and write the Contracts of one tenant. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents, now: Callable[[], int]) -> None:
        self._documents = documents
        self._now = now
        self.view = ContractView()
        self.owed = asyncio.Event()
        """Set whenever a delivery may have become due: the delivery worker waits for it."""

    async def load(self) -> None:
        """Fill the view with every Contract whose validity has not ended."""
        now = self._now()
        async for record in self._all(Query(where=(Range("not_after", gt=now),), limit=_PAGE)):
            self.view.put(record, now)
        self.owed.set()

    async def get(self, content_hash: str) -> ContractRecord | None:
        """The Contract with this content hash under any allowed profile."""
        document = await self._document(content_hash)
        return None if document is None else ContractRecord.from_body(document.body)

    async def create(self, record: ContractRecord) -> None:
        """Store a new Contract. Raises: Conflict when it is there already, IvInUse when another has its `iv`."""
        try:
            await self._documents.put_many(
                [
                    Put(CONTRACTS, record.content_hash, record.to_body()),
                    Put(CONTRACT_IVS, record.content.iv.lower(), {"content_hash": record.content_hash}),
                ]
            )
        except Conflict as error:
            if await self._documents.get(CONTRACTS, record.content_hash) is not None:
                raise
            raise IvInUse(record.content.iv) from error
        self._wrote(record)

    async def update(self, content_hash: str, change: Callable[[ContractRecord], ContractRecord]) -> ContractRecord:
        """Apply `change` to the record as it is now and store the result; again when somebody else was first.

        Raises: KeyError when there is no such Contract; whatever `change` raises (then nothing is stored).
        """
        for _ in range(_ATTEMPTS):
            document = await self._document(content_hash)
            if document is None:
                raise KeyError(content_hash)
            before = ContractRecord.from_body(document.body)
            after = change(before)
            if after == before:
                return before
            try:
                await self._documents.put(CONTRACTS, document.id, after.to_body(), expected=document.revision)
            except Conflict:
                continue
            self._wrote(after)
            return after
        raise StoreUnavailable(f"contract {content_hash} is being changed too often to write it")

    async def page(self, query: Query) -> tuple[list[ContractRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: InvalidCursor."""
        page = await self._documents.find(CONTRACTS, query)
        return _records(page), page.next_cursor

    async def with_grants(self, grant_hashes: Iterable[str]) -> list[ContractRecord]:
        """Every Contract with one of these Grants, under any allowed profile."""
        wanted = AnyElement("grant_hashes", tuple(grant_hashes))
        query = Query(where=(wanted,), sort=Sort("created_at", descending=True), limit=_PAGE)
        return [record async for record in self._all(query)]

    async def owing(self, until: int) -> AsyncIterator[ContractRecord]:
        """Every Contract with a delivery due at or before `until`."""
        async for record in self._all(Query(where=(Range("owed_at", lte=until),), limit=_PAGE)):
            yield record

    async def next_owed_at(self, after: int) -> int | None:
        """When the first Contract that owes nothing until `after` owes something; None when there is none."""
        query = Query(where=(Range("owed_at", gt=after),), sort=Sort("owed_at"), limit=1)
        page = await self._documents.find(CONTRACTS, query)
        return page.documents[0].body["owed_at"] if page.documents else None

    async def involving(self, peer_id: PeerId) -> AsyncIterator[ContractRecord]:
        """Every Contract that names `peer_id` and whose validity has not ended."""
        where = (AnyElement("peer_ids", (peer_id,)), Range("not_after", gt=self._now()))
        async for record in self._all(Query(where=where, limit=_PAGE)):
            yield record

    def valid_by_grant(self, grant_hash: GrantHash | str, now: int) -> ContractRecord | None:
        """The Contract that makes this Grant valid at `now`, from the view: no I/O."""
        record = self.view.by_grant(grant_hash)
        return record if record is not None and record.state(now) is ContractState.VALID else None

    async def _all(self, query: Query) -> AsyncIterator[ContractRecord]:
        cursor = query.cursor
        while True:
            page = await self._documents.find(
                CONTRACTS, Query(where=query.where, sort=query.sort, limit=query.limit, cursor=cursor)
            )
            for record in _records(page):
                yield record
            cursor = page.next_cursor
            if not cursor:
                return

    async def _document(self, content_hash: str) -> Document | None:
        document = await self._documents.get(CONTRACTS, content_hash)
        if document is not None:
            return document
        aliased = await self._documents.find(
            CONTRACTS, Query(where=(AnyElement("content_hashes", (content_hash,)),), limit=1)
        )
        return aliased.documents[0] if aliased.documents else None

    def _wrote(self, record: ContractRecord) -> None:
        self.view.put(record, self._now())
        if record.deliveries:
            self.owed.set()


def _records(page: Page) -> list[ContractRecord]:
    return [ContractRecord.from_body(document.body) for document in page.documents]
