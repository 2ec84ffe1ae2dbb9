"""What is known of other Peers, and their certificates."""

import asyncio

import pytest

from certs.identity import PeerId, PeerName
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import PeerVersion
from gateway.state.peers import COLLECTIONS, PEERS, KnownPeer, PeerBook
from storage.documents import Query, Sort
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER, key_pair

ADDRESS, NEW_ADDRESS = ManagerAddress("https://a.test:8443"), ManagerAddress("https://b.test:8443")
NAME, NEW_NAME = PeerName("Gemeente A"), PeerName("Gemeente B")


@pytest.fixture
async def store() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


@pytest.fixture
def book(store: MemoryDocuments) -> PeerBook:
    return PeerBook(store.for_tenant(PROVIDER))


async def test_a_peer_is_new_once_and_changed_when_it_changes(book: PeerBook) -> None:
    assert await book.get(FOREIGN) is None
    assert await book.remember(FOREIGN, NAME, ADDRESS, now=1)
    assert not await book.remember(FOREIGN, NAME, ADDRESS, now=2)
    assert await book.remember(FOREIGN, NAME, NEW_ADDRESS, now=3)
    assert await book.remember(FOREIGN, NEW_NAME, NEW_ADDRESS, now=4)
    known = await book.get(FOREIGN)
    assert known is not None
    assert (known.peer_id, known.name, known.manager_address, known.first_seen_at) == (
        FOREIGN,
        NEW_NAME,
        NEW_ADDRESS,
        1,
    )


async def test_remembering_at_once_ends_with_one_of_them(book: PeerBook) -> None:
    await asyncio.gather(*(book.remember(FOREIGN, PeerName(f"P{n}"), ADDRESS, now=n) for n in range(10)))
    known = await book.get(FOREIGN)
    assert known is not None
    assert known.name in {f"P{n}" for n in range(10)}


async def test_peers_come_in_the_order_asked_each_once(book: PeerBook) -> None:
    for number, peer_id in enumerate((PROVIDER, FOREIGN, OTHER)):
        await book.remember(peer_id, NAME, ADDRESS, now=number)
    found = await book.by_ids([OTHER, CONSUMER, PROVIDER, OTHER, "x"])
    assert [one.peer_id for one in found] == [OTHER, PROVIDER]
    assert set(await book.get_many([FOREIGN, CONSUMER])) == {FOREIGN}


async def test_peers_are_paged(book: PeerBook) -> None:
    ids = [PeerId(f"{number:020}") for number in range(5)]
    for number, peer_id in enumerate(ids):
        await book.remember(peer_id, NAME, ADDRESS, now=number)
    first, cursor = await book.page(Query(sort=Sort("first_seen_at"), limit=3))
    rest, end = await book.page(Query(sort=Sort("first_seen_at"), limit=3, cursor=cursor))
    assert [one.peer_id for one in (*first, *rest)] == ids
    assert end == ""


async def test_a_tenant_knows_only_whom_it_met_itself(store: MemoryDocuments, book: PeerBook) -> None:
    await book.remember(FOREIGN, NAME, ADDRESS, now=1)
    assert await PeerBook(store.for_tenant(CONSUMER)).get(FOREIGN) is None


async def test_a_chain_is_kept_for_one_peer_and_never_replaced(book: PeerBook) -> None:
    pair, other = key_pair(FOREIGN), key_pair(FOREIGN)
    assert await book.certificate_chain(FOREIGN, pair.thumbprint) is None
    await book.remember_chain(FOREIGN, pair.thumbprint, pair.chain)
    await book.remember_chain(FOREIGN, pair.thumbprint, other.chain)
    assert await book.certificate_chain(FOREIGN, pair.thumbprint) == pair.chain
    assert await book.certificate_chain(OTHER, pair.thumbprint) is None


async def test_a_store_that_is_away_is_told(store: MemoryDocuments, book: PeerBook) -> None:
    store.available = False
    pair = key_pair(FOREIGN)
    for call in (
        book.get(FOREIGN),
        book.by_ids([FOREIGN]),
        book.page(Query()),
        book.remember(FOREIGN, NAME, ADDRESS, now=1),
        book.ask_version(FOREIGN),
        book.told_version(FOREIGN, None, now=1, ask_at=2),
        book.to_be_asked(1, limit=1),
        book.certificate_chain(FOREIGN, pair.thumbprint),
        book.remember_chain(FOREIGN, pair.thumbprint, pair.chain),
    ):
        with pytest.raises(StoreUnavailable):
            await call


