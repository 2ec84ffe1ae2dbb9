import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from register.errors import ConcurrentChange
from register.model.partij import Partij, SoortPartij
from register.privacy import TenantKeys
from register.records.kinds import COLLECTIONS, PARTIJEN, UNIQUE_KEYS, UniqueKey
from register.records.unit import ATTEMPTS, Unit, transact
from storage.documents import Documents, Eq
from storage.errors import Conflict
from storage.memory import MemoryDocuments

KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
PARTIJ = Partij("p", 1, SoortPartij.PERSOON, indicatie_actief=True)


@pytest.fixture
async def documents() -> AsyncIterator[Documents]:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    yield store.for_tenant("t")
    await store.close()


async def put(documents: Documents, *partijen: Partij) -> None:
    unit = Unit(documents, KEYS)
    await unit.get_many(PARTIJEN, [each.uuid for each in partijen])
    for partij in partijen:
        unit.put(PARTIJEN, partij)
    await unit.commit()


async def test_nothing_is_written_before_the_commit(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    unit.put(PARTIJEN, PARTIJ)
    assert await unit.get(PARTIJEN, "p") == PARTIJ
    assert await Unit(documents, KEYS).get(PARTIJEN, "p") is None
    await unit.commit()
    assert await Unit(documents, KEYS).get(PARTIJEN, "p") == PARTIJ


async def test_what_is_staged_is_what_is_read(documents: Documents) -> None:
    await put(documents, PARTIJ)
    unit = Unit(documents, KEYS)
    await unit.get(PARTIJEN, "p")
    unit.put(PARTIJEN, replace(PARTIJ, naam="nieuw"))
    assert await unit.find_all(PARTIJEN, Eq("soort_partij", "persoon")) == [replace(PARTIJ, naam="nieuw")]
    unit.delete(PARTIJEN, "p")
    assert await unit.get(PARTIJEN, "p") is None
    assert await unit.get_many(PARTIJEN, ["p", "q"]) == {}
    assert await unit.find_all(PARTIJEN) == []


async def test_no_id_is_no_record(documents: Documents) -> None:
    assert await Unit(documents, KEYS).get(PARTIJEN, None) is None


async def test_a_record_made_and_removed_in_one_unit_leaves_nothing(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    unit.put(PARTIJEN, PARTIJ)
    unit.delete(PARTIJEN, "p")
    await unit.commit()
    assert await documents.count(PARTIJEN.collection) == 0


async def test_a_claim_given_up_and_taken_in_one_unit_changes_hands(documents: Documents) -> None:
    first = Unit(documents, KEYS)
    first.put(UNIQUE_KEYS, UniqueKey("k", "a"))
    await first.commit()
    second = Unit(documents, KEYS)
    await second.get(UNIQUE_KEYS, "k")
    second.delete(UNIQUE_KEYS, "k")
    second.put(UNIQUE_KEYS, UniqueKey("k", "b"))
    await second.commit()
    assert await Unit(documents, KEYS).get(UNIQUE_KEYS, "k") == UniqueKey("k", "b")


async def test_a_record_changed_in_between_fails_the_whole_commit(documents: Documents) -> None:
    await put(documents, PARTIJ)
    unit = Unit(documents, KEYS)
    await unit.get(PARTIJEN, "p")
    unit.put(PARTIJEN, replace(PARTIJ, naam="mine"))
    unit.put(PARTIJEN, replace(PARTIJ, uuid="q"))
    await put(documents, replace(PARTIJ, naam="theirs"))
    with pytest.raises(Conflict):
        await unit.commit()
    found = await Unit(documents, KEYS).get_many(PARTIJEN, ["p", "q"])
    assert found == {"p": replace(PARTIJ, naam="theirs")}


async def test_many_records_are_found_over_several_pages(documents: Documents) -> None:
    await put(documents, *(replace(PARTIJ, uuid=f"{each:04}") for each in range(1100)))
    assert len(await Unit(documents, KEYS).find_all(PARTIJEN)) == 1100


async def test_concurrent_changes_all_count(documents: Documents) -> None:
    await put(documents, replace(PARTIJ, naam="0"))

    async def increment(unit: Unit) -> None:
        current = await unit.get(PARTIJEN, "p")
        assert current is not None
        await asyncio.sleep(0)
        unit.put(PARTIJEN, replace(current, naam=str(int(current.naam) + 1)))

    await asyncio.gather(*(transact(documents, KEYS, increment) for _ in range(5)))
    final = await Unit(documents, KEYS).get(PARTIJEN, "p")
    assert final is not None
    assert final.naam == "5"


async def test_a_change_that_never_gets_through_is_given_up(documents: Documents) -> None:
    await put(documents, PARTIJ)
    attempts = 0

    async def overtaken(unit: Unit) -> None:
        nonlocal attempts
        attempts += 1
        current = await unit.get(PARTIJEN, "p")
        assert current is not None
        await put(documents, replace(current, naam=str(attempts)))
        unit.put(PARTIJEN, replace(current, naam="never"))

    with pytest.raises(ConcurrentChange):
        await transact(documents, KEYS, overtaken)
    assert attempts == ATTEMPTS
