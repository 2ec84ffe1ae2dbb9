"""Who gets in on the console listener, and what a viewer may not do."""

import base64
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.accounts import COLLECTIONS, Accounts, Role
from gateway.admin.problems import render_problems
from gateway.admin.signin import sign_in_middleware
from storage.memory import MemoryDocuments

PASSWORD = "correct: horse battery é"
Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    accounts = Accounts(store)
    await accounts.add("beheer", PASSWORD, Role.ADMIN, now=1)
    await accounts.add("kijker", PASSWORD, Role.VIEWER, now=1)

    async def handler(_: web.Request) -> web.Response:
        return web.Response(text="in")

    app = web.Application(middlewares=[render_problems, sign_in_middleware(accounts)])
    app.router.add_route("*", "/", handler)
    async with TestClient(TestServer(app)) as opened:
        yield opened


def basic(name: str, password: str = PASSWORD, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{name}:{password}'.encode()).decode()}"


async def ask(client: Client, authorization: str | None, method: str = "GET") -> int:
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = await client.request(method, "/", headers=headers)
    if answer.status == 401:
        assert answer.headers["WWW-Authenticate"] == 'Basic realm="klantenregister", charset="UTF-8"'
        assert PASSWORD not in await answer.text()
    return answer.status


@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Basic "])
async def test_the_right_password_gets_in(client: Client, scheme: str) -> None:
    assert await ask(client, basic("beheer", scheme=scheme)) == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic \u00e9\u00e9",
        "Basic " + base64.b64encode(b"\xff:\xff").decode(),
        "Basic " + base64.b64encode(b"beheer").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Bearer " + base64.b64encode(b"beheer:x").decode(),
        basic("beheer", "wrong"),
        basic("beheer", ""),
        basic("unknown"),
        basic("", PASSWORD),
        basic("a" * 500),
        basic("b\0"),
        basic("Beheer"),
    ],
)
async def test_anything_else_does_not(client: Client, authorization: str | None) -> None:
    for method in ("GET", "POST"):
        assert await ask(client, authorization, method) == 401


@pytest.mark.parametrize(
    ("method", "status"), [("GET", 200), ("HEAD", 200), ("POST", 403), ("DELETE", 403), ("PUT", 403)]
)
async def test_a_viewer_looks_and_changes_nothing(client: Client, method: str, status: int) -> None:
    assert await ask(client, basic("kijker"), method) == status
    assert await ask(client, basic("beheer"), method) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "{own}"}, 403),
        ({"Origin": "{own}"}, 200),
        ({"Origin": "https://elsewhere.example.test"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
async def test_a_page_of_another_site_changes_nothing(client: Client, headers: dict[str, str], status: int) -> None:
    own = f"http://{client.host}:{client.port}"
    sent = {name: value.format(own=own) for name, value in headers.items()}
    answer = await client.post("/", headers={"Authorization": basic("beheer"), **sent})
    assert answer.status == status
    assert await ask(client, basic("beheer")) == 200
