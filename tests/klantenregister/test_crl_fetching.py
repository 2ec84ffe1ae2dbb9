"""`klantenregister.crl_fetching`: whatever a server answers, it is a CRL's bytes or a reason in words."""

from collections.abc import AsyncIterator

import pytest

from gateway.http.client import new_session
from klantenregister.crl_fetching import NO_VALIDATORS, CrlFetcher, CrlUnavailable, Validators
from tests.klantenregister.crl_server import CrlServer, crl_server


@pytest.fixture
async def server() -> AsyncIterator[CrlServer]:
    async with crl_server(b"a list") as played:
        yield played


@pytest.fixture
async def fetcher() -> AsyncIterator[CrlFetcher]:
    async with new_session(connect_timeout_s=2, read_timeout_s=2) as session:
        yield CrlFetcher(session, timeout_s=0.5, max_bytes=1000)


@pytest.mark.parametrize(
    ("mood", "says"),
    [
        ("hanging", "no answer within 0.5 s"),
        ("failing", "answered 500"),
        ("moved", "answered 302: configure the URL that it has moved to"),
        ("huge", "larger than 1000 bytes"),
        ("unasked 304", "answered 304"),
    ],
)
async def test_what_is_no_answer_is_told(server: CrlServer, fetcher: CrlFetcher, mood: str, says: str) -> None:
    server.mood = mood
    with pytest.raises(CrlUnavailable, match=says):
        await fetcher.fetch(server.url, NO_VALIDATORS)
    assert len(server.asked) == 1


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/ca.crl", "http://unknown.invalid/ca.crl", "http://[/x"])
async def test_nobody_there(fetcher: CrlFetcher, url: str) -> None:
    with pytest.raises(CrlUnavailable):
        await fetcher.fetch(url, NO_VALIDATORS)


async def test_what_is_known_is_not_fetched_again(server: CrlServer, fetcher: CrlFetcher) -> None:
    first = await fetcher.fetch(server.url, NO_VALIDATORS)
    assert first is not None
    assert first.data == b"a list"
    assert first.validators.last_modified == "Mon, 23 Nov 2026 10:00:00 GMT"
    assert await fetcher.fetch(server.url, first.validators) is None

    server.data = b"another"
    second = await fetcher.fetch(server.url, first.validators)
    assert second is not None
    assert second.data == b"another"
    assert server.asked == ["", first.validators.etag, first.validators.etag]


def test_only_what_is_known_is_asked_by() -> None:
    assert NO_VALIDATORS.headers() == {}
    assert Validators("x", "y").headers() == {"If-None-Match": "x", "If-Modified-Since": "y"}
