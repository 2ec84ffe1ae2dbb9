import asyncio
import os
import shutil
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from storage import sqlite_query
from storage.documents import AnyElement, Collection, Documents, Eq, Put, Query, Sort
from storage.errors import StoreUnavailable
from storage.group_commit import QueueLimits
from storage.sqlite_documents import SqliteDocuments
from tests.storage.children import both_halves, document_ids, durable_at_kill, durable_on_full_disk

NOTES = Collection("notes", ("number",), ("tags",))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "x.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteDocuments]:
    store = SqliteDocuments(path, busy_timeout_s=0.1, limits=QueueLimits(jobs=5))
    await store.open([NOTES])
    yield store
    await store.close()


@pytest.fixture
def notes(store: SqliteDocuments) -> Documents:
    return store.for_tenant("t")


def held(path: Path) -> sqlite3.Connection:
    """A connection that keeps the file locked for writers."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def damage(path: Path, from_page: int) -> None:
    content = path.read_bytes()
    good = content[: from_page * 4096]
    path.write_bytes(good + b"\xff" * (len(content) - len(good)))


async def test_everything_it_was_told_durable_survives_a_kill(path: Path) -> None:
    durable = durable_at_kill(path, "document")
    found = await document_ids(path)
    assert both_halves(durable) <= set(found)
    assert len(found) % 2 == 0


async def test_a_full_disk_refuses_whole_writes_and_ends(path: Path) -> None:
    durable = durable_on_full_disk(path, "document")
    assert set(await document_ids(path)) == both_halves(durable)


async def test_a_lock_held_by_another_process_is_unavailable_until_it_ends(
    path: Path, notes: Documents, store: SqliteDocuments
) -> None:
    await notes.put(NOTES, "a", {"number": 1}, expected=None)
    with closing(held(path)):
        with pytest.raises(StoreUnavailable, match="locked"):
            await notes.put(NOTES, "b", {}, expected=None)
        with pytest.raises(StoreUnavailable, match="locked"):
            await store.ping()
        # Readers do not wait for writers.
        assert await notes.count(NOTES) == 1
    await notes.put(NOTES, "b", {}, expected=None)
    await store.ping()


async def test_too_many_waiting_writes_are_refused_at_once(path: Path, notes: Documents) -> None:
    with closing(held(path)):
        outcomes = await asyncio.gather(
            *(notes.put(NOTES, str(number), {}, expected=None) for number in range(8)), return_exceptions=True
        )
    texts = [str(outcome) for outcome in outcomes]
    assert ["wait already" in text for text in texts] == [False] * 5 + [True] * 3
    assert await notes.count(NOTES) == 0
    await notes.put(NOTES, "after", {}, expected=None)


async def test_a_damaged_page_is_unavailable_with_the_remedy(path: Path, store: SqliteDocuments) -> None:
    await store.for_tenant("t").put_many([Put(NOTES, str(n), {"number": n, "text": "x" * 3_000}) for n in range(50)])
    await store.close()
    damage(path, from_page=20)
    await store.open([NOTES])
    with pytest.raises(StoreUnavailable, match="damaged: restore it"):
        await store.for_tenant("t").find(NOTES, Query())


async def test_a_damaged_body_is_unavailable(path: Path, notes: Documents) -> None:
    await notes.put(NOTES, "a", {}, expected=None)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE \"documents:notes\" SET body = '{'")
        connection.commit()
    with pytest.raises(StoreUnavailable, match="damaged"):
        await notes.get(NOTES, "a")


async def test_a_restored_backup_is_served_without_a_restart(
    path: Path, store: SqliteDocuments, notes: Documents
) -> None:
    await notes.put(NOTES, "old", {"number": 1}, expected=None)
    await store.close()
    shutil.copy(path, path.with_name("backup"))
    await store.open([NOTES])
    await notes.put(NOTES, "new", {"number": 2}, expected=None)
    for name in ("x.db-wal", "x.db-shm"):
        path.with_name(name).unlink()
    path.with_name("backup").rename(path)
    assert set(await notes.get_many(NOTES, ["old", "new"])) == {"old"}
    await notes.put(NOTES, "new", {"number": 3}, expected=None)
    assert await notes.count(NOTES, (Eq("number", 3),)) == 1


async def test_a_restored_backup_without_the_collection_is_unavailable(
    path: Path, store: SqliteDocuments, notes: Documents
) -> None:
    other = SqliteDocuments(path.with_name("other.db"))
    await other.open([Collection("else")])
    await other.close()
    await notes.put(NOTES, "a", {}, expected=None)
    for name in ("x.db-wal", "x.db-shm"):
        path.with_name(name).unlink()
    path.with_name("other.db").rename(path)
    for _ in range(2):
        with pytest.raises(StoreUnavailable, match="without notes"):
            await notes.put(NOTES, "b", {}, expected=None)
    with pytest.raises(StoreUnavailable, match="no such table"):
        await notes.get(NOTES, "a")


async def test_a_deleted_directory_is_unavailable(path: Path, store: SqliteDocuments, notes: Documents) -> None:
    shutil.rmtree(path.parent)
    for use in (notes.put(NOTES, "a", {}, expected=None), notes.get(NOTES, "a"), store.ping()):
        with pytest.raises(StoreUnavailable, match="gone"):
            await use


async def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no database, only text that is long enough to be looked at" * 20)
    for path, reason in (
        (tmp_path / "text", "not a database"),
        (tmp_path, "directory"),
        (tmp_path / "text" / "x", "exist"),
    ):
        with pytest.raises(StoreUnavailable, match=reason):
            await SqliteDocuments(path).open([NOTES])


async def test_an_older_program_fills_the_fields_of_a_newer_one(
    path: Path, store: SqliteDocuments, notes: Documents
) -> None:
    """Both versions serve the same file while a new release is rolled out."""
    older = await notes.put(NOTES, "before", {"number": 1, "size": 5, "codes": ["x"]}, expected=None)
    newer_notes = Collection("notes", ("number", "size"), ("tags", "codes"))
    newer = SqliteDocuments(path)
    await newer.open([newer_notes])
    await notes.put(NOTES, "after", {"size": 6, "codes": ["x", "y"]}, expected=None)
    await notes.put(NOTES, "before", {"size": 7, "codes": ["y"]}, expected=older.revision)
    found = newer.for_tenant("t")
    assert [one.id for one in (await found.find(newer_notes, Query((Eq("size", 6),)))).documents] == ["after"]
    assert [one.id for one in (await found.find(newer_notes, Query((Eq("size", 7),)))).documents] == ["before"]
    assert await found.count(newer_notes, (Eq("size", 5),)) == 0
    assert await found.count(newer_notes, (AnyElement("codes", ("x",)),)) == 1
    await newer.close()


async def test_opening_more_collections_does_not_disturb_what_runs(path: Path) -> None:
    store = SqliteDocuments(path)
    await store.open([NOTES])
    notes = store.for_tenant("t")
    more = Collection("more", ("x",))
    async with asyncio.TaskGroup() as tasks:
        writing = [tasks.create_task(notes.put(NOTES, str(number), {}, expected=None)) for number in range(5)]
        tasks.create_task(store.open([more]))
    assert all(one.result() for one in writing)
    await store.for_tenant("t").put(more, "a", {"x": 1}, expected=None)
    assert await notes.count(NOTES) == 5
    await store.close()


async def test_a_collection_opened_later_can_be_written_at_once(store: SqliteDocuments) -> None:
    more = Collection("more", ("x",))
    await store.open([more])
    await store.for_tenant("t").put(more, "a", {"x": 1}, expected=None)
    assert await store.for_tenant("t").count(more, (Eq("x", 1),)) == 1


async def test_a_repeated_open_notices_what_another_process_declared(
    path: Path, store: SqliteDocuments, notes: Documents
) -> None:
    newer_notes = Collection("notes", ("number", "size"), ("tags",))
    newer = SqliteDocuments(path)
    await newer.open([newer_notes])
    await store.open([NOTES, Collection("more")])
    await notes.put(NOTES, "a", {"size": 6}, expected=None)
    assert await newer.for_tenant("t").count(newer_notes, (Eq("size", 6),)) == 1
    await newer.close()


async def test_close_leaves_no_thread_and_no_second_file(path: Path, store: SqliteDocuments, notes: Documents) -> None:
    await notes.put(NOTES, "a", {}, expected=None)
    await notes.find(NOTES, Query())
    await store.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("sqlite")]
    assert os.listdir(path.parent) == ["x.db"]


@pytest.mark.parametrize("descending", [False, True])
async def test_a_crowd_is_listed_as_a_few_are(
    notes: Documents, descending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = [{"number": number // 3 or None, "tags": [number % 2, "all"]} for number in range(40)]
    await notes.put_many([Put(NOTES, str(number), body) for number, body in enumerate(bodies)])
    where = (AnyElement("tags", (0, 1)), AnyElement("tags", (1,)))

    async def listed() -> list[str]:
        ids, cursor = [], ""
        while True:
            page = await notes.find(NOTES, Query(where, Sort("number", descending=descending), limit=7, cursor=cursor))
            ids += [one.id for one in page.documents]
            cursor = page.next_cursor
            if not cursor:
                return ids

    few = await listed()
    monkeypatch.setattr(sqlite_query, "CROWD", 20)
    assert await listed() == few
    assert len(few) == 20
