"""The Contracts of one tenant: concurrent writers, aliases, the view, and what is owed. On every embedded back end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from certs.identity import PeerId
from clock import FixedClock
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.state.changes import Change, Topic
from gateway.state.contract_store import COLLECTIONS, ENDED_KEPT_S, ContractStore, IvInUse
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from storage.documents import Delete, Document, Documents, DocumentStore, Put, Query, Sort
from storage.errors import Conflict, StoreUnavailable
from storage.memory import MemoryDocuments
from storage.sqlite_documents import SqliteDocuments
from tests.gateway.harness import (
    CONSUMER,
    FOREIGN,
    OTHER,
    PROVIDER,
    connection,
    key_pair,
    make_content,
)

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
PROFILES = (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1)
ACCEPT, REVOKE = SignatureType.ACCEPT, SignatureType.REVOKE


@pytest.fixture(params=["memory", "sqlite"])
async def documents(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[DocumentStore]:
    store: DocumentStore = MemoryDocuments()
    if request.param == "sqlite":
        store = SqliteDocuments(tmp_path / "contracts.db")
    await store.open(COLLECTIONS)
    yield store
    await store.close()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def store(documents: DocumentStore, clock: FixedClock) -> ContractStore:
    return ContractStore(documents.for_tenant(PROVIDER), clock.now)


def record_of(*grants: Grant, accepted: bool = False, **changes: Any) -> ContractRecord:
    """A Contract with two content hashes, valid when `accepted`."""
    grants = grants or (connection(PAIR, CONSUMER, PROVIDER),)
    content = make_content(*grants, now=NOW, profile=HashProfile.FSC_DEVELOP, **changes)
    parsed = parse_contract_content(content)
    record = ContractRecord(parsed, compute_all(parsed, PROFILES))
    for peer_id in (CONSUMER, PROVIDER) if accepted else ():
        record = record.with_signature(ACCEPT, peer_id, "a.b.c")
    return record


def signed(record: ContractRecord, kind: SignatureType = ACCEPT) -> ContractRecord:
    return record.with_signature(kind, FOREIGN, f"{kind}.b.c")


# -- create and get


async def test_a_contract_is_found_by_every_hash_it_has(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    assert len(record.all_content_hashes) == 2
    for content_hash in record.all_content_hashes:
        assert await store.get(content_hash) == record
    assert await store.get("$1$1$other") is None


async def test_a_contract_is_made_once(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    with pytest.raises(Conflict):
        await store.create(signed(record))
    assert await store.get(record.content_hash) == record


async def test_an_iv_is_used_once(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    with pytest.raises(IvInUse):
        await store.create(record_of(iv=record.content.iv.upper(), created_at=NOW - 1))
    assert await store.get(record.content_hash) == record
    records, _ = await store.page(Query())
    assert records == [record]


async def test_of_many_who_make_one_contract_one_succeeds(store: ContractStore) -> None:
    record = record_of()
    results = await asyncio.gather(*(store.create(record) for _ in range(8)), return_exceptions=True)
    assert [one for one in results if one is None] == [None]
    assert all(isinstance(one, Conflict) for one in results if one is not None)


# -- update


async def test_a_change_is_applied_by_any_hash(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    for content_hash in record.all_content_hashes:
        assert await store.update(content_hash, signed) == signed(record)
    assert await store.get(record.content_hash) == signed(record)


async def test_what_does_not_exist_is_not_changed(store: ContractStore) -> None:
    with pytest.raises(KeyError):
        await store.update("$1$1$other", signed)


async def test_a_change_that_fails_changes_nothing(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)

    def fail(_: ContractRecord) -> ContractRecord:
        raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        await store.update(record.content_hash, fail)
    assert await store.get(record.content_hash) == record


async def test_changes_at_the_same_time_are_all_applied(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)

    def owe(number: int) -> Any:
        def change(current: ContractRecord) -> ContractRecord:
            return replace(
                current, deliveries=(*current.deliveries, Delivery(OTHER, DeliveryAction.SUBMIT, NOW + number))
            )

        return change

    await asyncio.gather(*(store.update(record.content_hash, owe(number)) for number in range(6)))
    present = await store.get(record.content_hash)
    assert present is not None
    assert sorted(one.next_at for one in present.deliveries) == [NOW + number for number in range(6)]


async def test_a_contract_that_never_holds_still_is_given_up(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    documents = store._documents
    turns = 0

    async def meddle() -> None:
        document = await documents.get(COLLECTIONS[0], record.content_hash)
        assert document is not None
        body = {**document.body, "remark": f"{turns}"}
        await documents.put(COLLECTIONS[0], record.content_hash, body, expected=document.revision)

    class Meddled:
        """The same documents, always changed by somebody else just before."""

        def __getattr__(self, name: str) -> Any:
            return getattr(documents, name)

        async def put_many(self, *args: Any) -> Any:
            nonlocal turns
            turns += 1
            await meddle()
            return await documents.put_many(*args)

    store._documents = Meddled()
    with pytest.raises(StoreUnavailable, match="too often"):
        await store.update(record.content_hash, signed)
    assert turns == 8


# -- the view


async def test_the_view_knows_what_was_written_before_the_writer_does(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    for grant_hash in record.all_grant_hashes:
        assert store.valid_by_grant(grant_hash, NOW) == record
    assert store.view.valid(NOW) == [record]
    await store.update(record.content_hash, lambda one: signed(one, REVOKE))
    assert all(store.valid_by_grant(one, NOW) is None for one in record.all_grant_hashes)
    assert store.view.valid(NOW) == []


async def test_the_view_knows_the_time(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    begin, end = record.content.not_before, record.content.not_after
    seen = [store.valid_by_grant(record.grant_hashes[0], at) is not None for at in (begin - 1, begin, end - 1, end)]
    assert seen == [False, True, True, False]


async def test_the_newest_valid_contract_comes_first(store: ContractStore) -> None:
    records = [record_of(accepted=True, created_at=NOW - age) for age in (200, 100, 300)]
    for record in records:
        await store.create(record)
    assert store.view.valid(NOW) == [records[1], records[0], records[2]]


async def test_the_view_knows_who_has_not_signed(store: ContractStore) -> None:
    waiting, done = record_of(), record_of(accepted=True)
    await store.create(waiting)
    await store.create(done)
    assert store.view.waiting_for(PROVIDER) == [waiting]
    await store.update(waiting.content_hash, lambda one: one.with_signature(SignatureType.REJECT, PROVIDER, "a.b.c"))
    assert store.view.waiting_for(PROVIDER) == []


async def test_the_view_is_the_same_after_a_restart(
    documents: DocumentStore, store: ContractStore, clock: FixedClock
) -> None:
    kept = [record_of(accepted=True), record_of()]
    over = [signed(record_of(accepted=True), REVOKE), record_of(accepted=True, valid_s=120)]
    for record in (*kept, *over):
        await store.create(record)
    clock.advance(60)
    again = ContractStore(documents.for_tenant(PROVIDER), clock.now)
    assert again.view.valid(NOW) == []
    await again.load()
    assert again.view.valid(clock.now()) == [kept[0]]
    assert again.view.waiting_for(PROVIDER) == [kept[1]]
    assert again.owed.is_set()


async def test_a_tenant_sees_its_own_contracts_only(
    documents: DocumentStore, store: ContractStore, clock: FixedClock
) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    other = ContractStore(documents.for_tenant(CONSUMER), clock.now)
    await other.load()
    assert await other.get(record.content_hash) is None
    assert other.view.valid(NOW) == []
    await other.create(record)
    await other.update(record.content_hash, lambda one: signed(one, REVOKE))
    assert store.view.valid(NOW) == [record]


async def test_what_ended_a_while_ago_is_forgotten_by_the_view_alone(store: ContractStore, clock: FixedClock) -> None:
    brief, long = record_of(accepted=True, valid_s=120), record_of(accepted=True)
    for record in (brief, long):
        await store.create(record)
    clock.advance(60 + ENDED_KEPT_S)
    store.forget_ended()
    assert brief in store.view.alive()
    clock.advance(1)
    store.forget_ended()
    assert store.view.alive() == [long]
    assert store.view.by_grant(brief.grant_hashes[0]) is None
    assert await store.get(brief.content_hash) == brief
    assert store.view.alive() == [long]
    assert await store.update(brief.content_hash, signed) == signed(brief)


# -- what was written without the writer hearing of it


class Deaf:
    """Documents that do what they are told and never say so."""

    def __init__(self, documents: Any) -> None:
        self._documents = documents

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    async def put(self, *args: Any, **named: Any) -> Any:
        await self._documents.put(*args, **named)
        raise StoreUnavailable("it fell silent")

    async def put_many(self, *args: Any, **named: Any) -> Any:
        await self._documents.put_many(*args, **named)
        raise StoreUnavailable("it fell silent")


async def unheard(store: ContractStore, write: Callable[[], Awaitable[Any]]) -> None:
    documents = store._documents
    store._documents = Deaf(documents)
    try:
        with pytest.raises(StoreUnavailable, match="silent"):
            await write()
    finally:
        store._documents = documents


async def test_a_contract_that_was_made_unheard_is_known_once_it_is_met(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await unheard(store, lambda: store.create(record))
    assert store.valid_by_grant(record.grant_hashes[0], NOW) is None
    assert await store.get_any(record.all_content_hashes) == record
    assert store.valid_by_grant(record.grant_hashes[0], NOW) == record


async def test_a_revocation_that_was_stored_unheard_bites_when_it_is_repeated(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    await unheard(store, lambda: store.update(record.content_hash, lambda one: signed(one, REVOKE)))
    again = await store.update(record.content_hash, lambda one: signed(one, REVOKE))
    assert again == signed(record, REVOKE)
    assert store.valid_by_grant(record.grant_hashes[0], NOW) is None


async def test_a_contract_that_was_made_unheard_is_known_once_it_is_listed(store: ContractStore) -> None:
    record = replace(record_of(accepted=True), made_for="connection brp")
    await unheard(store, lambda: store.create(record))
    assert await store.made_for("connection brp") == [record]
    assert store.view.alive() == [record]


async def test_what_was_read_before_a_write_does_not_undo_it(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    documents = store._documents
    read, written = asyncio.Event(), asyncio.Event()

    class Slow:
        """Documents whose listings take long to arrive."""

        def __getattr__(self, name: str) -> Any:
            return getattr(documents, name)

        async def find(self, *args: Any, **named: Any) -> Any:
            found = await documents.find(*args, **named)
            read.set()
            await written.wait()
            return found

    store._documents = Slow()

    async def revoke() -> None:
        await read.wait()
        await store.update(record.content_hash, lambda one: signed(one, REVOKE))
        written.set()

    seen, _ = await asyncio.gather(store.with_grants(record.grant_hashes), revoke())
    assert seen == [record]
    assert store.view.alive() == []


# -- searching


async def test_contracts_are_found_by_grant_newest_first(store: ContractStore) -> None:
    older, newer, other = (record_of(created_at=NOW - age) for age in (200, 100, 150))
    for record in (older, newer, other):
        await store.create(record)
    wanted = [older.all_grant_hashes[1], newer.all_grant_hashes[0], "$1$3$other"]
    assert await store.with_grants(wanted) == [newer, older]
    assert await store.with_grants([]) == []


async def test_what_involves_a_peer_is_found_until_it_ends(store: ContractStore, clock: FixedClock) -> None:
    mine, short = record_of(), record_of(valid_s=120)
    foreign = record_of(connection(PAIR, CONSUMER, OTHER))
    for record in (mine, short, foreign):
        await store.create(record)
    found = [one.content_hash async for one in store.involving(PROVIDER)]
    assert sorted(found) == sorted([mine.content_hash, short.content_hash])
    clock.advance(60)
    assert [one async for one in store.involving(PROVIDER)] == [mine]


async def test_more_than_a_page_is_found(store: ContractStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.state.contract_store._PAGE", 2)
    for _ in range(5):
        await store.create(record_of())
    assert len([one async for one in store.involving(CONSUMER)]) == 5


async def test_pages_follow_each_other(store: ContractStore) -> None:
    records = [record_of(created_at=NOW - age) for age in range(5)]
    for record in records:
        await store.create(record)
    newest_first = Sort("created_at", descending=True)
    first, cursor = await store.page(Query(sort=newest_first, limit=3))
    rest, end = await store.page(Query(sort=newest_first, limit=3, cursor=cursor))
    assert ([*first, *rest], end) == (records, "")


async def test_what_was_made_for_a_declaration_is_found_whatever_became_of_it(
    store: ContractStore, clock: FixedClock
) -> None:
    older, newer, other, unlabelled = (
        replace(record_of(created_at=NOW - age), made_for=label)
        for age, label in ((200, "connection brp"), (100, "connection brp"), (50, "connection kvk"), (10, ""))
    )
    for record in (older, newer, other, unlabelled):
        await store.create(record)
    ended = await store.update(older.content_hash, lambda one: signed(one, REVOKE))
    clock.advance(365 * 86_400)
    assert await store.made_for("connection brp") == [newer, ended]
    assert await store.made_for("connection bag") == []


async def test_the_view_knows_what_is_alive(store: ContractStore) -> None:
    proposed, valid, ended = record_of(), record_of(accepted=True), signed(record_of(accepted=True), REVOKE)
    for record in (proposed, valid, ended):
        await store.create(record)
    assert sorted(one.content_hash for one in store.view.alive()) == sorted([proposed.content_hash, valid.content_hash])
    assert store.view.get(valid.content_hash) == valid
    assert store.view.get(ended.content_hash) is None
    assert store.view.parties.awaiting() == {proposed.content_hash: {CONSUMER, PROVIDER}}
    await store.update(proposed.content_hash, lambda one: signed(one, REVOKE))
    assert store.view.parties.awaiting() == {}


# -- what is owed


async def test_everything_owed_is_found_and_in_pages_the_next_to_be_tried_first(store: ContractStore) -> None:
    owing = [
        replace(record_of(), deliveries=(Delivery(OTHER, DeliveryAction.SUBMIT, NOW + later),)) for later in (50, 0, 70)
    ]
    for record in (*owing, record_of()):
        await store.create(record)
    assert {one.content_hash async for one in store.owing_anything()} == {one.content_hash for one in owing}
    first, cursor = await store.owing_page(limit=2, cursor="")
    assert first == [owing[1], owing[0]]
    assert await store.owing_page(limit=2, cursor=cursor) == ([owing[2]], "")


async def test_what_is_due_is_found(store: ContractStore) -> None:
    for next_at in (NOW - 10, NOW, NOW + 5, NOW + 70):
        await store.create(replace(record_of(), deliveries=(Delivery(OTHER, DeliveryAction.SUBMIT, next_at),)))
    await store.create(record_of())
    due = [one.deliveries[0].next_at async for one in store.owing(NOW)]
    assert sorted(due) == [NOW - 10, NOW]
    taken = [one.deliveries[0].next_at for one in store.agenda.take_due(NOW)]
    assert sorted(taken) == [NOW - 10, NOW]
    assert store.agenda.next_at() == NOW + 5


async def test_the_worker_is_woken_by_a_debt_and_by_nothing_else(store: ContractStore) -> None:
    record = record_of()
    await store.create(record)
    assert not store.owed.is_set()
    await store.update(
        record.content_hash,
        lambda one: one.signed_by_us(ACCEPT, PROVIDER, "a.b.c", action=DeliveryAction.ACCEPT, now=NOW),
    )
    assert store.owed.is_set()


@pytest.mark.parametrize(("label", "woken"), [("connection brp", True), ("", False)])
async def test_a_declared_contract_that_comes_into_another_state_is_told(
    store: ContractStore, label: str, woken: bool
) -> None:
    record = replace(record_of(), made_for=label)
    await store.create(record)
    await store.update(record.content_hash, lambda one: one.with_signature(ACCEPT, CONSUMER, "a.b.c"))
    assert not store.turned.is_set()  # it still waits for the provider
    await store.update(record.content_hash, lambda one: one.with_signature(ACCEPT, PROVIDER, "a.b.c"))
    assert store.turned.is_set() is woken
    store.turned.clear()
    await store.update(record.content_hash, lambda one: signed(one, REVOKE))
    assert store.turned.is_set() is woken


async def test_a_turn_that_was_not_written_is_not_told(store: ContractStore) -> None:
    record = replace(record_of(accepted=True), made_for="connection brp")
    await store.create(record)
    await unheard(store, lambda: store.update(record.content_hash, lambda one: signed(one, REVOKE)))
    assert not store.turned.is_set()


async def test_a_store_that_is_away_is_told(clock: FixedClock) -> None:
    documents = MemoryDocuments()
    await documents.open(COLLECTIONS)
    store = ContractStore(documents.for_tenant(PROVIDER), clock.now)
    record = record_of(accepted=True)
    await store.create(record)
    documents.available = False
    for call in (
        store.load(),
        store.get(record_of().content_hash),
        store.create(record_of()),
        store.update(record.content_hash, signed),
        store.page(Query()),
        store.with_grants(record.grant_hashes),
    ):
        with pytest.raises(StoreUnavailable):
            await call
    assert store.valid_by_grant(record.grant_hashes[0], NOW) == record


# -- beside other processes


@pytest.fixture
async def shared(documents: DocumentStore, clock: FixedClock, tmp_path: Path) -> AsyncIterator[ContractStore]:
    """The same Contracts as another process has them."""
    other = documents
    if isinstance(documents, SqliteDocuments):
        other = SqliteDocuments(tmp_path / "contracts.db")
        await other.open(COLLECTIONS)
    yield ContractStore(other.for_tenant(PROVIDER), clock.now)
    if other is not documents:
        await other.close()


async def test_what_another_process_wrote_is_known_once_it_is_told(store: ContractStore, shared: ContractStore) -> None:
    record = record_of(accepted=True)
    await shared.create(record)
    assert store.valid_by_grant(record.grant_hashes[0], NOW) is None
    await store.refresh(record.content_hash)
    assert store.valid_by_grant(record.grant_hashes[0], NOW) == record

    await shared.update(record.content_hash, lambda one: signed(one, REVOKE))
    assert store.valid_by_grant(record.grant_hashes[0], NOW) == record
    await store.refresh(record.content_hash)
    assert store.valid_by_grant(record.grant_hashes[0], NOW) is None


async def test_what_nobody_told_is_found_by_looking(
    store: ContractStore, shared: ContractStore, clock: FixedClock
) -> None:
    old, record = record_of(accepted=True), record_of(accepted=True, iv="0192f000-0000-7000-8000-00000000abcd")
    await shared.create(old)
    clock.advance(100)
    await shared.create(record)

    await store.catch_up(NOW + 50)
    assert store.view.alive() == [record]
    await shared.update(record.content_hash, lambda one: signed(one, REVOKE))
    await store.catch_up(NOW + 50)
    assert store.view.alive() == []
    changes = store.changes
    await store.catch_up(NOW + 50)
    assert store.changes == changes
    await store.catch_up(None)
    assert store.view.alive() == [old]


async def test_a_turn_and_a_debt_of_another_process_wake_who_waits(store: ContractStore, shared: ContractStore) -> None:
    record = replace(record_of(accepted=True), made_for="connection brp")
    await shared.create(record.owed_to((FOREIGN,), DeliveryAction.SUBMIT, now=NOW))
    store.owed.clear()
    store.turned.clear()
    await store.refresh(record.content_hash)

    assert store.owed.is_set()
    assert store.turned.is_set()


class Slow:
    """Documents whose writes are heard of late: another process writes in between."""

    def __init__(self, documents: Documents, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._documents = documents
        self._meanwhile: Callable[[], Awaitable[object]] | None = meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._documents, name)

    async def put_many(self, writes: Sequence[Put | Delete]) -> tuple[Document, ...]:
        written = await self._documents.put_many(writes)
        meanwhile, self._meanwhile = self._meanwhile, None
        if meanwhile is not None:
            await meanwhile()
        return written


async def test_a_revocation_between_our_write_and_our_hearing_of_it_stands(
    documents: DocumentStore, shared: ContractStore, clock: FixedClock
) -> None:
    record = record_of()
    await shared.create(record)

    async def revoke() -> None:
        await shared.refresh(record.content_hash)
        await shared.update(record.content_hash, lambda one: signed(one, REVOKE))
        await ours.refresh(record.content_hash)

    ours = ContractStore(cast(Documents, Slow(documents.for_tenant(PROVIDER), revoke)), clock.now)

    def accept(one: ContractRecord) -> ContractRecord:
        return one.with_signature(ACCEPT, CONSUMER, "a.b.c").with_signature(ACCEPT, PROVIDER, "a.b.c")

    await ours.update(record.content_hash, accept)
    assert ours.valid_by_grant(record.grant_hashes[0], NOW) is None


async def test_every_write_is_told_and_one_that_failed_as_one_that_may_have_been(clock: FixedClock) -> None:
    documents, told = MemoryDocuments(), list[Change]()
    await documents.open(COLLECTIONS)
    store = ContractStore(documents.for_tenant(PROVIDER), clock.now, told.append)
    record = record_of()
    await store.create(record)
    with pytest.raises(Conflict):
        await store.create(record)
    documents.available = False
    with pytest.raises(StoreUnavailable):
        await store.update(record.content_hash, signed)

    assert [(one.topic, one.id) for one in told] == [(Topic.CONTRACT, record.content_hash)] * 2
    assert told[0].revision
    assert told[1].revision == ""


async def test_a_view_that_is_not_current_vouches_for_nothing(store: ContractStore) -> None:
    record = record_of(accepted=True)
    await store.create(record)
    store.is_current = False

    with pytest.raises(StoreUnavailable):
        store.valid_by_grant(record.grant_hashes[0], NOW)


async def test_of_many_changes_by_two_processes_at_once_none_is_lost(
    store: ContractStore, shared: ContractStore
) -> None:
    record = record_of()
    await store.create(record)
    others = [PeerId(f"{number:020}") for number in range(1, 41)]

    async def sign_all(by: ContractStore, peers: Sequence[PeerId]) -> None:
        for peer in peers:
            await by.update(record.content_hash, lambda one: one.with_signature(ACCEPT, peer, "a.b.c"))  # noqa: B023

    await asyncio.gather(sign_all(store, others[::2]), sign_all(shared, others[1::2]))
    await store.refresh(record.content_hash)
    found = await store.get(record.content_hash)
    assert found is not None
    assert set(found.signatures[ACCEPT]) == set(others)
