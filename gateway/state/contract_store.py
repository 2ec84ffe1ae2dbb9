"""The Contracts of one tenant: the documents, and a view of them in memory that is never behind what we wrote.

The view answers what the data plane asks on every request (is this Grant valid now?) without touching the store. A
write updates it before the writer is told that it succeeded, so a revocation bites at once.

A write may succeed and nobody hear of it: its writer is cancelled, or the store falls silent in between. So whatever is
read from the documents brings the view up to date, unless the view learned something while it was being read.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from dataclasses import replace

from certs.identity import PeerId
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import grant_aliases
from gateway.fsc.names import ContentHash, GrantHash
from gateway.fsc.state import ContractState
from gateway.state.agenda import Agenda
from gateway.state.connection_index import ConnectionIndex
from gateway.state.contracts import ContractRecord
from gateway.state.party_index import PartyIndex
from gateway.state.proposal_index import ProposalIndex
from gateway.state.publication_index import PublicationIndex
from gateway.state.subject_index import SubjectIndex
from storage.documents import AnyElement, Collection, Document, Documents, Eq, Put, Query, Range, Revision, Sort
from storage.errors import Conflict, StoreUnavailable

CONTRACTS = Collection(
    "contracts",
    fields=("created_at", "not_after", "owed_at", "made_for"),
    array_fields=("content_hashes", "grant_hashes", "grant_types", "peer_ids"),
)
CONTRACT_IVS = Collection("contract_ivs")
COLLECTIONS = (CONTRACTS, CONTRACT_IVS)

ENDED_KEPT_S = 86_400
"""A Contract that has ended is known this long: a clock that was ahead may go back."""

_PAGE = 500
_OWING = Range("owed_at", gte=0)
_ATTEMPTS = 8


class IvInUse(Exception):
    """Another Contract already has this `iv` (FSC Core: it is unique at a Manager)."""


class ContractView:
    """Every Contract that is not over, by content hash and by Grant hash under every allowed profile."""

    def __init__(self) -> None:
        self._contracts: dict[ContentHash, ContractRecord] = {}
        self._by_grant: dict[str, ContractRecord] = {}
        self.connections = ConnectionIndex()
        self.parties = PartyIndex()
        self.proposals = ProposalIndex()
        self.publications = PublicationIndex()
        self.subjects = SubjectIndex()

    def put(self, record: ContractRecord, now: int) -> bool:
        """Know `record` from here on, or forget it when it is rejected, revoked or expired; tells which."""
        self._forget(record.content_hash)
        if record.state(now) not in (ContractState.PROPOSED, ContractState.VALID):
            return False
        self._contracts[record.content_hash] = record
        for grant_hash in record.all_grant_hashes:
            self._by_grant[grant_hash] = record
        self.connections.add(record)
        self.parties.add(record)
        self.proposals.add(record)
        self.publications.add(record)
        self.subjects.add(record)
        return True

    def drop_ended(self, before: int) -> list[ContentHash]:
        """Forget what ended before this instant; tells what that was."""
        ended = [one.content_hash for one in self._contracts.values() if one.content.not_after < before]
        for content_hash in ended:
            self._forget(content_hash)
        return ended

    def by_grant(self, grant_hash: str) -> ContractRecord | None:
        """The Contract that holds this Grant, when it is not over as far as we were told."""
        return self._by_grant.get(grant_hash)

    def get(self, content_hash: ContentHash) -> ContractRecord | None:
        """The Contract, when it is not over as far as we were told."""
        return self._contracts.get(content_hash)

    def valid(self, now: int) -> list[ContractRecord]:
        """Those valid at `now`, newest first."""
        valid = (one for one in self._contracts.values() if one.state(now) is ContractState.VALID)
        return sorted(valid, key=lambda one: (one.content.created_at, one.content_hash), reverse=True)

    def alive(self) -> list[ContractRecord]:
        """Every one of them: proposed or valid as far as we were told, in no order."""
        return list(self._contracts.values())

    def waiting_for(self, peer_id: PeerId) -> list[ContractRecord]:
        """Those that `peer_id` has not signed in any way."""
        return [self._contracts[one] for one in self.parties.unsigned_by(peer_id)]

    def concerning(self, grants: Iterable[Grant]) -> list[ContractRecord]:
        """Those made for a declaration, and those with a Grant about the same as one of these, in no order."""
        return [self._contracts[one] for one in self.subjects.concerning(grants)]

    def _forget(self, content_hash: ContentHash) -> None:
        known = self._contracts.pop(content_hash, None)
        if known is not None:
            for grant_hash in known.all_grant_hashes:
                self._by_grant.pop(grant_hash, None)
            self.connections.remove(known)
            self.parties.remove(known)
            self.proposals.remove(known)
            self.publications.remove(known)
            self.subjects.remove(known)


class ContractStore:
    """Read and write the Contracts of one tenant. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents, now: Callable[[], int]) -> None:
        self._documents = documents
        self._now = now
        self.view = ContractView()
        self.agenda = Agenda()
        self._revisions: dict[ContentHash, Revision] = {}
        """Of every Contract in the view: the revision of the document that it was read from or written to."""
        self._changes = 0
        """How often the view has learned something: what was asked for before the latest may be older than the view."""
        self.owed = asyncio.Event()
        """Set whenever a delivery may have become due: the delivery worker waits for it."""
        self.turned = asyncio.Event()
        """Set whenever a Contract that was made for a declaration came into another state: it may have taken over."""

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
        before = self._changes
        found = await self._documents.get_many(CONTRACTS, content_hashes)
        return next(iter(self._learned(found.values(), before)), None)

    async def create(self, record: ContractRecord) -> None:
        """Store a new Contract. Raises: Conflict when it is there already, IvInUse when another has its `iv`."""
        try:
            written = await self._documents.put_many(
                [
                    Put(CONTRACTS, record.content_hash, record.to_body()),
                    Put(CONTRACT_IVS, record.content.iv.lower(), {"content_hash": record.content_hash}),
                ]
            )
        except Conflict as error:
            if await self._documents.get(CONTRACTS, record.content_hash) is not None:
                raise
            raise IvInUse(record.content.iv) from error
        self._wrote(record, written[0].revision)

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
                written = await self._documents.put(CONTRACTS, before.content_hash, after.to_body(), expected=revision)
            except Conflict:
                continue
            self._wrote(after, written.revision)
            if after.made_for and after.state(self._now()) is not before.state(self._now()):
                self.turned.set()
            return after
        raise StoreUnavailable(f"contract {content_hash} is being changed too often to write it")

    async def page(self, query: Query) -> tuple[list[ContractRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: InvalidCursor."""
        before = self._changes
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

    def valid_by_grant(self, grant_hash: GrantHash | str, now: int) -> ContractRecord | None:
        """The Contract that makes this Grant valid at `now`, from the view: no I/O."""
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
        before = self._changes
        found = (await self._documents.find(CONTRACTS, by_any)).documents
        if not found:
            raise KeyError(content_hash)
        return self._learned(found, before)[0], found[0].revision

    def _viewed(self, content_hash: str) -> tuple[ContractRecord, Revision] | None:
        record = self.view.get(ContentHash(content_hash))
        return None if record is None else (record, self._revisions[record.content_hash])

    def _learned(self, documents: Iterable[Document], before: int) -> list[ContractRecord]:
        """The records, which the view knows from here on unless it learned anything since it was at `before`."""
        is_latest = self._changes == before
        records = []
        for document in documents:
            record = ContractRecord.from_body(document.body)
            if is_latest and self._revisions.get(record.content_hash) != document.revision:
                self._know(record, document.revision)
            records.append(record)
        return records

    def _wrote(self, record: ContractRecord, revision: Revision) -> None:
        self._know(record, revision)
        if record.deliveries:
            self.owed.set()

    def _know(self, record: ContractRecord, revision: Revision) -> None:
        self._changes += 1
        self.agenda.put(record)
        if self.view.put(record, self._now()):
            self._revisions[record.content_hash] = revision
        else:
            self._revisions.pop(record.content_hash, None)
