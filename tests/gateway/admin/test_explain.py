"""The explanation of a Contract, as the administration API gives it."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from config.settings import AcceptRule
from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    content_hash_of,
    federation,
    make_content,
    offering,
)


@pytest.fixture
async def group() -> AsyncIterator[Federation]:
    async with federation() as opened:
        yield opened


async def proposed(group: Federation, *rules: AcceptRule) -> tuple[HostedPeer, ForeignPeer, JsonObject]:
    """A Contract that a Peer submitted to a tenant with these rules."""
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=rules)
    foreign = await group.foreign()
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
    assert (await foreign.submit(hosted.peer, content)).status == 201
    return hosted, foreign, content


async def explanation(group: Federation, hosted: HostedPeer, content_hash: str, query: str = "") -> tuple[int, Any]:
    api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1")
    async with TestClient[web.Request, web.Application](TestServer(api.app(sign_in=False))) as client:
        path = f"/admin/v1/tenants/{hosted.slug}/contracts/{quote(content_hash, safe='')}/explanation{query}"
        answer = await client.get(path)
        return answer.status, await answer.json()


async def test_what_a_rule_signed_is_told_with_its_remark(group: Federation) -> None:
    rules = (
        accepting("service_connection", peers=(OTHER,)),
        accepting("service_connection", reason="agreed in May"),
        accepting("service_connection", action="reject"),
    )
    hosted, _, content = await proposed(group, *rules)
    status, shown = await explanation(group, hosted, content_hash_of(content))
    assert status == 200
    assert shown == {
        "content_hash": content_hash_of(content),
        "state": "VALID",
        "rules": [
            {
                "number": 1,
                "action": "accept",
                "verdict": "does not match",
                "reason": f"peers: the contract names Peer {FOREIGN}",
                "tried": True,
            },
            {"number": 2, "action": "accept", "verdict": "matches", "reason": "agreed in May", "tried": True},
            {"number": 3, "action": "reject", "verdict": "matches", "reason": "", "tried": False},
        ],
        "decided_by": None,
        "outcome": None,
        "reason": "we have signed already",
        "signed_by_us": ["accept"],
        "remark": "accept rule 2: agreed in May",
        "for_a_person": "",
    }


async def test_what_no_rule_matches_is_for_a_person(group: Federation) -> None:
    hosted, foreign, content = await proposed(group, accepting("service_publication"))
    _, shown = await explanation(group, hosted, content_hash_of(content))
    assert (shown["state"], shown["outcome"], shown["decided_by"]) == ("PROPOSED", None, None)
    assert shown["for_a_person"] == "accept or reject it"
    await foreign.put(hosted.peer, content, SignatureType.REVOKE)
    _, shown = await explanation(group, hosted, content_hash_of(content))
    assert (shown["reason"], shown["for_a_person"]) == ("the contract is over", "")


async def test_a_rule_that_may_not_accept_says_so_and_later_rules_are_not_tried(group: Federation) -> None:
    hosted, _, content = await proposed(group)
    tenant = await group.host(
        PROVIDER,
        key_pairs=hosted.peer.tenant.key_pairs,
        accept=(accepting("service_connection"), accepting("service_connection", action="reject")),
    )
    _, shown = await explanation(group, tenant, content_hash_of(content))
    assert shown["decided_by"] == 1
    assert f"we do not offer service {SERVICE}" in shown["reason"]
    assert [rule["tried"] for rule in shown["rules"]] == [True, False]
    assert shown["for_a_person"] == "accept or reject it"


async def test_a_rule_that_waits_for_its_policy_decision_point_leaves_nothing_to_do(group: Federation) -> None:
    rule = accepting("service_connection", pdp={"url": "http://127.0.0.1:9/evaluation"})
    hosted, _, content = await proposed(group, rule, accepting("service_connection"))
    _, shown = await explanation(group, hosted, content_hash_of(content))
    assert [one["verdict"] for one in shown["rules"]] == ["waits for its policy decision point", "matches"]
    assert shown["decided_by"] == 1
    assert shown["for_a_person"].startswith("nothing, unless")


async def test_an_unknown_contract_or_query_is_refused(group: Federation) -> None:
    hosted, _, content = await proposed(group)
    assert (await explanation(group, hosted, "$1$1$unknown"))[0] == 404
    assert (await explanation(group, hosted, content_hash_of(content), "?verbose=1"))[0] == 400