async def version_of(book: PeerBook) -> PeerVersion:
    known = await book.get(FOREIGN)
    assert known is not None
    return known.version


async def test_what_a_peer_signs_and_tells_is_kept_beside_the_rest(book: PeerBook) -> None:
    await book.remember(FOREIGN, NAME, ADDRESS, now=1)
    assert await version_of(book) == PeerVersion()
    assert await book.remember(FOREIGN, NAME, ADDRESS, now=2, hash_profile=HashProfile.FSC_1_1)
    assert not await book.remember(FOREIGN, NAME, ADDRESS, now=3)
    await book.told_version(FOREIGN, "2.0.0", now=4, ask_at=100)
    await book.remember(FOREIGN, NEW_NAME, NEW_ADDRESS, now=5)
    known = await book.get(FOREIGN)
    version = PeerVersion(HashProfile.FSC_1_1, "2.0.0")
    assert known == KnownPeer(FOREIGN, NEW_NAME, NEW_ADDRESS, first_seen_at=1, version=version, told_at=4)


async def test_a_peer_that_does_not_tell_keeps_what_it_told(book: PeerBook) -> None:
    await book.remember(FOREIGN, NAME, ADDRESS, now=1)
    await book.told_version(FOREIGN, "2.0.0", now=2, ask_at=100)
    await book.told_version(FOREIGN, None, now=3, ask_at=200)
    known = await book.get(FOREIGN)
    assert known is not None
    assert (known.version.fsc_version, known.told_at) == ("2.0.0", 2)


async def test_a_peer_is_to_be_asked_when_new_when_it_is_time_and_on_request(book: PeerBook) -> None:
    async def asked(now: int, limit: int = 10) -> list[PeerId]:
        return [one.peer_id for one in await book.to_be_asked(now, limit=limit)]

    for peer_id in (FOREIGN, OTHER, CONSUMER):
        await book.remember(peer_id, NAME, ADDRESS, now=1)
    assert set(await asked(1)) == {FOREIGN, OTHER, CONSUMER}
    assert len(await asked(1, limit=2)) == 2
    for at, peer_id in ((30, FOREIGN), (20, OTHER), (10, CONSUMER)):
        await book.told_version(peer_id, "2.0.0", now=1, ask_at=at)
    assert await asked(9) == []
    assert await asked(20) == [CONSUMER, OTHER]
    await book.ask_version(FOREIGN)
    assert await asked(10) == [FOREIGN, CONSUMER]
    assert await asked(30, limit=2) == [FOREIGN, CONSUMER]


async def test_what_a_stranger_tells_is_not_kept(book: PeerBook) -> None:
    await book.told_version(FOREIGN, "2.0.0", now=1, ask_at=2)
    await book.ask_version(FOREIGN)
    assert await book.get(FOREIGN) is None


async def test_learning_at_once_loses_nothing(book: PeerBook) -> None:
    await book.remember(FOREIGN, NAME, ADDRESS, now=1)
    await asyncio.gather(
        book.remember(FOREIGN, NEW_NAME, ADDRESS, now=2, hash_profile=HashProfile.FSC_2_0),
        book.told_version(FOREIGN, "2.0.0", now=3, ask_at=9),
        book.ask_version(FOREIGN),
    )
    known = await book.get(FOREIGN)
    assert known is not None
    assert (known.name, known.version) == (NEW_NAME, PeerVersion(HashProfile.FSC_2_0, "2.0.0"))


async def test_a_peer_of_before_versions_were_kept_is_read_and_asked(store: MemoryDocuments, book: PeerBook) -> None:
    body = {"name": NAME, "manager_address": ADDRESS, "first_seen_at": 1}
    await store.for_tenant(PROVIDER).put(PEERS, FOREIGN, body, expected=None)
    assert await book.get(FOREIGN) == KnownPeer(FOREIGN, NAME, ADDRESS, 1)
    assert [one.peer_id for one in await book.to_be_asked(2, limit=1)] == [FOREIGN]


async def test_more_peers_than_are_kept_in_memory_are_found_all_the_same(
    book: PeerBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.state.peers._MAX_MET", 1)
    for peer_id in (FOREIGN, OTHER, PROVIDER):
        await book.remember(peer_id, NAME, ADDRESS, now=1)
    assert set(await book.get_many([PROVIDER, FOREIGN, OTHER])) == {PROVIDER, FOREIGN, OTHER}
