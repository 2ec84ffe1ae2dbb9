"""Lists of things that are large: short pages, and nothing lost between them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.jcs import JsonObject
from gateway.manager import pages
from gateway.manager.pages import MAX_PAGE_BYTES, contract_page, fitting, size_of
from gateway.state.contract_store import COLLECTIONS, ContractStore
from gateway.state.contracts import ContractRecord
from storage.documents import Query, Sort
from storage.errors import InvalidCursor
from storage.memory import MemoryDocuments
from tests.gateway.harness import FOREIGN, PROVIDER, publication
from tests.gateway.manager.scene import Scene
from tests.gateway.state.test_contracts import NOW, record_of

BY_CREATION = Sort("created_at")


@pytest.fixture
async def contracts() -> ContractStore:
    documents = MemoryDocuments()
    await documents.open(COLLECTIONS)
    return ContractStore(documents.for_tenant(PROVIDER), lambda: NOW)


def rendered(record: ContractRecord) -> JsonObject:
    return record.parsed.raw


async def read_all(contracts: ContractStore, limit: int) -> list[list[str]]:
    """The `iv` of every Contract, page by page."""
    found, cursor = [], ""
    while True:
        items, cursor = await contract_page(contracts, Query(sort=BY_CREATION, limit=limit, cursor=cursor), rendered)
        found.append([one["iv"] for one in items])
        if not cursor:
            return found


@pytest.mark.parametrize(
    ("bytes_allowed", "limit", "sizes"),
    [
        (MAX_PAGE_BYTES, 100, [45]),
        (MAX_PAGE_BYTES, 45, [45]),
        (MAX_PAGE_BYTES, 20, [20, 20, 5]),
        (1, 100, [8] * 5 + [5]),
        (1, 2, [2] * 22 + [1]),
    ],
)
async def test_a_page_ends_by_number_or_by_size_and_nothing_is_lost(
    contracts: ContractStore, monkeypatch: pytest.MonkeyPatch, bytes_allowed: int, limit: int, sizes: list[int]
) -> None:
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", bytes_allowed)
    made = [record_of(created_at=NOW - 100 + number) for number in range(45)]
    for record in made:
        await contracts.create(record)
    found = await read_all(contracts, limit)
    assert [len(page) for page in found] == sizes
    assert [iv for page in found for iv in page] == [record.content.iv for record in made]


async def test_no_more_is_read_than_is_likely_to_fit(contracts: ContractStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = [record_of(created_at=NOW - 100 + number) for number in range(45)]
    for record in made:
        await contracts.create(record)
    size = size_of(rendered(made[0]))
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 20 * size)
    items, cursor = await contract_page(contracts, Query(sort=BY_CREATION, limit=45), rendered)
    assert len(items) in (20, 21)
    assert cursor


async def test_a_cursor_of_another_list_is_refused(contracts: ContractStore) -> None:
    with pytest.raises(InvalidCursor):
        await contract_page(contracts, Query(sort=BY_CREATION, cursor="odd"), rendered)


@given(st.lists(st.integers(0, MAX_PAGE_BYTES), max_size=8))
def test_what_fits_is_the_least_that_reaches_the_size_or_all(sizes: list[int]) -> None:
    found = fitting(sizes, lambda size: size)
    assert found == sizes[: len(found)]
    assert found or not sizes
    assert sum(found[:-1]) < MAX_PAGE_BYTES
    assert sum(found) >= MAX_PAGE_BYTES or found == sizes


async def test_large_contracts_and_services_are_listed_on_short_pages(
    agreeable: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 50_000)
    large = {"text": "x" * 40_000}
    grants = [publication(PROVIDER, FOREIGN, f"service-{number}") for number in range(5)]
    for number, grant in enumerate(grants):
        content = agreeable.content(
            grant.model_copy(update={"properties": large}), created_at=agreeable.group.clock.now() - number
        )
        assert (await agreeable.foreign.submit(agreeable.peer, content)).status == 201
    for path, name in (("/services", "services"), ("/contracts", "contracts")):
        found, lengths, cursor = [], [], ""
        while True:
            page = (await agreeable.foreign.get(agreeable.peer, f"{path}?limit=4&cursor={cursor}")).json
            lengths.append(len(page[name]))
            found += page[name]
            cursor = page["pagination"]["next_cursor"]
            if not cursor:
                break
        assert (len(found), max(lengths)) == (5, 2 if name == "services" else 4)
