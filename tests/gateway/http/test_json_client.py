"""Calls to services that decide along: whatever comes back is bounded, and no failure has another name."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from gateway.http.client import new_session
from gateway.http.json_client import MAX_ANSWER_BYTES, JsonAnswer, JsonClient, NoAnswer, printable_text
from tests.gateway.consulted import Consulted, consulted


@pytest.fixture
async def service() -> AsyncIterator[Consulted]:
    async with consulted() as played:
        yield played


@pytest.fixture
async def client() -> AsyncIterator[JsonClient]:
    async with new_session(connect_timeout_s=2, read_timeout_s=5) as session:
        yield JsonClient(session)


async def test_json_goes_out_and_an_object_comes_back(service: Consulted, client: JsonClient) -> None:
    service.says({"decision": True, "é": [1]})
    answer = await client.post(f"{service.url}/a/b", {"n": "é"}, timeout_s=2, headers={"Authorization": "Bearer x"})
    assert answer == JsonAnswer(200, {"decision": True, "é": [1]})
    assert service.asked == [{"n": "é"}]
    (request,) = service.requests
    assert (request.method, request.path) == ("POST", "/a/b")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize("status", [201, 204, 400, 422, 500, 503])
async def test_whatever_the_status_it_is_an_answer(service: Consulted, client: JsonClient, status: int) -> None:
    service.status, service.body = status, b""
    assert await client.post(service.url, {}, timeout_s=2) == JsonAnswer(status, {})


@pytest.mark.parametrize(
    "body",
    [
        b"yes",
        b"[true]",
        b"null",
        b'{"decision": tru',
        b'{"decision": true, "decision": false}',
        b'{"a": NaN}',
        b"\xff",
        b'{"a":' * 20 + b"1" + b"}" * 20,
    ],
)
async def test_what_is_no_object_is_no_answer(service: Consulted, client: JsonClient, body: bytes) -> None:
    service.body = body
    with pytest.raises(NoAnswer, match="not a JSON object"):
        await client.post(service.url, {}, timeout_s=2)


async def test_an_endless_answer_is_no_answer(service: Consulted, client: JsonClient) -> None:
    service.body = b'{"a": "' + b"b" * (MAX_ANSWER_BYTES - 9) + b'"}'
    assert (await client.post(service.url, {}, timeout_s=2)).status == 200
    service.body = b'{"a": "' + b"b" * (MAX_ANSWER_BYTES - 8) + b'"}'
    with pytest.raises(NoAnswer, match="larger than 65536 bytes"):
        await client.post(service.url, {}, timeout_s=2)


async def test_silence_is_no_answer(service: Consulted, client: JsonClient) -> None:
    service.pause = asyncio.Event()
    with pytest.raises(NoAnswer, match=r"within 0\.1 s"):
        await client.post(service.url, {}, timeout_s=0.1)


async def test_a_broken_connection_is_no_answer(service: Consulted, client: JsonClient) -> None:
    service.cut = True
    with pytest.raises(NoAnswer):
        await client.post(service.url, {}, timeout_s=2)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x", "http://nowhere.invalid/x", "https://{}/x"])
async def test_a_service_that_cannot_be_reached_is_no_answer(service: Consulted, client: JsonClient, url: str) -> None:
    with pytest.raises(NoAnswer):
        await client.post(url.format(service.url.removeprefix("http://")), {}, timeout_s=2)


async def test_a_redirect_is_not_followed(service: Consulted, client: JsonClient) -> None:
    service.status, service.headers = 307, {"Location": "/elsewhere"}
    assert (await client.post(service.url, {}, timeout_s=2)).status == 307
    assert len(service.requests) == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [("no more", "no more"), (" a\r\nb\x1b[2J ", "a  b [2J"), ("x" * 300, "x" * 200), (5, ""), (None, ""), ("é", "é")],
)
def test_what_a_service_says_is_short_and_printable(value: object, shown: str) -> None:
    assert printable_text(value) == shown
