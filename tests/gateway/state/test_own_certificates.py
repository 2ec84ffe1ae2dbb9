"""Every certificate that ever signed stays published for as long as something it signed is alive."""

import asyncio

import pytest

from certs.custody import KeyPair
from gateway.state.own_certificates import AHEAD_S, COLLECTIONS, OwnCertificates
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import CONSUMER, DAY_S, PROVIDER, authority, key_pair

TTL_S = 600


@pytest.fixture
async def store() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


async def started(store: MemoryDocuments, *pairs: KeyPair, now: int = 0, tenant: str = PROVIDER) -> OwnCertificates:
    """As at the start of the process, with these certificates configured."""
    certificates = OwnCertificates(store.for_tenant(tenant), token_ttl_s=TTL_S)
    await certificates.load(pairs, now=now or authority().now)
    return certificates


async def test_a_configured_certificate_is_published_until_its_last_token_ends(store: MemoryDocuments) -> None:
    pair = key_pair(PROVIDER, days=1)
    certificates = await started(store, pair)
    assert certificates.published(pair.not_after + TTL_S - 1) == [pair.chain]
    assert certificates.published(pair.not_after + TTL_S) == []
    assert certificates.get(pair.thumbprint) == pair.certificate


async def test_an_overwritten_certificate_is_still_known_after_a_restart(store: MemoryDocuments) -> None:
    old, new = key_pair(PROVIDER), key_pair(PROVIDER)
    await started(store, old)
    certificates = await started(store, new)
    assert set(certificates.published(authority().now)) == {old.chain, new.chain}
    assert certificates.get(old.thumbprint) == old.certificate


async def test_a_certificate_is_kept_for_the_longest_that_it_signed(store: MemoryDocuments) -> None:
    pair, end = key_pair(PROVIDER, days=1), authority().now + 500 * DAY_S
    certificates = await started(store, pair)
    for until in (end - DAY_S, end, end - 2 * DAY_S, 1):
        await certificates.retain(pair, until)
    assert certificates.published(end - 1) == [pair.chain]
    assert certificates.published(end + AHEAD_S) == []
    again = await started(store, key_pair(PROVIDER, days=1), now=end - 1)
    assert again.published(end - 1) == [pair.chain]
    assert (await started(store, now=end + AHEAD_S)).published(0) == []


async def test_a_row_of_tokens_costs_one_write(store: MemoryDocuments) -> None:
    pair, end = key_pair(PROVIDER, days=1), authority().now + 500 * DAY_S
    certificates = await started(store, pair)
    await certificates.retain(pair, end)
    store.available = False
    await certificates.retain(pair, end + AHEAD_S)
    with pytest.raises(StoreUnavailable):
        await certificates.retain(pair, end + AHEAD_S + 1)


async def test_a_configured_certificate_does_not_shorten_what_was_promised(store: MemoryDocuments) -> None:
    pair, end = key_pair(PROVIDER, days=1), authority().now + 500 * DAY_S
    await (await started(store, pair)).retain(pair, end)
    assert (await started(store, pair)).published(end - 1) == [pair.chain]


async def test_two_processes_keep_the_longer_promise(store: MemoryDocuments) -> None:
    pair, end = key_pair(PROVIDER, days=1), authority().now + 500 * DAY_S
    one, two = await started(store, pair), await started(store, pair)
    await asyncio.gather(one.retain(pair, end), two.retain(pair, end - DAY_S))
    assert (await started(store)).published(end - 1) == [pair.chain]


async def test_nothing_is_promised_that_was_not_written(store: MemoryDocuments) -> None:
    pair, end = key_pair(PROVIDER, days=1), authority().now + 500 * DAY_S
    certificates = await started(store, pair)
    store.available = False
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await certificates.retain(pair, end)
    store.available = True
    await certificates.retain(pair, end)
    assert (await started(store)).published(end - 1) == [pair.chain]


async def test_retaining_what_is_retained_needs_no_store(store: MemoryDocuments) -> None:
    pair = key_pair(PROVIDER, days=1)
    certificates = await started(store, pair)
    store.available = False
    await certificates.retain(pair, pair.not_after)


async def test_a_tenant_has_its_own(store: MemoryDocuments) -> None:
    pair = key_pair(PROVIDER)
    await started(store, pair)
    assert (await started(store, tenant=CONSUMER)).get(pair.thumbprint) is None


async def test_more_certificates_than_a_page_are_read_back(store: MemoryDocuments) -> None:
    pair = key_pair(PROVIDER)
    certificates = await started(store, pair)
    documents = store.for_tenant(PROVIDER)
    document = await documents.get(COLLECTIONS[0], pair.thumbprint)
    assert document is not None
    for number in range(101):
        await documents.put(COLLECTIONS[0], f"{number:03}", document.body, expected=None)
    assert len(certificates.published(authority().now)) == 1
    assert (await started(store)).get(pair.thumbprint) == pair.certificate
