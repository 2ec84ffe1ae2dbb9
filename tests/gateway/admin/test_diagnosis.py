"""The doctor over the administration API."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.diagnosis import diagnosis_view
from gateway.manager.diagnosis import Outcome, Step
from tests.gateway.harness import FOREIGN, PROVIDER, federation

Client = TestClient[web.Request, web.Application]


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with federation() as group:
        await group.host(PROVIDER)
        api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1")
        async with TestClient(TestServer(api.app(sign_in=False))) as opened:
            yield opened


async def ask(client: Client, body: object) -> tuple[int, Any]:
    slug = f"peer-{PROVIDER[-4:]}"
    async with client.post(f"/admin/v1/tenants/{slug}/diagnosis", json=body) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("body", [{}, {"peer_id": None, "call": None}, {"peer_id": FOREIGN}, {"call": "/a?b=c"}])
async def test_the_steps_are_answered_whatever_they_find(client: Client, body: dict[str, object]) -> None:
    status, found = await ask(client, body)
    assert status == 200
    assert set(found) == {"ok", "steps"}
    assert [step["name"] for step in found["steps"]][:1] == ["certificate"]
    assert found["ok"] is all(step["outcome"] != "failed" for step in found["steps"])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"peer_id": PROVIDER}, "names the tenant itself"),
        ({"peer_id": "x"}, "peer_id: a Peer ID has 3 to 255 characters"),
        ({"peer_id": 7}, "peer_id: "),
        ({"call": "path"}, "call: must be a path"),
        ({"call": "http://elsewhere.example.test/"}, "call: must be a path"),
        ({"call": "/a b"}, "call: must be a path"),
        ({"call": "/a\r\nHost: b"}, "call: must be a path"),
        ({"call": "/é"}, "call: must be a path"),
        ({"call": "/a#b"}, "call: must be a path"),
        ({"call": ["/"]}, "call: must be a path"),
        ({"peer": FOREIGN}, "it may have peer_id and call"),
    ],
)
async def test_what_cannot_be_examined_is_refused(client: Client, body: dict[str, object], told: str) -> None:
    status, problem = await ask(client, body)
    assert status == 400
    assert told in problem["detail"]


def test_a_step_that_was_skipped_is_no_failure() -> None:
    done, left = Step("dns", "x", Outcome.OK, "seen"), Step("tcp", "x", Outcome.SKIPPED, "why")
    assert diagnosis_view((done, left))["ok"]
    view = diagnosis_view((done, Step("tcp", "x", Outcome.FAILED, "refused", "start it", 12)))
    assert not view["ok"]
    assert view["steps"][1] == {
        "name": "tcp",
        "subject": "x",
        "outcome": "failed",
        "seen": "refused",
        "remedy": "start it",
        "took_ms": 12,
    }
