"""Offering Contracts through the administration API: every kind, looked at before and made after."""

import datetime
from typing import Any

import pytest

from gateway.fsc.build import grant_data
from gateway.fsc.profile import HashProfile
from klantenregister.hosting import HostedPeer
from storage.documents import Query
from tests.gateway.admin.conftest import Ask
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    connection,
    delegated_publication,
    key_pair,
    make_group,
    make_tenant,
    offering,
    publication,
    wanting,
)


@pytest.fixture
async def hosted(group: Federation) -> HostedPeer:
    rules = make_group(directories={DIRECTORY: make_tenant(DIRECTORY).manager_address})
    connections = (wanting("brp", CONSUMER, "brp", valid_days=30, delegator=FOREIGN),)
    services = offering(SERVICE, properties={"p": 1}, delegator=OTHER)
    return await group.host(PROVIDER, group=rules, services=services, connections=connections)


def path(hosted: HostedPeer, rest: str = "") -> str:
    return f"/tenants/{hosted.slug}/contracts{rest}"


def data(grant: Any) -> dict[str, Any]:
    return grant_data(grant, HashProfile.FSC_2_0)


async def test_a_declared_connection_is_offered_with_its_label(hosted: HostedPeer, ask: Ask) -> None:
    status, shown = await ask("POST", path(hosted), {"connection": "brp"})
    assert (status, shown["state"], shown["made_for"]) == (201, "PROPOSED", "connection brp")
    assert shown["not_after"] - shown["not_before"] == 30 * DAY_S
    assert {one["peer_id"] for one in shown["deliveries"]} == {CONSUMER, FOREIGN}


async def test_a_service_is_asked_for_with_every_delegation(hosted: HostedPeer, ask: Ask) -> None:
    body = {
        "service": {"peer_id": CONSUMER, "name": "kvk", "delegator": OTHER},
        "delegator": FOREIGN,
        "valid_days": 7,
        "not_before": 2_000_000_000,
        "properties": {"a": 1},
    }
    status, shown = await ask("POST", path(hosted), body)
    assert (status, shown["made_for"]) == (201, "")
    assert (shown["not_before"], shown["not_after"]) == (2_000_000_000, 2_000_000_000 + 7 * DAY_S)
    [grant] = shown["grants"]
    assert grant["data"]["type"] == "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
    assert grant["data"]["properties"] == {"a": 1}
    assert {one["peer_id"] for one in shown["deliveries"]} == {CONSUMER, FOREIGN, OTHER}


@pytest.mark.parametrize(
    ("changes", "delegator", "properties"),
    [({}, OTHER, {"p": 1}), ({"delegator": FOREIGN, "properties": {}}, FOREIGN, None)],
)
async def test_a_service_of_ours_is_published_as_declared_or_asked(
    hosted: HostedPeer, ask: Ask, changes: dict[str, Any], delegator: str, properties: Any
) -> None:
    status, shown = await ask("POST", path(hosted), {"publish": SERVICE, "directory": DIRECTORY, **changes})
    assert status == 201
    [grant] = shown["grants"]
    assert grant["data"]["delegator"] == {"peer_id": delegator}
    assert grant["data"].get("properties") == properties


async def test_any_grants_that_name_us_are_offered(hosted: HostedPeer, ask: Ask) -> None:
    grants = [
        data(publication(DIRECTORY, PROVIDER, "kvk")),
        data(delegated_publication(OTHER, PROVIDER, FOREIGN)),
    ]
    status, shown = await ask("POST", path(hosted), {"grants": grants})
    assert (status, [one["data"] for one in shown["grants"]]) == (201, grants)
    assert shown["not_after"] - shown["not_before"] == 365 * DAY_S


async def test_a_draft_says_what_would_be_offered_and_makes_nothing(
    group: Federation, hosted: HostedPeer, ask: Ask
) -> None:
    body = {"service": {"peer_id": CONSUMER, "name": "kvk"}, "valid_days": 500}
    status, draft = await ask("POST", path(hosted, "/draft"), body)
    assert status == 200
    assert (await hosted.peer.contracts.page(Query()))[0] == []
    assert [one["whose"] for one in draft["keys"]] == ["our own key"]
    assert len(draft["warnings"]) == 2
    group.clock.advance(300)
    _, made = await ask("POST", path(hosted), {**body, "not_before": draft["not_before"]})
    for member in ("not_before", "not_after", "peer_ids", "hash_profile", "group_id", "made_for"):
        assert made[member] == draft[member]
    assert [one["data"] for one in made["grants"]] == [one["data"] for one in draft["grants"]]


