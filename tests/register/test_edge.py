import asyncio
import json
from collections.abc import AsyncIterator
from typing import TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from register.access import FederatedCaller
from register.edge import make_application
from tests.register.world import API, CONSUMER, PEER_A, World, persoon

Client: TypeAlias = TestClient[web.Request, web.Application]
TOKEN = {"Authorization": "Token aadorp-alles"}
HOST_A = {**TOKEN, "Host": "klant.aadorp.test"}
PARTIJEN = f"{API}/partijen"


@pytest.fixture
async def server(world: World) -> AsyncIterator[TestServer]:
    world.register.max_body_bytes = 20_000
    running = TestServer(make_application(world.register))
    await running.start_server()
    yield running
    await running.close()


@pytest.fixture
async def client(server: TestServer) -> AsyncIterator[Client]:
    async with TestClient(server) as made:
        yield made


@pytest.mark.parametrize(
    ("path", "headers", "status", "code"),
    [
        (PARTIJEN, HOST_A, 200, None),
        (PARTIJEN, {**TOKEN, "Host": "KLANT.aadorp.test:8000"}, 200, None),
        (f"/t/aadorp{PARTIJEN}", TOKEN, 200, None),
        (f"/t/aadorp{PARTIJEN}", HOST_A, 200, None),
        (f"/t/beestad{PARTIJEN}", HOST_A, 403, "tenant-mismatch"),
        (f"/t/beestad{PARTIJEN}", TOKEN, 403, "tenant-mismatch"),
        (PARTIJEN, TOKEN, 404, "not_found"),
        (f"/t/onbekend{PARTIJEN}", TOKEN, 404, "not_found"),
        (f"/t/aadorp{PARTIJEN}/", TOKEN, 404, "not_found"),
        (f"/t/aadorp{PARTIJEN}", {}, 401, "not_authenticated"),
        ("/", {}, 404, "not_found"),
        ("/t/aadorp", TOKEN, 404, "not_found"),
    ],
)
async def test_tenant_and_credential(
    client: Client, path: str, headers: dict[str, str], status: int, code: str | None
) -> None:
    async with client.get(path, headers=headers) as response:
        assert response.status == status
        body = await response.json(content_type=None)
        assert body.get("code") == code
        assert response.headers["X-Content-Type-Options"] == "nosniff"


async def test_a_partij_is_made_read_and_removed(client: Client) -> None:
    async with client.post(f"/t/aadorp{PARTIJEN}", json=persoon(), headers=TOKEN) as response:
        assert response.status == 201
        made = await response.json()
        assert response.headers["Location"] == made["url"] == f"https://klant.aadorp.test{PARTIJEN}/{made['uuid']}"
        assert response.headers["Content-Type"] == "application/json"
        tag = response.headers["ETag"]
    item = f"/t/aadorp{PARTIJEN}/{made['uuid']}"
    async with client.get(item, headers={**TOKEN, "If-None-Match": tag}) as response:
        assert (response.status, await response.read()) == (304, b"")
    async with client.head(item, headers=TOKEN) as response:
        assert response.status == 200
        assert response.headers["Content-Length"] == str(len(json.dumps(made, separators=(",", ":")).encode()))
    async with client.delete(item, headers=TOKEN) as response:
        assert (response.status, await response.read()) == (204, b"")


async def test_the_query_reaches_the_register_as_it_was_sent(client: Client) -> None:
    address = {"adres": "+31612345678", "soortDigitaalAdres": "telefoonnummer"}
    path = f"/t/aadorp{API}/digitaleadressen"
    async with client.post(path, json=address, headers=TOKEN) as response:
        assert response.status == 201
    async with client.get(f"{path}?adres=%2B31612345678&adres__icontains=", headers=TOKEN) as response:
        assert (await response.json())["count"] == 1


async def test_a_body_that_is_too_large_is_refused(client: Client) -> None:
    for body in (b" " * 30_000, chunks()):
        headers = {**TOKEN, "Content-Type": "application/json"}
        async with client.post(f"/t/aadorp{PARTIJEN}", data=body, headers=headers) as response:
            assert response.status == 413
            assert (await response.json(content_type=None))["code"] == "content_too_large"


async def chunks() -> AsyncIterator[bytes]:
    for _ in range(30):
        yield b" " * 1_000


async def test_two_authorization_headers_are_no_credential(server: TestServer) -> None:
    answered = await raw(
        server,
        f"GET /t/aadorp{PARTIJEN} HTTP/1.1\r\nHost: x\r\nAuthorization: Token aadorp-alles\r\n"
        "Authorization: Token aadorp-alles\r\nConnection: close\r\n\r\n",
    )
    assert b" 401 " in answered.splitlines()[0]


async def test_a_path_is_not_decoded_or_tidied(server: TestServer) -> None:
    for path in (f"/t/aadorp/x/..{PARTIJEN}", f"/t/aadorp{API}/%70artijen", f"/t/aadorp//{PARTIJEN}"):
        answered = await raw(
            server, f"GET {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Token aadorp-alles\r\nConnection: close\r\n\r\n"
        )
        assert b" 404 " in answered.splitlines()[0], path


async def test_an_access_token_makes_it_a_federated_request(world: World, client: Client) -> None:
    world.verifier.allow("good", PEER_A, FederatedCaller(CONSUMER, "$1$3$hash"))
    path = f"/t/aadorp{PARTIJEN}"
    await world.partij()
    async with client.get(path, headers={"Fsc-Authorization": "good"}) as response:
        assert response.status == 200
        (partij,) = (await response.json())["results"]
        assert partij["url"].startswith("https://inway.aadorp.test/")
    async with client.post(path, json=persoon(), headers={**TOKEN, "Fsc-Authorization": "good"}) as response:
        assert response.status == 403
    async with client.get(path, headers={**TOKEN, "Fsc-Authorization": "bad"}) as response:
        assert response.status == 401
    async with client.get("/t/aadorp/elders", headers={"Fsc-Authorization": "good"}) as response:
        assert response.status == 404


async def raw(server: TestServer, request: str) -> bytes:
    reader, writer = await asyncio.open_connection(server.host, server.port)
    writer.write(request.encode())
    await writer.drain()
    answered = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answered
