import pytest

from storage.documents import Collection, Query
from storage.errors import StoreUnavailable
from storage.log import LogEntry, LogKind
from storage.memory import MemoryDocuments, MemoryLog

NOTES = Collection("notes", ("at",))
CALLS = LogKind("calls", ("peer",))


async def test_two_objects_share_nothing() -> None:
    one, two = MemoryDocuments(), MemoryDocuments()
    for store in (one, two):
        await store.open([NOTES])
    await one.for_tenant("t").put(NOTES, "a", {"at": 1}, expected=None)
    assert (await two.for_tenant("t").find(NOTES, Query())).documents == ()


async def test_unavailable_stores_do_not_open() -> None:
    documents, log = MemoryDocuments(), MemoryLog()
    documents.available = log.available = False
    with pytest.raises(StoreUnavailable):
        await documents.open([NOTES])
    with pytest.raises(StoreUnavailable):
        await log.open([CALLS])


async def test_an_outage_changes_nothing() -> None:
    store = MemoryLog()
    await store.open([CALLS])
    log = store.for_tenant("t", CALLS)
    store.available = False
    with pytest.raises(StoreUnavailable):
        await log.append([LogEntry("a", 1, {"peer": None})])
    store.available = True
    assert await log.delete_before(2) == 0