async def test_a_known_peer_is_not_warned_of(group: Federation, hosted: HostedPeer, ask: Ask) -> None:
    foreign = await group.foreign()
    await foreign.announce(hosted.peer)
    for peer_id in (FOREIGN, DIRECTORY):
        body = {"service": {"peer_id": peer_id, "name": "kvk"}}
        assert (await ask("POST", path(hosted, "/draft"), body))[1]["warnings"] == []


async def test_what_exists_is_shown_with_keys_and_warnings(hosted: HostedPeer, ask: Ask) -> None:
    _, made = await ask("POST", path(hosted), {"service": {"peer_id": CONSUMER, "name": "kvk"}})
    status, shown = await ask("GET", path(hosted, f"/{made['content_hash']}"))
    assert (status, [one["whose"] for one in shown["keys"]]) == (200, ["our own key"])
    assert [CONSUMER in one for one in shown["warnings"]] == [True]


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        ({}, 400, "exactly one of connection, service, publish, grants"),
        ({"connection": "brp", "publish": SERVICE}, 400, "exactly one of"),
        ({"connection": "nothing"}, 404, "there are: brp"),
        ({"connection": 5}, 400, "connection"),
        ({"connection": "brp", "valid_days": 5}, 400, "in the configuration"),
        ({"connection": "brp", "delegator": OTHER}, 400, "in the configuration"),
        ({"service": "brp"}, 400, "service"),
        ({"service": {"peer_id": "x", "name": "brp"}}, 400, "service/peer_id"),
        ({"service": {"peer_id": PROVIDER, "name": "brp"}}, 400, "names the tenant itself"),
        ({"service": {"peer_id": CONSUMER}}, 400, "service/name"),
        ({"service": {"peer_id": CONSUMER, "name": "b/p"}}, 400, "service/name"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "valid_days": 0}, 400, "valid_days"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "valid_days": 2**53 - 1}, 400, "valid_days"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "not_before": -1}, 400, "not_before"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "not_before": 2**53 - 1}, 400, "not_after"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "not_before": 1}, 422, "not_after"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "properties": []}, 400, "properties"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "surprise": 1}, 400, "surprise"),
        ({"service": {"peer_id": CONSUMER, "name": "brp"}, "directory": DIRECTORY}, 400, "directory"),
        ({"publish": SERVICE}, 400, "directory"),
        ({"publish": "nothing", "directory": DIRECTORY}, 404, f"there are: {SERVICE}"),
        ({"grants": []}, 400, "grants"),
        ({"grants": [5]}, 400, "grants/0"),
        ({"grants": [{"type": "GRANT_TYPE_ODD"}]}, 400, "grants/0"),
        ({"grants": [data(publication(DIRECTORY, PROVIDER))] * 101}, 400, "grants"),
        ({"grants": [data(publication(DIRECTORY, OTHER))]}, 422, "is in no grant"),
        ({"grants": [data(publication(DIRECTORY, PROVIDER))], "delegator": OTHER}, 400, "in themselves"),
        (
            {
                "grants": [
                    data(publication(DIRECTORY, PROVIDER)),
                    data(connection(key_pair(PROVIDER), PROVIDER, CONSUMER)),
                ]
            },
            422,
            "cannot be combined",
        ),
    ],
)
async def test_what_cannot_be_offered_is_a_problem_and_leaves_nothing(
    hosted: HostedPeer, ask: Ask, body: dict[str, Any], status: int, told: str
) -> None:
    found, shown = await ask("POST", path(hosted), body)
    assert (found, told in shown["detail"]) == (status, True), shown
    assert (await hosted.peer.contracts.page(Query()))[0] == []


async def test_a_moment_is_whole_seconds(hosted: HostedPeer, ask: Ask) -> None:
    moment = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC).isoformat()
    for odd in (moment, 1.5, True, "1"):
        body = {"connection": "brp", "not_before": odd}
        assert (await ask("POST", path(hosted), body))[0] == 400
