"""Every operation of the administration API, and that whatever fails is told as a problem."""

import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.accounts import Accounts, Role
from gateway.admin.api import AdminApi
from gateway.admin.openapi import Operation
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, TransactionId
from gateway.fsc.signature import SignatureType
from klantenregister.hosting import HostedPeer
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    PROVIDER,
    SERVICE,
    Federation,
    accepting,
    connection,
    content_hash_of,
    federation,
    key_pair,
    make_content,
    make_group,
    offering,
    publication,
    wanting,
)

PASSWORD = "correct horse battery"


@dataclass
class Console:
    """The API as the command line uses it, over one tenant."""

    group: Federation
    hosted: HostedPeer
    client: TestClient[web.Request, web.Application]
    accounts: Accounts

    async def ask(self, method: str, path: str, body: object = None, **sent: Any) -> tuple[int, Any]:
        """Status and answer; checks that a refusal is a problem."""
        if body is not None:
            sent["json"] = body
        async with self.client.request(method, f"/admin/v1{path}", **sent) as answer:
            text = await answer.text()
            shown: Any = json.loads(text) if text else None
            if answer.status >= 400:
                assert answer.content_type == "application/problem+json"
                assert set(shown) == {"type", "title", "status", "detail"}
                assert shown["status"] == answer.status
                assert "Traceback" not in text
            return answer.status, shown

    @property
    def tenant(self) -> str:
        return f"/tenants/{self.hosted.slug}"


@pytest.fixture
async def console() -> AsyncIterator[Console]:
    async with federation() as group:
        hosted = await group.host(
            PROVIDER, services=offering(SERVICE), connections=(wanting("brp", CONSUMER, "brp", valid_days=30),)
        )
        accounts = Accounts(group.stores.documents)
        api = AdminApi(group.hosts.managers, accounts, group.clock, "1.2.3")
        async with TestClient(TestServer(api.app(sign_in=False))) as client:
            yield Console(group, hosted, client, accounts)


async def offered(console: Console) -> JsonObject:
    """A Contract that waits for our signature."""
    foreign = await console.group.foreign()
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=console.group.clock.now())
    assert (await foreign.submit(console.hosted.peer, content)).status == 201
    return content


# -- looking


async def test_tenants_are_listed(console: Console) -> None:
    status, shown = await console.ask("GET", "/tenants")
    assert status == 200
    assert [one["peer_id"] for one in shown["tenants"]] == [PROVIDER]


async def test_contracts_are_listed_by_state_and_page(console: Console) -> None:
    content = await offered(console)
    await console.ask("POST", f"{console.tenant}/contracts", {"connection": "brp"})
    _, everything = await console.ask("GET", f"{console.tenant}/contracts")
    assert [one["state"] for one in everything["contracts"]] == ["PROPOSED"] * 2
    assert everything["next_cursor"] == ""
    await console.ask("POST", f"{console.tenant}/contracts/{quote(content_hash_of(content))}/reject")
    _, rejected = await console.ask("GET", f"{console.tenant}/contracts?state=rejected")
    assert [one["content_hash"] for one in rejected["contracts"]] == [content_hash_of(content)]
    _, first = await console.ask("GET", f"{console.tenant}/contracts?limit=1")
    _, second = await console.ask("GET", f"{console.tenant}/contracts?limit=1&cursor={quote(first['next_cursor'])}")
    assert first["contracts"] + second["contracts"] != first["contracts"] * 2
    assert second["next_cursor"] == ""


async def test_one_contract_is_shown_with_its_content(console: Console) -> None:
    content = await offered(console)
    status, shown = await console.ask("GET", f"{console.tenant}/contracts/{quote(content_hash_of(content))}")
    assert (status, shown["content"], shown["missing_accepts"]) == (200, content, [PROVIDER])


async def test_peers_are_listed_by_name(console: Console) -> None:
    await offered(console)
    _, shown = await console.ask("GET", f"{console.tenant}/peers?limit=5")
    assert [one["peer_id"] for one in shown["peers"]] == [FOREIGN]


