"""Who must still hear where our Manager is: exactly those who knew another place, across restarts."""

import asyncio

import pytest

from gateway.fsc.names import ManagerAddress
from gateway.state.announced import COLLECTIONS, AnnouncedAddress
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER

FIRST, SECOND, THIRD = (ManagerAddress(f"https://manager-{name}.example.test:8443") for name in "abc")


@pytest.fixture
async def store() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


def announced(store: MemoryDocuments, tenant: str = PROVIDER) -> AnnouncedAddress:
    return AnnouncedAddress(store.for_tenant(tenant))


async def test_the_first_address_is_known_to_all_by_the_contracts_themselves(store: MemoryDocuments) -> None:
    assert await announced(store).change(FIRST, [FOREIGN]) == frozenset()
    assert await announced(store).change(FIRST, [FOREIGN, OTHER]) == frozenset()


async def test_after_a_change_each_is_to_be_told_once_whatever_is_restarted(store: MemoryDocuments) -> None:
    await announced(store).change(FIRST, [])
    assert await announced(store).change(SECOND, [FOREIGN, OTHER]) == {FOREIGN, OTHER}
    assert await announced(store).change(SECOND, [CONSUMER]) == {FOREIGN, OTHER}
    await announced(store).told(SECOND, FOREIGN)
    await announced(store).told(SECOND, FOREIGN)
    assert await announced(store).change(SECOND, []) == {OTHER}


async def test_what_was_told_of_an_earlier_address_does_not_count(store: MemoryDocuments) -> None:
    await announced(store).change(FIRST, [])
    await announced(store).change(SECOND, [FOREIGN])
    await announced(store).told(FIRST, FOREIGN)
    assert await announced(store).change(SECOND, []) == {FOREIGN}
    assert await announced(store).change(THIRD, [FOREIGN, OTHER]) == {FOREIGN, OTHER}


async def test_nothing_is_told_before_there_is_an_address(store: MemoryDocuments) -> None:
    await announced(store).told(FIRST, FOREIGN)
    assert await announced(store).change(FIRST, [FOREIGN]) == frozenset()


async def test_those_who_tell_at_the_same_time_all_count(store: MemoryDocuments) -> None:
    await announced(store).change(FIRST, [])
    await announced(store).change(SECOND, [FOREIGN, OTHER, CONSUMER])
    await asyncio.gather(*(announced(store).told(SECOND, one) for one in (FOREIGN, OTHER, CONSUMER)))
    assert await announced(store).change(SECOND, [FOREIGN]) == frozenset()


async def test_two_processes_that_note_a_change_at_once_note_the_same(store: MemoryDocuments) -> None:
    await announced(store).change(FIRST, [])
    noted = await asyncio.gather(*(announced(store).change(SECOND, [FOREIGN]) for _ in range(4)))
    assert set(noted) == {frozenset({FOREIGN})}


async def test_a_tenant_has_its_own(store: MemoryDocuments) -> None:
    await announced(store).change(FIRST, [])
    await announced(store).change(SECOND, [FOREIGN])
    assert await announced(store, CONSUMER).change(SECOND, [FOREIGN]) == frozenset()


async def test_a_store_that_is_away_is_told(store: MemoryDocuments) -> None:
    store.available = False
    for call in (announced(store).change(FIRST, []), announced(store).told(FIRST, FOREIGN)):
        with pytest.raises(StoreUnavailable):
            await call
