"""The part of the document port's definition that is about single documents, revisions, and writing at once."""

import asyncio
from typing import Any

import pytest

from storage.documents import AnyElement, Delete, Documents, DocumentStore, Eq, Put, Revision
from storage.errors import Conflict
from tests.conformance.samples import BARE, NOTES, PEOPLE, STALE, TENANT, refused


class WritingDocuments:
    """Tests that need the fixtures of `DocumentStoreSuite`."""

    # One document

    async def test_get_of_nothing_is_none(self, documents: Documents) -> None:
        assert await documents.get(PEOPLE, "nobody") is None

    async def test_put_then_get_gives_the_same_body(self, documents: Documents) -> None:
        body = {
            "name": "Aïcha 𝄞 \U0010ffff ﬁ",
            "age": 2**63 - 1,
            "deep": {"list": [1, -0.5, None, True, {"": []}], "beyond": 2**80, "text": 'nul \0 quote " \\ \u2028'},
        }
        written = await documents.put(PEOPLE, "a", body, expected=None)
        read = await documents.get(PEOPLE, "a")
        assert written == read
        assert written.id == "a"
        assert written.body == body

    @pytest.mark.parametrize("document_id", ["_design/x", "$1$2$hash-_", "A", "a b/c?d#e", "%", "é𝄞", "x" * 400])
    async def test_any_text_can_be_an_id(self, documents: Documents, document_id: str) -> None:
        await documents.put(BARE, document_id, {"id": "other", "_id": 1, "_rev": 2}, expected=None)
        found = await documents.get(BARE, document_id)
        assert found is not None
        assert (found.id, found.body) == (document_id, {"id": "other", "_id": 1, "_rev": 2})
        assert await documents.get(BARE, document_id.swapcase() + "!") is None

    async def test_ids_that_differ_by_case_are_different(self, documents: Documents) -> None:
        await documents.put(BARE, "abc", {"n": 1}, expected=None)
        await documents.put(BARE, "ABC", {"n": 2}, expected=None)
        assert {key: found.body["n"] for key, found in (await documents.get_many(BARE, ["abc", "ABC"])).items()} == {
            "abc": 1,
            "ABC": 2,
        }

    async def test_a_document_of_two_megabytes_is_kept(self, documents: Documents) -> None:
        body = {"name": "big", "text": "é" * 1_000_000, "tags": ["big"]}
        await documents.put(PEOPLE, "big", body, expected=None)
        found = await documents.get(PEOPLE, "big")
        assert found is not None
        assert found.body == body

    async def test_an_empty_body_is_kept(self, documents: Documents) -> None:
        assert (await documents.put(BARE, "a", {}, expected=None)).body == {}

    async def test_what_the_caller_does_to_a_body_does_not_reach_the_store(self, documents: Documents) -> None:
        body: dict[str, Any] = {"name": "Jan", "list": [1]}
        written = await documents.put(PEOPLE, "a", body, expected=None)
        body["list"].append(2)
        written.body["list"].append(3)
        read = await documents.get(PEOPLE, "a")
        assert read is not None
        read.body["list"].append(4)
        again = await documents.get(PEOPLE, "a")
        assert again is not None
        assert again.body == {"name": "Jan", "list": [1]}

    async def test_what_the_caller_does_to_a_body_during_the_put_does_not_reach_the_store(
        self, documents: Documents
    ) -> None:
        body: dict[str, Any] = {"name": "Jan", "tags": ["a"]}
        async with asyncio.TaskGroup() as tasks:
            putting = tasks.create_task(documents.put(PEOPLE, "a", body, expected=None))
            await asyncio.sleep(0)
            body["name"] = "Piet"
            body["tags"].append("b")
        assert putting.result().body == {"name": "Jan", "tags": ["a"]}
        assert await documents.count(PEOPLE, (Eq("name", "Jan"), AnyElement("tags", ("a",)))) == 1
        assert await documents.count(PEOPLE, (AnyElement("tags", ("b",)),)) == 0

    @pytest.mark.parametrize(
        "body",
        [
            {"x": float("nan")},
            {"x": float("inf")},
            {"x": "\ud800"},
            {"\udfff": 1},
            {"x": b"bytes"},
            {"x": {1, 2}},
            {"name": 2**63},
            {"age": 2**63},
            {"age": -(2**63) - 1},
            {"tags": ["ok", 2**64]},
            {"x": "a" * 15_000_001},
        ],
        ids=lambda body: repr(body)[:30],
    )
    async def test_a_body_that_cannot_be_kept_is_refused(self, documents: Documents, body: dict[str, Any]) -> None:
        with refused():
            await documents.put(PEOPLE, "a", body, expected=None)
        assert await documents.get(PEOPLE, "a") is None

    async def test_an_endless_body_is_refused(self, documents: Documents) -> None:
        body: dict[str, Any] = {}
        body["self"] = body
        with refused():
            await documents.put(PEOPLE, "a", body, expected=None)

    async def test_text_that_is_not_unicode_is_refused_as_an_id(
        self, opened: DocumentStore, documents: Documents
    ) -> None:
        with refused():
            await documents.get(BARE, "\ud800")
        with refused():
            await documents.put(BARE, "\ud800", {}, expected=None)
        with refused():
            opened.for_tenant("\ud800")

    # Revisions

    async def test_a_put_that_expects_nothing_conflicts_with_what_is_there(self, documents: Documents) -> None:
        first = await documents.put(PEOPLE, "a", {"name": "first"}, expected=None)
        with pytest.raises(Conflict) as caught:
            await documents.put(PEOPLE, "a", {"name": "second"}, expected=None)
        assert (caught.value.collection, caught.value.document_id) == ("people", "a")
        assert await documents.get(PEOPLE, "a") == first

    async def test_a_put_at_the_revision_replaces(self, documents: Documents) -> None:
        first = await documents.put(PEOPLE, "a", {"name": "first", "age": 1, "tags": ["x"]}, expected=None)
        second = await documents.put(PEOPLE, "a", {"name": "second", "tags": ["y"]}, expected=first.revision)
        assert second.revision != first.revision
        assert await documents.get(PEOPLE, "a") == second
        assert await documents.count(PEOPLE, (Eq("name", "second"), Eq("age", None))) == 1
        for gone in (Eq("name", "first"), Eq("age", 1), AnyElement("tags", ("x",))):
            assert await documents.count(PEOPLE, (gone,)) == 0

    async def test_a_put_at_another_revision_conflicts(self, documents: Documents) -> None:
        first = await documents.put(PEOPLE, "a", {"name": "first"}, expected=None)
        second = await documents.put(PEOPLE, "a", {"name": "second"}, expected=first.revision)
        for expected in (first.revision, STALE):
            with pytest.raises(Conflict):
                await documents.put(PEOPLE, "a", {"name": "third"}, expected=expected)
        assert await documents.get(PEOPLE, "a") == second

    async def test_a_put_at_a_revision_of_nothing_conflicts(self, documents: Documents) -> None:
        with pytest.raises(Conflict):
            await documents.put(PEOPLE, "a", {"name": "first"}, expected=STALE)
        assert await documents.get(PEOPLE, "a") is None

    async def test_every_write_gives_a_new_revision(self, documents: Documents) -> None:
        seen: list[Revision] = []
        for _ in range(3):
            made = await documents.put(BARE, "a", {"same": 1}, expected=None)
            again = await documents.put(BARE, "a", {"same": 1}, expected=made.revision)
            await documents.delete(BARE, "a", expected=again.revision)
            seen += [made.revision, again.revision]
        assert len(set(seen)) == len(seen)

    async def test_delete_removes(self, documents: Documents) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan", "tags": ["x"]}, expected=None)
        await documents.delete(PEOPLE, "a", expected=made.revision)
        assert await documents.get(PEOPLE, "a") is None
        assert await documents.count(PEOPLE) == 0
        assert await documents.count(PEOPLE, (AnyElement("tags", ("x",)),)) == 0

    async def test_delete_at_another_revision_or_of_nothing_conflicts(self, documents: Documents) -> None:
        made = await documents.put(PEOPLE, "a", {"name": "Jan"}, expected=None)
        for document_id in ("a", "b"):
            with pytest.raises(Conflict):
                await documents.delete(PEOPLE, document_id, expected=STALE)
        assert await documents.get(PEOPLE, "a") == made

    # Many documents

    async def test_get_many_gives_what_exists(self, documents: Documents) -> None:
        made = {key: await documents.put(BARE, key, {"key": key}, expected=None) for key in ("a", "b", "c")}
        assert await documents.get_many(BARE, ["c", "x", "a", "a"]) == {"a": made["a"], "c": made["c"]}
        assert await documents.get_many(BARE, []) == {}

    async def test_get_many_takes_thousands(self, documents: Documents) -> None:
        keys = [f"k{number}" for number in range(1_200)]
        await documents.put_many([Put(BARE, key, {"key": key}) for key in keys])
        found = await documents.get_many(BARE, [*keys, *(f"none{number}" for number in range(40_000))])
        assert {key: one.body["key"] for key, one in found.items()} == {key: key for key in keys}

    async def test_put_many_of_nothing_is_nothing(self, documents: Documents) -> None:
        assert await documents.put_many([]) == ()

    async def test_put_many_writes_over_collections_and_returns_puts_in_order(self, documents: Documents) -> None:
        old = await documents.put(PEOPLE, "old", {"name": "old"}, expected=None)
        kept = await documents.put(NOTES, "kept", {"at": 1}, expected=None)
        written = await documents.put_many(
            [
                Put(NOTES, "new", {"at": 3}),
                Delete(PEOPLE, "old", old.revision),
                Put(NOTES, "kept", {"at": 2}, kept.revision),
                Put(PEOPLE, "kept", {"name": "same id, other collection"}),
            ]
        )
        assert [one.id for one in written] == ["new", "kept", "kept"]
        assert [one.body for one in written] == [{"at": 3}, {"at": 2}, {"name": "same id, other collection"}]
        assert await documents.get(PEOPLE, "old") is None
        assert await documents.get_many(NOTES, ["new", "kept"]) == {"new": written[0], "kept": written[1]}
        assert await documents.get(PEOPLE, "kept") == written[2]

    @pytest.mark.parametrize("place", range(3))
    @pytest.mark.parametrize("kind", ["exists", "stale put", "stale delete", "absent delete"])
    async def test_put_many_with_one_conflict_changes_nothing(
        self, documents: Documents, place: int, kind: str
    ) -> None:
        there = await documents.put(PEOPLE, "there", {"name": "there", "tags": ["t"]}, expected=None)
        doomed = await documents.put(NOTES, "doomed", {"at": 1}, expected=None)
        choices: dict[str, Put | Delete] = {
            "exists": Put(PEOPLE, "there", {"name": "changed"}),
            "stale put": Put(PEOPLE, "there", {"name": "changed"}, STALE),
            "stale delete": Delete(PEOPLE, "there", STALE),
            "absent delete": Delete(PEOPLE, "absent", STALE),
        }
        conflicting = choices[kind]
        writes: list[Put | Delete] = [
            Put(PEOPLE, "new", {"name": "new", "tags": ["t"]}),
            Delete(NOTES, "doomed", doomed.revision),
        ]
        writes.insert(place, conflicting)
        with pytest.raises(Conflict) as caught:
            await documents.put_many(writes)
        assert (caught.value.collection, caught.value.document_id) == ("people", conflicting.id)
        assert await documents.get(PEOPLE, "there") == there
        assert await documents.get(NOTES, "doomed") == doomed
        assert await documents.get(PEOPLE, "new") is None
        assert await documents.count(PEOPLE, (AnyElement("tags", ("t",)),)) == 1

    async def test_put_many_refuses_what_cannot_be_kept_and_changes_nothing(self, documents: Documents) -> None:
        with refused():
            await documents.put_many([Put(PEOPLE, "a", {"name": "ok"}), Put(PEOPLE, "b", {"x": float("nan")})])
        assert await documents.count(PEOPLE) == 0

    async def test_put_many_refuses_one_document_twice(self, documents: Documents) -> None:
        with refused():
            await documents.put_many([Put(PEOPLE, "a", {"name": "one"}), Put(PEOPLE, "a", {"name": "two"})])
        assert await documents.get(PEOPLE, "a") is None

    # Several at once

    async def test_of_concurrent_creators_exactly_one_wins(
        self, opened: DocumentStore, neighbour: DocumentStore
    ) -> None:
        async def create(store: DocumentStore, number: int) -> int | None:
            try:
                await store.for_tenant(TENANT).put(PEOPLE, "one", {"name": str(number)}, expected=None)
            except Conflict:
                return None
            return number

        async with asyncio.TaskGroup() as tasks:
            tries = [tasks.create_task(create((opened, neighbour)[number % 2], number)) for number in range(20)]
        winners = [one.result() for one in tries if one.result() is not None]
        assert len(winners) == 1
        found = await opened.for_tenant(TENANT).get(PEOPLE, "one")
        assert found is not None
        assert found.body == {"name": str(winners[0])}

    async def test_no_concurrent_change_is_lost(self, opened: DocumentStore, neighbour: DocumentStore) -> None:
        await opened.for_tenant(TENANT).put(NOTES, "counter", {"at": 0}, expected=None)

        async def count_up(documents: Documents) -> None:
            for _ in range(5):
                while True:
                    now = await documents.get(NOTES, "counter")
                    assert now is not None
                    try:
                        await documents.put(NOTES, "counter", {"at": now.body["at"] + 1}, expected=now.revision)
                    except Conflict:
                        await asyncio.sleep(0)
                    else:
                        break

        async with asyncio.TaskGroup() as tasks:
            for number in range(6):
                tasks.create_task(count_up((opened, neighbour)[number % 2].for_tenant(TENANT)))
        for store in (opened, neighbour):
            final = await store.for_tenant(TENANT).get(NOTES, "counter")
            assert final is not None
            assert final.body == {"at": 30}

    async def test_a_conflict_does_not_touch_writes_of_the_same_moment(self, documents: Documents) -> None:
        await documents.put(NOTES, "taken", {"at": 0}, expected=None)
        tries = [documents.put(NOTES, f"n{number}", {"at": number}, expected=None) for number in range(10)]
        tries.insert(5, documents.put_many([Put(NOTES, "half", {}), Put(NOTES, "taken", {})]))  # type: ignore[arg-type]
        outcomes = await asyncio.gather(*tries, return_exceptions=True)
        assert [isinstance(outcome, Conflict) for outcome in outcomes] == [place == 5 for place in range(11)]
        assert await documents.count(NOTES) == 11
        assert await documents.get(NOTES, "half") is None

    async def test_a_cancelled_write_does_not_touch_the_others(self, documents: Documents) -> None:
        async with asyncio.TaskGroup() as tasks:
            puts = [tasks.create_task(documents.put(NOTES, f"n{n}", {"at": n}, expected=None)) for n in range(10)]
            await asyncio.sleep(0)
            puts[3].cancel()
        kept = {f"n{number}" for number in range(10) if number != 3}
        assert kept <= set(await documents.get_many(NOTES, [f"n{number}" for number in range(10)]))
        await documents.put(NOTES, "after", {"at": 99}, expected=None)

    async def test_readers_never_see_half_of_a_put_many(self, opened: DocumentStore, neighbour: DocumentStore) -> None:
        writer, reader = opened.for_tenant(TENANT), neighbour.for_tenant(TENANT)
        first = await writer.put_many([Put(NOTES, key, {"at": 0}) for key in ("a", "b")])

        async def write() -> None:
            now = first
            for turn in range(1, 15):
                now = await writer.put_many([Put(NOTES, one.id, {"at": turn}, one.revision) for one in now])

        async with asyncio.TaskGroup() as tasks:
            writing = tasks.create_task(write())
            while not writing.done():
                found = await reader.get_many(NOTES, ["a", "b"])
                assert found["a"].body == found["b"].body
                await asyncio.sleep(0)
