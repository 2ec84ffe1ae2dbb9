"""`klantenregister.crl_cache`: what was good survives, what is broken is nothing, and no failure gets out."""

import pytest

from certs.authority import DevelopmentAuthority
from certs.crl import parse_crls
from clock import SystemClock
from klantenregister.crl_cache import COLLECTIONS, CRLS, CachedCrls, CrlCache
from klantenregister.crl_fetching import Validators
from storage.documents import INSTALLATION, Query
from storage.memory import MemoryDocuments

URL = "http://crl.example.test/ca.crl"


@pytest.fixture
async def store() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


@pytest.fixture
def cache(store: MemoryDocuments) -> CrlCache:
    return CrlCache(store.for_tenant(INSTALLATION))


def good(*, etag: str = '"1"') -> CachedCrls:
    authority = DevelopmentAuthority.create("cached", now=SystemClock().now())
    return CachedCrls(parse_crls(authority.crl_pem()), (authority.intermediate.certificate,), Validators(etag, None))


async def test_what_was_saved_is_loaded_and_replaced(cache: CrlCache) -> None:
    assert await cache.load(URL) == CachedCrls()
    for saved in (good(), good(etag='"2"')):
        assert await cache.save(URL, saved)
        loaded = await cache.load(URL)
        assert [one.der() for one in loaded.lists] == [one.der() for one in saved.lists]
        assert (loaded.issuers, loaded.validators) == (saved.issuers, saved.validators)
    assert await cache.load(f"{URL}2") == CachedCrls()


@pytest.mark.parametrize(
    "broken", [{"lists": ["no base64"]}, {"lists": ["AAAA"]}, {"issuers": ["AAAA"]}, {"etag": 1}, {}]
)
async def test_what_cannot_be_read_is_nothing(
    cache: CrlCache, store: MemoryDocuments, broken: dict[str, object]
) -> None:
    assert await cache.save(URL, good())
    documents = store.for_tenant(INSTALLATION)
    (document,) = (await documents.find(CRLS, Query())).documents
    body = {**document.body, **broken} if broken else {}
    await documents.put(CRLS, document.id, body, expected=document.revision)

    assert await cache.load(URL) == CachedCrls()


async def test_without_a_store_nothing_is_kept_and_nothing_fails(cache: CrlCache, store: MemoryDocuments) -> None:
    store.available = False
    assert await cache.save(URL, good()) is False
    assert await cache.load(URL) == CachedCrls()