async def test_services_are_ours_and_those_of_the_directories(console: Console) -> None:
    directory = await console.group.host(DIRECTORY, directory=True, accept=(accepting("service_publication"),))
    foreign = await console.group.foreign()
    content = make_content(publication(DIRECTORY, FOREIGN, "kvk"), now=console.group.clock.now())
    await foreign.submit(directory.peer, content)
    gone = "https://gone.localhost:9"
    rules = make_group(directories={DIRECTORY: directory.peer.tenant.manager_address, CONSUMER: gone})
    console.hosted = await console.group.host(PROVIDER, group=rules, services=offering(SERVICE))
    await foreign.announce(console.hosted.peer)
    await console.hosted.peer.peers.told_version(FOREIGN, "3.0.0", now=1, ask_at=2)
    status, shown = await console.ask("GET", f"{console.tenant}/services")
    assert status == 200
    assert [(one["peer_id"], "FSC 3.0.0" in one["version_problem"]) for one in shown["version_problems"]] == [
        (FOREIGN, True)
    ]
    assert shown["offered"] == [{"name": SERVICE, "upstream": "http://127.0.0.1:9", "publish": False}]
    assert [(one["directory"], one["name"]) for one in shown["listed"]] == [(DIRECTORY, "kvk")]
    assert [gone in one for one in shown["problems"]] == [True]


async def test_logs_are_listed_and_filtered(console: Console) -> None:
    now = console.group.clock.now()
    for number in range(3):
        record = LogRecord(
            TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
            Direction.INCOMING,
            GrantHash("$1$3$a"),
            CONSUMER,
            PROVIDER,
            SERVICE,
            now + number,
        )
        await console.hosted.peer.log.append(record)

    async def listed(query: str) -> list[str]:
        _, shown = await console.ask("GET", f"{console.tenant}/logs?{query}")
        return [one["transaction_id"][-1] for one in shown["records"]]

    assert await listed("") == ["2", "1", "0"]
    assert await listed(f"after={now}&limit=1") == ["2"]
    assert await listed("transaction_ids=0190a2b4-0000-7000-8000-000000000001") == ["1"]
    assert await listed("grant_hash=$1$3$b") == []
    assert await listed(f"service_name={SERVICE}&before={now + 1}") == ["0"]


async def test_the_description_is_served(console: Console) -> None:
    status, shown = await console.ask("GET", "/openapi.json")
    assert (status, shown["openapi"], shown["info"]["version"]) == (200, "3.1.0", "1.2.3")


# -- changing


async def test_a_contract_is_accepted_and_revoked(console: Console) -> None:
    path = f"{console.tenant}/contracts/{quote(content_hash_of(await offered(console)))}"
    assert [(await console.ask("POST", f"{path}/{kind}"))[1]["state"] for kind in ("accept", "accept", "revoke")] == [
        "VALID",
        "VALID",
        "REVOKED",
    ]
    _, shown = await console.ask("GET", path)
    assert [one["action"] for one in shown["deliveries"]] == ["accept", "revoke"]
    assert shown["remark"] == "revoke by an operator"


@pytest.mark.parametrize(("before", "kind"), [((), "revoke"), (("accept",), "reject"), (("reject",), "accept")])
async def test_a_signature_out_of_time_is_a_conflict(console: Console, before: tuple[str, ...], kind: str) -> None:
    path = f"{console.tenant}/contracts/{quote(content_hash_of(await offered(console)))}"
    for one in before:
        assert (await console.ask("POST", f"{path}/{one}"))[0] == 200
    assert (await console.ask("POST", f"{path}/{kind}"))[0] == 409


async def test_accounts_are_made_listed_and_removed(console: Console) -> None:
    body = {"name": "jan", "password": PASSWORD, "role": "admin"}
    status, shown = await console.ask("POST", "/accounts", body)
    assert (status, shown) == (201, {"name": "jan", "role": "admin", "created_at": console.group.clock.now()})
    assert (await console.ask("POST", "/accounts", body))[0] == 400
    assert (await console.ask("POST", "/accounts", {"name": "piet", "password": PASSWORD}))[1]["role"] == "viewer"
    _, listed = await console.ask("GET", "/accounts")
    assert [one["name"] for one in listed["accounts"]] == ["jan", "piet"]
    assert PASSWORD not in str(listed)
    assert await console.accounts.sign_in("jan", PASSWORD) is not None
    assert await console.ask("DELETE", "/accounts/jan") == (204, None)
    assert (await console.ask("DELETE", "/accounts/jan"))[0] == 400


