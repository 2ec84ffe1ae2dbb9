"""What is declared and how far it is, through the administration API; applying is only on the listener that has it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.desired import ConfigurationRefused, Plan, TenantPlan, apply_operations
from gateway.fsc.signature import SignatureType
from gateway.manager.contracts import add_our_signature
from gateway.manager.desired import Action, Decision
from tests.gateway.admin.conftest import Ask
from tests.gateway.harness import CONSUMER, DAY_S, PROVIDER, Federation, wanting


async def test_what_is_declared_is_shown_and_converges_when_asked(group: Federation, ask: Ask) -> None:
    hosted = await group.host(CONSUMER, connections=(wanting("brp", PROVIDER, "brp"),))
    path = f"/tenants/{hosted.slug}/desired"
    for _ in range(2):
        [shown] = (await ask("GET", path))[1]["declarations"]
        assert (shown["declaration"], shown["action"], shown["contract"]) == ("connection brp", "offer", None)
        assert shown["grant"]["service"]["name"] == "brp"
    assert (await ask("POST", path))[0] == 200
    [first] = (await ask("POST", path))[1]["declarations"]
    status, after = await ask("POST", path)
    [shown] = after["declarations"]
    assert shown == first
    assert (status, shown["action"], shown["settled"]) == (200, "keep", False)
    assert (shown["contract"]["state"], shown["contract"]["waits_for"]) == ("PROPOSED", [PROVIDER])
    await add_our_signature(hosted.peer, shown["contract"]["content_hash"], SignatureType.REVOKE, remark="")
    [shown] = (await ask("POST", path))[1]["declarations"]
    assert (shown["action"], shown["contract"]["ended_by"]) == ("refused", [CONSUMER])
    hosted.use(replace(hosted.peer.tenant, connections=()))
    assert (await ask("POST", path))[1] == {"declarations": []}


async def test_without_a_valid_certificate_it_is_a_problem(group: Federation, ask: Ask) -> None:
    hosted = await group.host(CONSUMER, connections=(wanting("brp", PROVIDER, "brp"),))
    group.clock.advance(400 * DAY_S)
    for method in ("GET", "POST"):
        assert (await ask(method, f"/tenants/{hosted.slug}/desired"))[0] == 409


async def test_applying_is_not_among_the_operations_of_every_listener(ask: Ask) -> None:
    assert (await ask("POST", "/apply", {"file": "/etc/passwd"}))[0] == 404


class Applying:
    """What applies, as the socket sees it."""

    def __init__(self) -> None:
        self.asked: list[tuple[Path, str | None, bool]] = []

    async def apply(self, file: Path, *, slug: str | None, plan_only: bool) -> Plan:
        self.asked.append((file, slug, plan_only))
        if file.name == "bad.yaml":
            raise ConfigurationRefused("group.id: is required\ntenants: too")
        decision = Decision("connection brp", Action.OFFER)
        return Plan(
            (TenantPlan("a", (decision,)), TenantPlan("b", (), "renew")), ("c",), ("storage",), ("w",), Path("/x"), 5
        )


async def applied(group: Federation, body: Any) -> tuple[Applying, int, Any]:
    applying = Applying()
    more = apply_operations(applying)
    api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1", more=more)
    async with TestClient[web.Request, web.Application](TestServer(api.app(sign_in=False))) as client:
        answer = await client.post("/admin/v1/apply", json=body)
        return applying, answer.status, await answer.json()


async def test_a_configuration_is_applied_by_its_path(group: Federation) -> None:
    applying, status, shown = await applied(group, {"file": "/a/b.yaml", "plan": True, "tenant": "a"})
    assert (status, applying.asked) == (200, [(Path("/a/b.yaml"), "a", True)])
    assert [one["slug"] for one in shown["tenants"]] == ["a", "b"]
    assert [one["action"] for one in shown["tenants"][0]["declarations"]] == ["offer"]
    assert shown["tenants"][1]["problem"] == "renew"
    rest = {name: shown[name] for name in ("unhosted", "needs_restart", "warnings", "serves_by")}
    assert rest == {"unhosted": ["c"], "needs_restart": ["storage"], "warnings": ["w"], "serves_by": "/x"}
    assert (await applied(group, {"file": "/a/b.yaml"}))[0].asked == [(Path("/a/b.yaml"), None, False)]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"file": "/bad.yaml"}, 422),
        ({}, 400),
        ({"file": 5}, 400),
        ({"file": "relative.yaml"}, 400),
        ({"file": "/nul\0"}, 400),
        ({"file": "/a", "plan": "yes"}, 400),
        ({"file": "/a", "tenant": 5}, 400),
    ],
)
async def test_what_cannot_be_applied_is_a_problem(group: Federation, body: Any, status: int) -> None:
    applying, found, shown = await applied(group, body)
    assert (found, shown["status"]) == (status, status)
    assert len(applying.asked) == (1 if status == 422 else 0)
