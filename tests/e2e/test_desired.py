"""Connections and publications as they are declared: exactly one valid Contract each, whatever happens."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from certs.authority import load_group
from certs.custody import key_pem
from clock import SystemClock
from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, Program, eventually
from tests.e2e.neighbours import (
    EchoServer,
    Neighbours,
    Traffic,
    ask,
    command,
    command_alone,
    connections_to,
    contract,
    contracts,
    hang_up,
    have_one,
    reach,
    reload,
    running,
    stored_signature,
    tenant,
    through,
)

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

SERVICES = ("brp", "kvk", "bag")


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """A Directory, a provider of three Services, and a consumer that declares nothing yet."""
    prepared = Neighbours.prepare(tmp_path_factory.mktemp("desired"), DIRECTORY, PROVIDER, CONSUMER)
    echoes = [EchoServer(name) for name in SERVICES]
    tenant(prepared.of(PROVIDER)).update(
        services=[{"name": name, "upstream": echo.url} for name, echo in zip(SERVICES, echoes, strict=True)],
        accept=ACCEPT,
    )
    consumer = prepared.of(CONSUMER)
    tenant(consumer).update(outway={"listen": f"127.0.0.1:{consumer.ports['outway']}"}, connections=[])
    try:
        with running(prepared):
            yield prepared
    finally:
        for echo in echoes:
            echo.close()


ACCEPT = [{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}]


@pytest.fixture
def provider(neighbours: Neighbours) -> Program:
    return neighbours.of(PROVIDER)


@pytest.fixture
def consumer(neighbours: Neighbours) -> Iterator[Program]:
    """The consumer, which declares nothing any more afterwards and has nothing that lives."""
    program = neighbours.of(CONSUMER)
    yield program
    declare(program)
    for service in SERVICES:
        for content_hash in connections_to(program, service):
            if contract_label(program, content_hash) == "":
                assert command(program, "contracts", "revoke", content_hash).code == 0
        eventually("nothing to live", lambda s=service: None if connections_to(program, s) else True)  # type: ignore[misc]


def contract_label(program: Program, content_hash: str) -> str:
    found = contract(program, content_hash)
    assert found is not None
    return str(found["made_for"])


def connection(name: str, service: str = "brp", **more: Any) -> dict[str, Any]:
    return {"name": name, "service": {"peer_id": PROVIDER.peer_id, "name": service}, **more}


def declare(program: Program, *connections: dict[str, Any]) -> None:
    tenant(program)["connections"] = list(connections)
    reload(program)


def summary(program: Program) -> list[tuple[str, str, str]]:
    """Everything that is worth comparing of its Contracts."""
    return [(one["content_hash"], str(one["signatures"]), one["made_for"]) for one in contracts(program)]


def test_one_contract_survives_restarts_kills_and_repetition(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people"))
    wanted = have_one("brp", consumer, provider)
    eventually("everything to be delivered", lambda: True if not ask(consumer, "contracts", "deliveries") else None)
    before = summary(consumer), summary(provider)

    consumer.restart()
    provider.restart()
    consumer.kill()
    provider.kill()
    provider.start()
    consumer.start()
    for _ in range(2):
        hang_up(consumer)
        hang_up(provider)
        applied = command_alone("apply", str(consumer.config), "--json")
        assert applied.code == 0
        [only] = applied.json()["tenants"][0]["declarations"]
        assert (only["action"], only["settled"]) == ("keep", True)

    assert have_one("brp", consumer, provider) == wanted
    assert (summary(consumer), summary(provider)) == before
    assert through(consumer, "people").json()["service"] == "brp"


@pytest.mark.parametrize("victim", [CONSUMER, PROVIDER], ids=lambda one: one.slug)
def test_a_kill_in_the_middle_leaves_one_contract(
    neighbours: Neighbours, consumer: Program, provider: Program, victim: Any
) -> None:
    killed = neighbours.of(victim)
    for number in range(2):
        declare(consumer, connection(f"people-{number}", "kvk", properties={"try": number, "victim": victim.slug}))
        if number:
            eventually(
                "an offer", lambda: True if connections_to(killed, "kvk", states=("PROPOSED", "VALID")) else None
            )
        killed.kill()
        killed.start()
    have_one("kvk", consumer, provider)


def test_changed_properties_take_over_without_one_failed_request(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people", properties={"purpose": "one"}))
    old = have_one("brp", consumer, provider)

    with Traffic(consumer, "people") as traffic:
        traffic.wait_for_more()
        declare(consumer, connection("people", properties={"purpose": "two"}))
        reach(provider, old, "REVOKED")
        new = have_one("brp", consumer, provider)
        traffic.wait_for_more()

    assert traffic.failures == []
    assert len(traffic.grants) == 2
    assert new != old
    assert through(consumer, "people").json()["claims"]["prp"] == {"purpose": "two"}
    assert reach(consumer, old, "REVOKED")["withdrawn"]


def test_what_is_not_declared_any_more_is_revoked_on_both_sides_and_comes_back_anew(
    consumer: Program, provider: Program
) -> None:
    declare(consumer, connection("people"))
    first = have_one("brp", consumer, provider)

    declare(consumer)
    for side in (consumer, provider):
        assert reach(side, first, "REVOKED")["signatures"]["revoke"] == [CONSUMER.peer_id]
    assert through(consumer, "people").status == 400

    declare(consumer, connection("people"))
    assert have_one("brp", consumer, provider) != first
    assert through(consumer, "people").status == 200


def test_a_renamed_connection_keeps_its_contract(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people"))
    wanted = have_one("brp", consumer, provider)

    declare(consumer, connection("persons"))

    eventually("the new name", lambda: True if contract_label(consumer, wanted) == "connection persons" else None)
    assert have_one("brp", consumer, provider) == wanted
    assert through(consumer, "persons").status == 200
    assert through(consumer, "people").status == 400


def test_another_service_and_another_validity(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("data", "brp"))
    old = have_one("brp", consumer, provider)

    declare(consumer, connection("data", "kvk"))
    new = have_one("kvk", consumer, provider)
    reach(provider, old, "REVOKED")
    assert through(consumer, "data").json()["service"] == "kvk"

    # A validity is for the next contract: the one that serves is as good as any.
    declare(consumer, connection("data", "kvk", valid_days=90))
    assert command_alone("apply", str(consumer.config)).code == 0
    assert have_one("kvk", consumer, provider) == new


def test_a_contract_near_its_end_is_renewed_and_runs_out_without_one_failed_request(
    consumer: Program, provider: Program
) -> None:
    declare(consumer, connection("people", valid_days=1))
    first = have_one("brp", consumer, provider)
    ask(consumer, "contracts", "revoke", first)  # by a person: not asked again by itself
    began = datetime.now(UTC) - timedelta(days=1) + timedelta(seconds=12)
    short = ask(consumer, "contracts", "request", "--connection", "people", "--not-before", began.isoformat())
    reach(consumer, short["content_hash"], "VALID")

    with Traffic(consumer, "people") as traffic:
        hang_up(consumer)
        eventually(
            "a successor beside it",
            lambda: True if len(connections_to(consumer, "brp", states=("VALID",))) == 2 else None,
        )
        traffic.wait_for_more()
        reach(provider, short["content_hash"], "EXPIRED")
        traffic.wait_for_more()

    assert traffic.failures == []
    assert have_one("brp", consumer, provider) not in (first, short["content_hash"])
    ended = reach(consumer, short["content_hash"], "EXPIRED")
    assert (ended["signatures"]["revoke"], ended["signatures"]["reject"]) == ([], [])


def test_duplicates_are_shown_and_left_to_a_person(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people"))
    wanted = have_one("brp", consumer, provider)
    other = ask(consumer, "contracts", "request", "--service", f"{PROVIDER.peer_id}/brp")["content_hash"]
    reach(consumer, other, "VALID")

    applied = command_alone("apply", str(consumer.config))

    assert applied.code == 0
    [line] = [line for line in applied.out.splitlines() if line.strip().startswith("duplicate")]
    shown = line.rpartition("revoke ")[2].split()[0]
    assert connections_to(provider, "brp", states=("VALID",)) == {wanted, other}
    assert command(consumer, "contracts", "revoke", shown).code == 0
    assert have_one("brp", consumer, provider) == wanted


def test_a_plan_changes_nothing_and_tells_what_apply_does(consumer: Program, provider: Program) -> None:
    declare(
        consumer,
        connection("kept", "brp"),
        connection("changed", "kvk", properties={"purpose": "one"}),
        connection("gone", "bag"),
    )
    for service in SERVICES:
        have_one(service, consumer, provider)
    before = contracts(consumer), contracts(provider)
    planned_file = consumer.config.with_name("planned.yaml")
    tenant(consumer)["connections"] = [
        connection("kept", "brp"),
        connection("changed", "kvk", properties={"purpose": "two"}),
        connection("added", "bag", properties={"new": True}),
    ]
    planned_file.write_text(json.dumps(consumer.settings))

    plan = command_alone("apply", str(planned_file), "--plan", "--json")

    assert plan.code == 0
    assert (contracts(consumer), contracts(provider)) == before
    [declared] = plan.json()["tenants"]
    actions = {one["declaration"]: one["action"] for one in declared["declarations"]}
    assert actions == {
        "connection kept": "keep",
        "connection changed": "replace",
        "connection added": "offer",
        "connection gone": "revoke",
    }

    applied = command_alone("apply", str(planned_file), "--json")
    assert applied.code == 0, applied.out
    [done] = applied.json()["tenants"]
    assert done == declared
    states = {
        made_for: sorted(one["state"] for one in contracts(consumer) if one["made_for"] == made_for)
        for made_for in actions
    }
    assert states == {
        "connection kept": ["VALID"],
        "connection changed": ["REVOKED", "VALID"],
        "connection added": ["VALID"],
        "connection gone": ["REVOKED"],
    }
    assert "reload goes back" in command_alone("apply", str(planned_file)).out


def test_apply_refuses_a_broken_file_and_says_when_nothing_runs(consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people"))
    have_one("brp", consumer, provider)
    before = summary(consumer)
    broken = consumer.config.with_name("broken.yaml")
    broken.write_text(consumer.config.read_text().replace('"connections"', '"conections"'))

    refused = command_alone("apply", str(broken))

    assert (refused.code, refused.out) == (2, "")
    assert "conections" in refused.errors
    assert summary(consumer) == before

    consumer.stop()
    alone = command_alone("apply", str(consumer.config))
    consumer.start()
    assert (alone.code, alone.out) == (1, "")
    assert "klantenregister serve" in alone.errors
    assert summary(consumer) == before


def test_a_refusal_is_shown_and_asked_again_by_a_person_only(consumer: Program, provider: Program) -> None:
    tenant(provider)["accept"] = [{**ACCEPT[0], "action": "reject", "reason": "not this year"}]
    reload(provider)
    declare(consumer, connection("people"))

    def refused() -> str | None:
        return next(iter(connections_to(consumer, "brp", states=("REJECTED",))), None)

    before = {one["content_hash"] for one in contracts(consumer)}
    rejected = eventually("the rejection", lambda: one if (one := refused()) else None)
    applied = command_alone("apply", str(consumer.config))
    assert applied.code == 1
    assert "refused" in applied.out
    assert f"by {PROVIDER.peer_id}" in applied.out
    assert "contracts request --connection people" in applied.out
    tenant(provider)["accept"] = ACCEPT
    reload(provider)
    hang_up(consumer)
    command_alone("apply", str(consumer.config), "--wait", "1")
    assert {one["content_hash"] for one in contracts(consumer)} - before <= {rejected}

    ask(consumer, "contracts", "request", "--connection", "people")
    have_one("brp", consumer, provider)
    assert command_alone("apply", str(consumer.config)).code == 0


def test_a_publication_comes_and_goes(neighbours: Neighbours, consumer: Program, provider: Program) -> None:
    def listed() -> set[str]:
        return {one["name"] for one in ask(consumer, "services")["listed"]}

    tenant(provider)["services"][2]["publish"] = True
    reload(provider)
    eventually("the service to be listed", lambda: True if listed() == {"bag"} else None)

    tenant(provider)["services"][2]["publish"] = False
    reload(provider)
    eventually("the service not to be listed", lambda: True if listed() == set() else None)
    directory = contracts(neighbours.of(DIRECTORY))
    assert [one["state"] for one in directory] == ["REVOKED"]


def test_a_new_key_gets_a_contract_of_its_own(neighbours: Neighbours, consumer: Program, provider: Program) -> None:
    declare(consumer, connection("people"))
    old = have_one("brp", consumer, provider)
    neighbours.certify(CONSUMER, "second")

    tenant(consumer)["certificates"] += [{"cert": "pki/second.pem", "key": "pki/second.key"}]
    reload(consumer)

    reach(provider, old, "REVOKED")
    new = have_one("brp", consumer, provider)
    assert new != old
    assert through(consumer, "people").status == 200


def test_a_renewed_certificate_of_the_same_key_keeps_the_contract_and_signs_it_again(
    neighbours: Neighbours, consumer: Program, provider: Program
) -> None:
    pki = neighbours.folder / "pki"
    now = SystemClock().now()
    ca, names = load_group(pki, now=now), [CONSUMER.manager_host, CONSUMER.inway_host]
    brief = ca.issue(peer_id=CONSUMER.peer_id, name=CONSUMER.name, dns_names=names, days=30)
    (pki / "brief.pem").write_bytes(brief.pem_chain())
    (pki / "brief.key").write_bytes(key_pem(brief.private_key))
    tenant(consumer)["certificates"] = [{"cert": "pki/brief.pem", "key": "pki/brief.key"}]
    declare(consumer, connection("people"))
    kept = have_one("brp", consumer, provider)
    first = stored_signature(provider, kept, "accept", CONSUMER.peer_id)

    lasting = ca.issue(peer_id=CONSUMER.peer_id, name=CONSUMER.name, dns_names=names, private_key=brief.private_key)
    (pki / "brief.pem").write_bytes(lasting.pem_chain())
    hang_up(consumer)

    eventually(
        "a newer accept at the provider",
        lambda: True if stored_signature(provider, kept, "accept", CONSUMER.peer_id) != first else None,
    )
    assert have_one("brp", consumer, provider) == kept
    assert through(consumer, "people").status == 200
