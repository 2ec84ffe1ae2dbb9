"""The Contracts of one tenant: the documents, and a view of them in memory that is never behind what we wrote.

The view answers what the data plane asks on every request (is this Grant valid now?) without touching the store. A
write updates it before the writer is told that it succeeded, so a revocation bites at once.

A write may succeed and nobody hear of it: its writer is cancelled, or the store falls silent in between. So whatever is
read from the documents brings the view up to date, unless the view learned something while it was being read.

Other processes may write the same Contracts. Each write is told to them (`changes`), and what they tell is read afresh
(`refresh`); what nobody told is found by its instant of writing (`catch_up`). When the view heard of a Contract while
it was being written here, that is read again: the outcome of two writers is what the store has.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from certs.identity import PeerId
from gateway.fsc.hashes import grant_aliases
from gateway.fsc.names import ContentHash, GrantHash
from gateway.fsc.state import ContractState
from gateway.state.agenda import Agenda
from gateway.state.changes import Change, Tell, Topic, tell_nobody
from gateway.state.contract_view import ContractView
from gateway.state.contracts import ContractRecord
from storage.documents import AnyElement, Collection, Document, Documents, Eq, Put, Query, Range, Revision, Sort
from storage.errors import Conflict, StoreUnavailable

CONTRACTS = Collection(
    "contracts",
    fields=("created_at", "not_after", "owed_at", "made_for", "changed_at"),
    array_fields=("content_hashes", "grant_hashes", "grant_types", "peer_ids"),
)
CONTRACT_IVS = Collection("contract_ivs")
COLLECTIONS = (CONTRACTS, CONTRACT_IVS)

ENDED_KEPT_S = 86_400
"""A Contract that has ended is known this long: a clock that was ahead may go back."""

_PAGE = 500
_AT_A_TIME = 50
"""Contracts that are looked at before others have a turn."""
_OWING = Range("owed_at", gte=0)
_ATTEMPTS = 8
_MAX_OVER = 10_000


class IvInUse(Exception):
    """Another Contract already has this `iv` (FSC Core: it is unique at a Manager)."""


class _Look:
    """A read or write of one Contract under way; overtaken when the view learned of that Contract meanwhile."""

    __slots__ = ("is_overtaken",)

    def __init__(self) -> None:
        self.is_overtaken = False


class ContractStore:
    """Read and write the Contracts of one tenant. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents, now: Callable[[], int], tell: Tell = tell_nobody) -> None:
        """`tell` is told of each write, for other processes."""
        self._documents = documents
        self._now = now
        self._tell = tell
        self._looks: dict[ContentHash, set[_Look]] = {}
        self.is_current = True
        """False when what others wrote could not be read for a while: the view vouches for nothing then."""
        self.view = ContractView()
        self.agenda = Agenda()
        self._revisions: dict[ContentHash, Revision] = {}
        """Of every Contract in the view: the revision of the document that it was read from or written to."""
        self._over: dict[ContentHash, Revision] = {}
        """The same of those that left it lately."""
        self.changes = 0
        """How often the view has learned something: what was asked for before the latest may be older than the view."""
        self.owed = asyncio.Event()
        """Set whenever a delivery may have become due: the delivery worker waits for it."""
        self.turned = asyncio.Event()
        """Set whenever a Contract that was made for a declaration came into another state: it may have taken over."""
        self.learned = asyncio.Event()
        """Set whenever the view learned something: the Outway looks which tokens it needs now."""

    async def load(self) -> None:
        """Fill the view with every Contract whose validity has not ended."""
        cursor = ""
        while True:
            query = Query(where=(Range("not_after", gt=self._now()),), limit=_PAGE, cursor=cursor)
            page = await self._documents.find(CONTRACTS, query)
            for document in page.documents:
                self._know(ContractRecord.from_body(document.body), document.revision)
            cursor = page.next_cursor
            if not cursor:
                break
        self.owed.set()

    def forget_ended(self) -> None:
        """Let the view forget what has ended a while ago; the documents stay."""
        for content_hash in self.view.drop_ended(self._now() - ENDED_KEPT_S):
            del self._revisions[content_hash]

    async def get(self, content_hash: str) -> ContractRecord | None:
        """The Contract with this content hash under any allowed profile: from the view when it is there."""
        try:
            return (self._viewed(content_hash) or await self._read(content_hash))[0]
        except KeyError:
            return None

    async def get_any(self, content_hashes: Sequence[str]) -> ContractRecord | None:
        """The Contract that is signed under one of these, which are the hashes of one content by every profile."""
        for content_hash in content_hashes:
            viewed = self._viewed(content_hash)
            if viewed is not None:
                return viewed[0]
        before = self.changes
        found = await self._documents.get_many(CONTRACTS, content_hashes)
        return next(iter(self._learned(found.values(), before)), None)

    async def create(self, record: ContractRecord) -> None:
        """Store a new Contract. Raises: Conflict when it is there already, IvInUse when another has its `iv`."""
        iv = {"content_hash": record.content_hash}
        puts = [self._put(record, None), Put(CONTRACT_IVS, record.content.iv.lower(), iv)]
        try:
            await self._write(record, puts)
        except Conflict as error:
            if await self._documents.get(CONTRACTS, record.content_hash) is not None:
                raise
            raise IvInUse(record.content.iv) from error

    async def update(self, content_hash: str, change: Callable[[ContractRecord], ContractRecord]) -> ContractRecord:
        """Apply `change` to the record as it is now and store the result; again when somebody else was first.

        Raises: KeyError when there is no such Contract; whatever `change` raises (then nothing is stored).
        """
        for attempt in range(_ATTEMPTS):
            # What the view holds is as a rule the document as it is; the revision tells when it is not.
            viewed = self._viewed(content_hash) if attempt == 0 else None
            before, revision = viewed or await self._read(content_hash)
            after = change(before)
            if after == before:
                return before
            try:
                await self._write(after, [self._put(after, revision)])
            except Conflict:
                continue
            if after.made_for and after.state(self._now()) is not before.state(self._now()):
                self.turned.set()
            return after
        raise StoreUnavailable(f"contract {content_hash} is being changed too often to write it")

    async def page(self, query: Query) -> tuple[list[ContractRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: InvalidCursor."""
        before = self.changes
        page = await self._documents.find(CONTRACTS, query)
        return self._learned(page.documents, before), page.next_cursor

    async def with_grants(self, grant_hashes: Iterable[str]) -> list[ContractRecord]:
        """Every Contract with one of these Grants, under any allowed profile."""
        wanted = AnyElement("grant_hashes", tuple(grant_hashes))
        query = Query(where=(wanted,), sort=Sort("created_at", descending=True), limit=_PAGE)
        return [record async for record in self._all(query)]

    async def aliases_of(self, grant_hashes: Iterable[str]) -> tuple[str, ...]:
        """These Grant hashes, and every other by which an allowed profile names the same Grants."""
        asked = frozenset(grant_hashes)
        records = await self.with_grants(asked) if asked else []
        aliases = (one for record in records for one in grant_aliases(record.hashes) if one & asked)
        return tuple(sorted(asked.union(*aliases)))

    async def made_for(self, label: str) -> list[ContractRecord]:
        """Every Contract that was made for this declaration, whatever became of it, newest first."""
        sort = Sort("created_at", descending=True)
        return [one async for one in self._all(Query(where=(Eq("made_for", label),), sort=sort, limit=_PAGE))]

    async def owing(self, until: int) -> AsyncIterator[ContractRecord]:
        """Every Contract with a delivery due at or before `until`."""
        async for record in self._all(Query(where=(Range("owed_at", lte=until),), limit=_PAGE)):
            yield record

    async def owing_anything(self) -> AsyncIterator[ContractRecord]:
        """Every Contract with a delivery that is not confirmed."""
        async for record in self._all(Query(where=(_OWING,), limit=_PAGE)):
            yield record

    async def owing_page(self, *, limit: int, cursor: str) -> tuple[list[ContractRecord], str]:
        """The Contracts with a delivery that is not confirmed, the first to be tried first. Raises: InvalidCursor."""
        return await self.page(Query(where=(_OWING,), sort=Sort("owed_at"), limit=limit, cursor=cursor))

    async def involving(self, peer_id: PeerId) -> AsyncIterator[ContractRecord]:
        """Every Contract that names `peer_id` and whose validity has not ended."""
        where = (AnyElement("peer_ids", (peer_id,)), Range("not_after", gt=self._now()))
        async for record in self._all(Query(where=where, limit=_PAGE)):
            yield record

    async def refresh(self, content_hash: ContentHash, revision: str = "") -> None:
        """Bring the view up to date with one Contract that another process wrote, at `revision` when that is known."""
        if revision and self._revision_of(content_hash) == revision:
            return
        while True:
            with self._looking_at(content_hash) as look:
                found = (await self._documents.get_many(CONTRACTS, [content_hash])).values()
            if not look.is_overtaken:
                break
        for document in found:
            self._heard(document)

    async def catch_up(self, since: int | None) -> None:
        """Bring the view up to date with what was written since an instant; None: with every Contract there is."""
        where = Range("not_after", gt=self._now()) if since is None else Range("changed_at", gte=since)
        cursor = ""
        while True:
            before = self.changes
            page = await self._documents.find(CONTRACTS, Query(where=(where,), limit=_AT_A_TIME, cursor=cursor))
            for document in page.documents:
                content_hash = ContentHash(document.id)
                if self._revision_of(content_hash) == document.revision:
                    continue
                if self.changes == before:
                    self._heard(document)
                    before = self.changes
                else:
                    await self.refresh(content_hash)
            cursor = page.next_cursor
            if not cursor:
                return
            await asyncio.sleep(0)  # others have a turn

    def valid_by_grant(self, grant_hash: GrantHash | str, now: int) -> ContractRecord | None:
        """The Contract that makes this Grant valid at `now`, from the view: no I/O.

        Raises: StoreUnavailable when the view may be behind what another process wrote.
        """
        if not self.is_current:
            raise StoreUnavailable("what other processes wrote cannot be read: no Contract is known to be valid")
        record = self.view.by_grant(grant_hash)
        return record if record is not None and record.state(now) is ContractState.VALID else None

    async def _all(self, query: Query) -> AsyncIterator[ContractRecord]:
        cursor = query.cursor
        while True:
            records, cursor = await self.page(replace(query, cursor=cursor))
            for record in records:
                yield record
            if not cursor:
                return

    async def _read(self, content_hash: str) -> tuple[ContractRecord, Revision]:
        """Whichever has this hash, by any profile, with its revision. Raises: KeyError."""
        by_any = Query(where=(AnyElement("content_hashes", (content_hash,)),), limit=1)
        before = self.changes
        found = (await self._documents.find(CONTRACTS, by_any)).documents
        if not found:
            raise KeyError(content_hash)
        return self._learned(found, before)[0], found[0].revision

    def _viewed(self, content_hash: str) -> tuple[ContractRecord, Revision] | None:
        record = self.view.get(ContentHash(content_hash))
        return None if record is None else (record, self._revisions[record.content_hash])

    def _learned(self, documents: Iterable[Document], before: int) -> list[ContractRecord]:
        """The records, which the view knows from here on unless it learned anything since it was at `before`."""
        is_latest = self.changes == before
        records = []
        for document in documents:
            record = ContractRecord.from_body(document.body)
            if is_latest and self._revisions.get(record.content_hash) != document.revision:
                self._know(record, document.revision)
            records.append(record)
        return records

    def _put(self, record: ContractRecord, expected: Revision | None) -> Put:
        return Put(CONTRACTS, record.content_hash, {**record.to_body(), "changed_at": self._now()}, expected)

    async def _write(self, record: ContractRecord, puts: Sequence[Put]) -> None:
        """Write what begins with the document of `record`, tell it, and let the view know. Raises: Conflict."""
        content_hash = record.content_hash
        with self._looking_at(content_hash) as look:
            try:
                revision = (await self._documents.put_many(puts))[0].revision
            except Conflict:
                raise
            except BaseException:  # also a cancellation: it may have been written all the same
                self._tell(Change(Topic.CONTRACT, content_hash))
                raise
        self._tell(Change(Topic.CONTRACT, content_hash, revision))
        if look.is_overtaken:
            await self.refresh(content_hash)
        else:
            self._know(record, revision)
        if record.deliveries:
            self.owed.set()

    @contextlib.contextmanager
    def _looking_at(self, content_hash: ContentHash) -> Iterator["_Look"]:
        """Notice whether the view learns of this Contract meanwhile."""
        look = _Look()
        looks = self._looks.setdefault(content_hash, set())
        looks.add(look)
        try:
            yield look
        finally:
            looks.discard(look)
            if not looks:
                self._looks.pop(content_hash, None)

    def _heard(self, document: Document) -> None:
        """Know what another process wrote, and wake who waits for such a thing."""
        record = ContractRecord.from_body(document.body)
        before = self.view.get(record.content_hash)
        self._know(record, document.revision)
        if record.deliveries:
            self.owed.set()
        now = self._now()
        if record.made_for and (before is None or before.state(now) is not record.state(now)):
            self.turned.set()

    def _know(self, record: ContractRecord, revision: Revision) -> None:
        self.changes += 1
        for look in self._looks.get(record.content_hash, ()):
            look.is_overtaken = True
        self.learned.set()
        self.agenda.put(record)
        if self.view.put(record, self._now()):
            self._revisions[record.content_hash] = revision
            self._over.pop(record.content_hash, None)
            return
        self._revisions.pop(record.content_hash, None)
        while len(self._over) >= _MAX_OVER:
            del self._over[next(iter(self._over))]
        self._over[record.content_hash] = revision

    def _revision_of(self, content_hash: ContentHash) -> Revision | None:
        return self._revisions.get(content_hash) or self._over.get(content_hash)
