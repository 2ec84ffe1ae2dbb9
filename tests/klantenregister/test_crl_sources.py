"""`klantenregister.crl_sources`: a source keeps what was good, whatever comes after it."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from certs.authority import DevelopmentAuthority
from certs.crl import RevocationList, parse_crls
from certs.issuing import DAY_S, make_crl
from certs.revocation import RevocationMode
from certs.trust import TrustStore
from clock import SystemClock
from gateway.http.client import new_session
from klantenregister.crl_cache import COLLECTIONS, CrlCache
from klantenregister.crl_fetching import NO_VALIDATORS, CrlFetcher
from klantenregister.crl_sources import CrlAtUrl, CrlFile
from storage.documents import INSTALLATION
from storage.memory import MemoryDocuments
from tests.klantenregister.crl_server import CrlServer, crl_server

NOW = SystemClock().now()


@pytest.fixture
def authority() -> DevelopmentAuthority:
    return DevelopmentAuthority.create("own", now=NOW)


@pytest.fixture
def trust(authority: DevelopmentAuthority) -> TrustStore:
    """A store that knows both issuers."""
    store = TrustStore.from_pem([authority.anchors_pem()], mode=RevocationMode.HARD)
    store.meet(authority.intermediate.chain, NOW)
    return store


@pytest.fixture
async def cache() -> CrlCache:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return CrlCache(store.for_tenant(INSTALLATION))


@pytest.fixture
async def fetcher() -> AsyncIterator[CrlFetcher]:
    async with new_session(connect_timeout_s=2, read_timeout_s=2) as session:
        yield CrlFetcher(session, timeout_s=0.5)


@pytest.fixture
async def server(authority: DevelopmentAuthority) -> AsyncIterator[CrlServer]:
    async with crl_server(edition(authority, NOW)) as played:
        yield played


def edition(authority: DevelopmentAuthority, made_at: int, *serial_numbers: int) -> bytes:
    return make_crl(authority.intermediate, serial_numbers, this_update=made_at, next_update=made_at + DAY_S)


def numbers(lists: tuple[RevocationList, ...]) -> list[int | None]:
    return [one.number for one in lists]


@pytest.mark.parametrize("mood", ["hanging", "failing", "moved", "huge", "garbage"])
async def test_a_url_that_has_gone_wrong_takes_nothing_away(
    server: CrlServer, fetcher: CrlFetcher, trust: TrustStore, mood: str
) -> None:
    source = CrlAtUrl(server.url)
    await source.look(fetcher, trust.revocation, NOW)
    server.mood = mood
    for attempt in (1, 2):
        await source.look(fetcher, trust.revocation, NOW + attempt)
        assert (numbers(source.lists), source.failures, source.read_at) == ([NOW], attempt, NOW)
        assert source.problem
    server.mood = "well"
    await source.look(fetcher, trust.revocation, NOW + 9)
    assert (numbers(source.lists), source.failures, source.read_at, source.problem) == ([NOW], 0, NOW + 9, "")


async def test_an_older_or_forged_list_is_told_and_asked_for_in_full_again(
    server: CrlServer, fetcher: CrlFetcher, trust: TrustStore, authority: DevelopmentAuthority
) -> None:
    source = CrlAtUrl(server.url)
    await source.look(fetcher, trust.revocation, NOW)
    forger = DevelopmentAuthority.create("own", now=NOW)
    for bad, says in (
        (edition(authority, NOW - 1), "is older"),
        (edition(forger, NOW + 1), "not signed by its issuer"),
    ):
        server.data = bad
        await source.look(fetcher, trust.revocation, NOW + 1)
        assert numbers(source.lists) == [NOW]
        assert says in source.problem
        assert (source.validators, source.read_at) == (NO_VALIDATORS, NOW)


async def test_a_list_whose_issuer_is_not_known_yet_is_never_taken_for_known(
    server: CrlServer, fetcher: CrlFetcher, cache: CrlCache, authority: DevelopmentAuthority
) -> None:
    stranger = TrustStore.from_pem([authority.anchors_pem()], mode=RevocationMode.SOFT)
    source = CrlAtUrl(server.url)
    await source.look(fetcher, stranger.revocation, NOW)
    await source.save(cache, stranger.revocation)
    assert (numbers(source.lists), source.validators) == ([NOW], NO_VALIDATORS)
    assert (await cache.load(server.url)).lists == ()

    # Met later, it is fetched again and kept.
    stranger.meet(authority.intermediate.chain, NOW)
    await source.look(fetcher, stranger.revocation, NOW)
    await source.save(cache, stranger.revocation)
    assert server.asked == ["", ""]
    assert numbers((await cache.load(server.url)).lists) == [NOW]


async def test_what_was_good_survives_a_restart_and_guards_itself_again(
    server: CrlServer, fetcher: CrlFetcher, cache: CrlCache, trust: TrustStore, authority: DevelopmentAuthority
) -> None:
    before = CrlAtUrl(server.url)
    await before.look(fetcher, trust.revocation, NOW)
    await before.save(cache, trust.revocation)

    after = CrlAtUrl(server.url)
    await after.restore(cache)
    fresh = TrustStore.from_pem([authority.anchors_pem()], mode=RevocationMode.HARD)
    fresh.meet(after.issuers, NOW)
    server.data = edition(DevelopmentAuthority.create("own", now=NOW), NOW + 5)
    await after.look(fetcher, fresh.revocation, NOW)
    assert numbers(after.lists) == [NOW]
    assert "not signed by its issuer" in after.problem


async def test_what_has_not_changed_is_not_fetched_again(
    server: CrlServer, fetcher: CrlFetcher, cache: CrlCache, trust: TrustStore
) -> None:
    before = CrlAtUrl(server.url)
    await before.look(fetcher, trust.revocation, NOW)
    await before.save(cache, trust.revocation)
    after = CrlAtUrl(server.url)
    await after.restore(cache)
    await after.look(fetcher, trust.revocation, NOW + 1)
    assert server.answered == [200, 304]
    assert (after.read_at, numbers(after.lists), after.next_update()) == (NOW + 1, [NOW], NOW + DAY_S)


async def test_a_file_is_read_when_it_changes_and_kept_when_it_breaks(
    tmp_path: Path, trust: TrustStore, authority: DevelopmentAuthority
) -> None:
    path = tmp_path / "ca.crl"
    path.write_bytes(edition(authority, NOW))
    source = CrlFile(str(path), path=path)
    await source.look(trust.revocation, NOW)
    first = source.lists
    await source.look(trust.revocation, NOW)
    assert source.lists is first

    for broken in (b"half a l", b""):
        path.write_bytes(broken)
        await source.look(trust.revocation, NOW)
        assert (source.lists, "ca.crl" in source.problem) == (first, True)
    path.unlink()
    await source.look(trust.revocation, NOW)
    assert (source.lists, "does not exist" in source.problem) == (first, True)

    beside = tmp_path / "new"
    (newer,) = parse_crls(edition(authority, NOW + 1))
    beside.write_bytes(newer.der())
    os.replace(beside, path)
    await source.look(trust.revocation, NOW + 1)
    assert (numbers(source.lists), source.problem) == ([NOW + 1], "")