# -- refusing


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/tenants/nobody/contracts", 404),
        ("GET", "/nothing", 404),
        ("PATCH", "/tenants", 405),
        ("GET", "/tenants?x=1", 400),
        ("GET", "{tenant}/contracts?limit=0", 400),
        ("GET", "{tenant}/contracts?state=odd", 400),
        ("GET", "{tenant}/contracts?cursor=odd", 400),
        ("GET", "{tenant}/contracts/unknown", 404),
        ("GET", "{tenant}/contracts/%ED%A0%80", 404),
        ("GET", "{tenant}/contracts/%00", 404),
        ("POST", "{tenant}/contracts/unknown/accept", 404),
        ("POST", "{tenant}/contracts/unknown/approve", 404),
        ("GET", "{tenant}/peers?cursor=odd", 400),
        ("GET", "{tenant}/logs?after=now", 400),
        ("GET", "{tenant}/logs?cursor=odd", 400),
        ("GET", "{tenant}/services?limit=1", 400),
        ("DELETE", "/accounts/unknown", 400),
        ("POST", "/accounts", 415),
        ("POST", "{tenant}/contracts", 415),
    ],
)
async def test_what_cannot_be_is_a_problem(console: Console, method: str, path: str, status: int) -> None:
    assert (await console.ask(method, path.format(tenant=console.tenant)))[0] == status


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"a": NaN}',
        b'{"name": "jan", "password": "' + b"\\ud800" * 12 + b'"}',
        b'{"name": "jan", "name": "piet", "password": "aaaaaaaaaaaa"}',
    ],
    ids=["nothing", "text", "list", "null", "not UTF-8", "deep", "NaN", "surrogates", "duplicate"],
)
@pytest.mark.parametrize("path", ["/accounts", "{tenant}/contracts"])
async def test_a_body_that_cannot_be_understood_is_a_problem(console: Console, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    status, _ = await console.ask("POST", path.format(tenant=console.tenant), data=body, headers=headers)
    assert status == 400


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": 5, "password": PASSWORD},
        {"name": "jan", "password": None},
        {"name": "jan", "password": PASSWORD, "role": "root"},
        {"name": "jan", "password": PASSWORD, "role": ["admin"]},
        {"name": "jan", "password": "short"},
        {"name": "j:an", "password": PASSWORD},
    ],
)
async def test_an_account_that_cannot_be_is_a_problem(console: Console, body: JsonObject) -> None:
    status, shown = await console.ask("POST", "/accounts", body)
    assert status == 400
    assert PASSWORD not in str(shown)


async def test_a_body_beyond_the_limit_is_a_problem(console: Console) -> None:
    body = io.BytesIO(b'{"name": "' + b"a" * 2_000_000)
    assert (await console.ask("POST", "/accounts", data=body, headers={"Content-Type": "application/json"}))[0] == 413


async def test_without_a_valid_certificate_nothing_is_signed(console: Console) -> None:
    path = f"{console.tenant}/contracts/{quote(content_hash_of(await offered(console)))}"
    host = f"manager-{PROVIDER}.localhost"
    pairs = (key_pair(PROVIDER, host=host, days=1),)
    console.hosted = await console.group.host(PROVIDER, key_pairs=pairs)
    console.group.clock.advance(2 * DAY_S)
    status, shown = await console.ask("POST", f"{path}/accept")
    assert status == 409
    assert "renew" in shown["detail"]


async def test_a_store_that_is_away_is_a_problem(console: Console) -> None:
    documents = console.group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    documents.available = False
    for path in (f"{console.tenant}/contracts", f"{console.tenant}/peers", "/accounts"):
        assert (await console.ask("GET", path))[0] == 503


def _any_path(operation: Operation) -> str:
    path = operation.path.replace(":accept|reject|revoke", "")
    return path.format(slug="x", hash="x", kind="accept", name="x")


async def test_the_console_listener_lets_nobody_in_without_an_account(console: Console) -> None:
    api = AdminApi(console.group.hosts.managers, console.accounts, console.group.clock, "1")
    async with TestClient(TestServer(api.app(sign_in=True))) as client:
        for operation in api.operations:
            path = operation.path.replace(":accept|reject|revoke", "").format(
                slug="x", hash="x", id="x", kind="accept", name="x"
            )
            async with client.request(operation.method, path) as answer:
                assert answer.status == 401
        await console.accounts.add("kijker", PASSWORD, Role.VIEWER, now=1)
        for operation in api.operations:
            path = operation.path.replace(":accept|reject|revoke", "").format(
                slug="x", hash="x", id="x", kind="accept", name="x"
            )
            headers = {"Authorization": "Basic a2lqa2VyOmNvcnJlY3QgaG9yc2UgYmF0dGVyeQ=="}
            async with client.request(operation.method, path, headers=headers) as answer:
                assert (answer.status == 403) is (operation.method != "GET")


async def test_a_signature_of_an_operator_is_delivered_like_any_other(console: Console) -> None:
    content = await offered(console)
    await console.ask("POST", f"{console.tenant}/contracts/{quote(content_hash_of(content))}/accept")
    record = await console.hosted.peer.contracts.get(content_hash_of(content))
    assert record is not None
    assert record.signers(SignatureType.ACCEPT) == {FOREIGN, PROVIDER}
    assert [one.peer_id for one in record.deliveries] == [FOREIGN]
