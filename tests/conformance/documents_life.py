"""The part of the document port's definition that is about tenants, opening and closing, and failure."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from storage.documents import (
    INSTALLATION,
    AnyElement,
    Collection,
    Delete,
    Documents,
    DocumentStore,
    Eq,
    Put,
    Query,
)
from storage.errors import Conflict, StoreUnavailable
from tests.conformance.samples import (
    COLLECTIONS,
    NOTES,
    OTHER_TENANT,
    PEOPLE,
    STALE,
    TENANT,
    DocumentBackend,
    refused,
)


class LivingWithDocuments:
    """Tests that need the fixtures of `DocumentStoreSuite`."""

    # Tenants

    async def test_tenants_share_no_ids(self, opened: DocumentStore) -> None:
        tenants = [opened.for_tenant(name) for name in (TENANT, OTHER_TENANT, INSTALLATION)]
        made = [await one.put(PEOPLE, "a", {"name": str(place)}, expected=None) for place, one in enumerate(tenants)]
        for one, document in zip(tenants, made, strict=True):
            assert await one.get(PEOPLE, "a") == document
            assert (await one.find(PEOPLE, Query())).documents == (document,)
            assert await one.count(PEOPLE) == 1

    async def test_no_method_reaches_another_tenant(self, opened: DocumentStore, documents: Documents) -> None:
        body = {"name": "Jan", "age": 1, "tags": ["x"]}
        made = await documents.put(PEOPLE, "a", body, expected=None)
        stranger = opened.for_tenant(OTHER_TENANT)
        assert await stranger.get(PEOPLE, "a") is None
        assert await stranger.get_many(PEOPLE, ["a"]) == {}
        for where in ((), (Eq("name", "Jan"),), (AnyElement("tags", ("x",)),)):
            assert (await stranger.find(PEOPLE, Query(where))).documents == ()
            assert await stranger.count(PEOPLE, where) == 0
        with pytest.raises(Conflict):
            await stranger.put(PEOPLE, "a", {"name": "stolen"}, expected=made.revision)
        with pytest.raises(Conflict):
            await stranger.delete(PEOPLE, "a", expected=made.revision)
        assert await documents.get(PEOPLE, "a") == made

    # Versions

    async def test_the_version_differs_after_a_write_of_anybody(
        self, opened: DocumentStore, neighbour: DocumentStore
    ) -> None:
        seen = [await opened.version()]
        for number, store in enumerate((opened, neighbour, opened)):
            await store.for_tenant(TENANT).put(PEOPLE, str(number), {"name": "Jan"}, expected=None)
            seen.append(await opened.version())
        assert len(set(seen)) == len(seen)

    # Opening, closing, failing

    async def test_what_was_written_is_there_after_a_restart(self, backend: DocumentBackend) -> None:
        first = backend.handle()
        await first.open(COLLECTIONS)
        made = await first.for_tenant(TENANT).put(PEOPLE, "a", {"name": "Jan", "tags": ["x"]}, expected=None)
        await first.close()
        second = backend.handle()
        await second.open(COLLECTIONS)
        documents = second.for_tenant(TENANT)
        assert await documents.get(PEOPLE, "a") == made
        assert (await documents.find(PEOPLE, Query((AnyElement("tags", ("x",)),)))).documents == (made,)
        await second.close()

    async def test_open_can_be_repeated(self, opened: DocumentStore, documents: Documents) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan"}, expected=None)
        await opened.open(COLLECTIONS)
        assert await documents.get(PEOPLE, "a") == made

    async def test_a_closed_store_can_be_opened_again(self, opened: DocumentStore, documents: Documents) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan"}, expected=None)
        await opened.close()
        await opened.close()
        await opened.open(COLLECTIONS)
        assert await documents.get(PEOPLE, "a") == made

    async def test_stores_opened_at_once_agree(self, backend: DocumentBackend) -> None:
        stores = [backend.handle() for _ in range(4)]
        await asyncio.gather(*(store.open(COLLECTIONS) for store in stores))
        made = await stores[0].for_tenant(TENANT).put(PEOPLE, "a", {"name": "Jan"}, expected=None)
        for store in stores:
            assert await store.for_tenant(TENANT).get(PEOPLE, "a") == made
        for store in stores:
            await store.close()

    async def test_newly_declared_fields_find_older_documents(self, backend: DocumentBackend) -> None:
        first = backend.handle()
        old = Collection("things", ("kind",))
        await first.open([old])
        bodies = {f"t{n}": {"kind": "k", "size": n, "in": {"tags": [n, "all"]}} for n in range(3)}
        await first.for_tenant(TENANT).put_many([Put(old, key, body) for key, body in bodies.items()])
        await first.close()
        second = backend.handle()
        new = Collection("things", ("kind", "size"), ("in.tags",))
        await second.open([new])
        documents = second.for_tenant(TENANT)
        assert [one.id for one in (await documents.find(new, Query((Eq("size", 1),)))).documents] == ["t1"]
        assert await documents.count(new, (AnyElement("in.tags", ("all",)),)) == 3
        with refused():
            await documents.count(old)
        await second.close()

    @pytest.mark.parametrize(
        "collections",
        [
            (Collection("a", ("x",)), Collection("a", ("y",))),
            (Collection("a", ("x",)), Collection("A", ("x",))),
            (Collection("a", ("x", "X")),),
            (Collection("a", ("x", "x")),),
            (Collection("a", (), ("x", "X")),),
            (Collection("", ("x",)),),
            (Collection('a"b', ("x",)),),
            (Collection("a" * 101, ("x",)),),
            (Collection("a", ("",)),),
            (Collection("a", ("x..y",)),),
            (Collection("a", ("x\0",)),),
            (Collection("a", ("\ud800",)),),
        ],
        ids=repr,
    )
    async def test_contradicting_or_unusable_declarations_are_refused(
        self, backend: DocumentBackend, collections: tuple[Collection, ...]
    ) -> None:
        with refused():
            await backend.handle().open(collections)

    async def test_odd_paths_can_be_declared(self, backend: DocumentBackend) -> None:
        odd = Collection("Odd.name-1", ('x5t#S256 "quoted"', "sp ace.é.x", "select"), ("from.$in",))
        store = backend.handle()
        await store.open([odd])
        documents = store.for_tenant(TENANT)
        body = {'x5t#S256 "quoted"': "t", "sp ace": {"é": {"x": 1}}, "select": True, "from": {"$in": ["z"]}}
        await documents.put(odd, "a", body, expected=None)
        where = (
            Eq('x5t#S256 "quoted"', "t"),
            Eq("sp ace.é.x", 1),
            Eq("select", True),
            AnyElement("from.$in", ("z",)),
        )
        assert await documents.count(odd, where) == 1
        await store.close()

    async def test_undeclared_collections_are_refused(self, documents: Documents) -> None:
        for stranger in (Collection("unknown"), Collection("people", ("name",))):
            for use in uses_of(documents, stranger):
                with refused():
                    await use()

    async def test_before_open_and_after_close_every_method_is_unavailable(self, backend: DocumentBackend) -> None:
        store = backend.handle()
        documents = store.for_tenant(TENANT)
        await store.open(COLLECTIONS)
        await store.close()
        for use in [*uses_of(documents, PEOPLE), store.ping]:
            with pytest.raises(StoreUnavailable):
                await use()

    async def test_close_finishes_what_was_accepted(self, opened: DocumentStore, documents: Documents) -> None:
        async with asyncio.TaskGroup() as tasks:
            puts = [tasks.create_task(documents.put(NOTES, f"n{n}", {"at": n}, expected=None)) for n in range(20)]
            await asyncio.sleep(0)
            await opened.close()
        assert all(one.result() for one in puts)
        await opened.open(COLLECTIONS)
        assert await documents.count(NOTES) == 20

    async def test_ping_is_silent_when_all_is_well(self, opened: DocumentStore) -> None:
        await opened.ping()

    async def test_when_the_back_end_fails_every_method_is_unavailable_until_it_is_mended(
        self, backend: DocumentBackend, opened: DocumentStore, documents: Documents
    ) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan"}, expected=None)
        backend.break_down()
        for use in [*uses_of(documents, PEOPLE), opened.ping]:
            with pytest.raises(StoreUnavailable):
                await use()
        backend.mend()
        await opened.ping()
        assert await documents.get(PEOPLE, "a") == made
        assert await documents.count(PEOPLE) == 1
        await documents.put(PEOPLE, "a", {"name": "Piet"}, expected=made.revision)


def uses_of(documents: Documents, collection: Collection) -> list[Callable[[], Awaitable[object]]]:
    """Every method, each as one call."""
    return [
        lambda: documents.get(collection, "a"),
        lambda: documents.get_many(collection, ["a"]),
        lambda: documents.put(collection, "b", {}, expected=None),
        lambda: documents.put_many([Put(collection, "b", {}), Delete(collection, "a", STALE)]),
        lambda: documents.delete(collection, "a", expected=STALE),
        lambda: documents.find(collection, Query()),
        lambda: documents.count(collection),
    ]
