"""Transactions over the administration API."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from yarl import URL

from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.tracing import trace_view
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, TransactionId
from gateway.manager.hops import Told, assemble
from tests.gateway.harness import FOREIGN, PROVIDER, SERVICE, federation

ID = TransactionId("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
RECORD = LogRecord(ID, Direction.INCOMING, GrantHash("$1$3$abc"), FOREIGN, PROVIDER, SERVICE, 1_800_000_000)

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with federation() as group:
        hosted = await group.host(PROVIDER)
        await hosted.peer.log.append(RECORD)
        api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1")
        async with TestClient(TestServer(api.app(sign_in=False))) as opened:
            yield opened


async def ask(client: Client, transaction: str, query: str = "") -> tuple[int, Any]:
    path = f"/admin/v1/tenants/peer-{PROVIDER[-4:]}/transactions/{quote(transaction, safe='')}{query}"
    async with client.get(URL(path, encoded=True)) as answer:
        return answer.status, await answer.json()


async def test_a_transaction_is_shown_with_what_is_missing(client: Client) -> None:
    status, found = await ask(client, ID)
    assert status == 200
    assert found["records"] == [{**RECORD.to_json(), "told_by": PROVIDER}]
    assert (found["transaction_id"], found["complete"], found["contradictions"]) == (ID, False, [])
    assert [one["peer_id"] for one in found["unanswered"]] == [FOREIGN]
    assert len(found["missing"]) == 1


async def test_a_transaction_that_nobody_knows_is_not_complete(client: Client) -> None:
    status, found = await ask(client, "of another form")
    assert (status, found["complete"], found["records"]) == (200, False, [])


@pytest.mark.parametrize("transaction", ["a,b", "é", "x" * 256])
async def test_what_is_no_transaction_id_is_refused(client: Client, transaction: str) -> None:
    status, problem = await ask(client, transaction)
    assert status == 400
    assert "the transaction id" in problem["detail"]


async def test_unknown_parameters_are_refused(client: Client) -> None:
    assert (await ask(client, ID, "?peers=all"))[0] == 400


def test_peers_that_told_nothing_come_with_their_reason() -> None:
    view = trace_view(assemble([Told(RECORD, PROVIDER)], {FOREIGN: "down"}, ["a remark"]))
    assert view["unanswered"] == [{"peer_id": FOREIGN, "reason": "down"}]
    assert view["contradictions"] == ["a remark"]
