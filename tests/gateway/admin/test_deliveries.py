"""What is owed, as an operator sees it, and that it is tried at once when the operator says so."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from certs.identity import PeerId
from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.manager.contracts import offer
from gateway.state.contracts import ContractRecord, Delivery
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    FOREIGN,
    OTHER,
    Federation,
    connection,
    delegated_connection,
    eventually,
    federation,
    working,
)


class Operator:
    """The API over one tenant that owes something."""

    def __init__(self, group: Federation, hosted: HostedPeer, client: TestClient[web.Request, web.Application]) -> None:
        self.group = group
        self.hosted = hosted
        self._client = client

    async def ask(self, method: str, path: str) -> tuple[int, Any]:
        async with self._client.request(method, f"/admin/v1/tenants/{self.hosted.slug}{path}") as answer:
            return answer.status, await answer.json()

    async def owing(self, *others: PeerId, next_at: int = 0) -> ContractRecord:
        """A Contract owed to these, to be tried (again) at `next_at`."""
        peer, now = self.hosted.peer, self.group.clock.now()
        pair = peer.signing_pair()
        grant = (
            connection(pair, CONSUMER, others[0])
            if len(others) == 1
            else delegated_connection(pair, CONSUMER, others[0], on_behalf_of=others[1])
        )
        record = await offer(peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="")

        def tried(one: ContractRecord) -> ContractRecord:
            debts = tuple(Delivery(one.peer_id, one.action, next_at or now, 3, "503 away") for one in one.deliveries)
            return replace(one, deliveries=debts)

        return await peer.contracts.update(record.content_hash, tried)

    async def next_at(self, record: ContractRecord) -> list[tuple[PeerId, int]]:
        found = await self.hosted.peer.contracts.get(record.content_hash)
        assert found is not None
        return [(one.peer_id, one.next_at) for one in found.deliveries]


@pytest.fixture
async def operator() -> AsyncIterator[Operator]:
    async with federation() as group:
        hosted = await group.host(CONSUMER)
        api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1.2.3")
        async with TestClient(TestServer(api.app(sign_in=False))) as client:
            yield Operator(group, hosted, client)


async def test_when_all_is_delivered_there_is_nothing_to_see(operator: Operator) -> None:
    assert await operator.ask("GET", "/deliveries") == (200, {"deliveries": [], "next_cursor": ""})
    assert await operator.ask("POST", "/deliveries/retry") == (200, {"contracts": 0})


async def test_what_is_owed_is_listed_the_next_to_be_tried_first(operator: Operator) -> None:
    now = operator.group.clock.now()
    later = await operator.owing(FOREIGN, next_at=now + 50)
    sooner = await operator.owing(FOREIGN, next_at=now + 10)
    status, shown = await operator.ask("GET", "/deliveries")
    assert status == 200
    assert [one["content_hash"] for one in shown["deliveries"]] == [sooner.content_hash, later.content_hash]
    assert shown["deliveries"][0] == {
        "content_hash": sooner.content_hash,
        "state": "PROPOSED",
        "peer_id": FOREIGN,
        "action": "submit",
        "attempts": 3,
        "next_at": now + 10,
        "last_error": "503 away",
    }


async def test_the_list_has_pages(operator: Operator) -> None:
    now = operator.group.clock.now()
    records = [await operator.owing(FOREIGN, OTHER, next_at=now + number) for number in range(3)]
    _, first = await operator.ask("GET", "/deliveries?limit=2")
    _, rest = await operator.ask("GET", f"/deliveries?limit=2&cursor={quote(first['next_cursor'])}")
    seen = [(one["content_hash"], one["peer_id"]) for one in first["deliveries"] + rest["deliveries"]]
    assert seen == [(one.content_hash, peer_id) for one in records for peer_id in (FOREIGN, OTHER)]
    assert rest["next_cursor"] == ""


async def test_one_contract_is_tried_at_once_at_everybody_or_at_one_peer(operator: Operator) -> None:
    now = operator.group.clock.now()
    record = await operator.owing(FOREIGN, OTHER, next_at=now + 50)
    path = f"/contracts/{quote(record.content_hash, safe='')}/retry"
    status, shown = await operator.ask("POST", f"{path}?peer_id={OTHER}")
    assert (status, shown["content_hash"]) == (200, record.content_hash)
    assert await operator.next_at(record) == [(FOREIGN, now + 50), (OTHER, now)]
    await operator.ask("POST", path)
    assert await operator.next_at(record) == [(FOREIGN, now), (OTHER, now)]


async def test_everything_is_tried_at_once_or_what_one_peer_is_owed(operator: Operator) -> None:
    now = operator.group.clock.now()
    one, other = await operator.owing(FOREIGN, next_at=now + 50), await operator.owing(OTHER, next_at=now + 50)
    assert await operator.ask("POST", f"/deliveries/retry?peer_id={OTHER}") == (200, {"contracts": 1})
    assert await operator.next_at(one) == [(FOREIGN, now + 50)]
    assert await operator.next_at(other) == [(OTHER, now)]
    assert await operator.ask("POST", "/deliveries/retry") == (200, {"contracts": 1})
    assert await operator.next_at(one) == [(FOREIGN, now)]


async def test_a_retry_is_brought_without_waiting(operator: Operator) -> None:
    foreign = await operator.group.foreign()
    await foreign.announce(operator.hosted.peer)
    await operator.owing(FOREIGN, next_at=operator.group.clock.now() + 50)
    async with working(operator.hosted):
        await operator.ask("POST", "/deliveries/retry")
        await eventually(lambda: foreign.contracts_received() == [("POST", "contracts")])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/contracts/%241%241%24unknown/retry", 404),
        ("POST", "/contracts/x/retry?peer=1", 400),
        ("POST", "/deliveries/retry?all=1", 400),
        ("GET", "/deliveries?limit=0", 400),
        ("GET", "/deliveries?cursor=%2B%2B", 400),
        ("GET", "/deliveries?state=valid", 400),
        ("DELETE", "/deliveries", 405),
    ],
)
async def test_what_does_not_fit_is_a_problem(operator: Operator, method: str, path: str, status: int) -> None:
    answered, problem = await operator.ask(method, path)
    assert (answered, problem["status"]) == (status, status)
    assert problem["detail"]
