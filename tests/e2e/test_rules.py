"""Accept rules and policy decision points on real programs: what signs, what waits, and how it is explained."""

import contextlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, Program, eventually
from tests.e2e.neighbours import Neighbours, PlainServer, ask, command, command_alone, contract, reach, running, tenant

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

BASE = {"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}


class Policy(PlainServer):
    """A policy decision point that answers as `answer` says: a body, or nothing until it is let go."""

    def __init__(self) -> None:
        self.answer: bytes | None = b""
        self.asked: list[Any] = []
        self._let_go = threading.Event()
        policy = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                policy.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                if policy.answer is None:
                    policy._let_go.wait(20)
                body = policy.answer or b"{}"
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # who asked did not wait
                    super().handle()

        super().__init__(Handler)

    @property
    def url(self) -> str:
        return f"{super().url}/evaluation"

    def close(self) -> None:
        self._let_go.set()
        super().close()


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    prepared = Neighbours.prepare(tmp_path_factory.mktemp("rules"), DIRECTORY, PROVIDER, CONSUMER)
    services = [{"name": name, "upstream": "http://127.0.0.1:1"} for name in ("brp", "kvk")]
    tenant(prepared.of(PROVIDER))["services"] = services
    with running(prepared):
        yield prepared


@pytest.fixture
def policy() -> Iterator[Policy]:
    made = Policy()
    yield made
    made.close()


def rules(neighbours: Neighbours, *accept: dict[str, Any]) -> None:
    """Let the provider go by these rules from now on."""
    program = neighbours.of(PROVIDER)
    tenant(program)["accept"] = list(accept)
    program.write()
    applied = command_alone("apply", str(program.config))
    assert applied.code == 0, applied.errors


def offer(neighbours: Neighbours, *options: str, service: str = "brp") -> str:
    """A Contract that the consumer offers and the provider holds."""
    consumer, provider = neighbours.of(CONSUMER), neighbours.of(PROVIDER)
    request = ("contracts", "request", "--service", f"{PROVIDER.peer_id}/{service}", *options)
    offered: str = ask(consumer, *request)["content_hash"]
    eventually("it to arrive", lambda: contract(provider, offered))
    return offered


def explained(program: Program, content_hash: str) -> dict[str, Any]:
    found: dict[str, Any] = ask(program, "contracts", "explain", content_hash)
    return found


@pytest.mark.parametrize(
    ("rule", "options", "why"),
    [
        ({"grants": ["service_publication"]}, (), "grants"),
        ({"services": ["kvk"]}, (), "services"),
        ({"peers": [DIRECTORY.peer_id]}, (), "peers"),
        ({"max_days": 30}, ("--valid-days", "31"), "max_days"),
        ({"properties": {"a": 1}}, ("--properties", '{"a": 2}'), "properties"),
        ({"properties": {"a": 1}}, (), "properties"),
        ({"properties": {"a": 1}, "other_properties": False}, ("--properties", '{"a": 1, "b": 1}'), "other_properties"),
        ({"identification": ["domain_name"]}, (), "identification"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else "",
)
def test_each_condition_that_does_not_hold_leaves_it_to_the_next_rule_and_is_explained(
    neighbours: Neighbours, rule: dict[str, Any], options: tuple[str, ...], why: str
) -> None:
    rules(
        neighbours, {**BASE, **rule, "action": "reject"}, {**BASE, "reason": "a friend"}, {**BASE, "action": "reject"}
    )
    offered = offer(neighbours, *options)

    for side in (CONSUMER, PROVIDER):
        reach(neighbours.of(side), offered, "VALID")
    found = explained(neighbours.of(PROVIDER), offered)
    assert found["rules"][0]["reason"].startswith(f"{why}: ")
    assert found["remark"] == "accept rule 2: a friend"
    assert [one["verdict"] for one in found["rules"]] == ["does not match", "matches", "matches"]
    assert [one["tried"] for one in found["rules"]] == [True, True, False]


def test_a_rejection_is_seen_by_both_and_its_reason_by_who_gave_it(neighbours: Neighbours) -> None:
    rules(neighbours, {**BASE, "action": "reject", "reason": "not this year"})
    offered = offer(neighbours)

    seen = reach(neighbours.of(CONSUMER), offered, "REJECTED")
    assert seen["signatures"]["reject"] == [PROVIDER.peer_id]
    said = command(neighbours.of(PROVIDER), "contracts", "explain", offered)
    assert "accept rule 1: reject: not this year" in said.out


@pytest.mark.parametrize("accept", [(), ({**BASE, "max_days": 1},)], ids=["no rule", "no match"])
def test_without_a_match_a_person_decides(neighbours: Neighbours, accept: tuple[dict[str, Any], ...]) -> None:
    rules(neighbours, *accept)
    offered = offer(neighbours)
    provider = neighbours.of(PROVIDER)

    assert explained(provider, offered)["for_a_person"] == "accept or reject it"
    assert command(provider, "contracts", "accept", offered).code == 0
    reach(neighbours.of(CONSUMER), offered, "VALID")


def test_no_rule_accepts_an_unknown_service_or_an_outway_by_domain_name(neighbours: Neighbours) -> None:
    rules(neighbours, {"grants": ["service_connection"], "peers": ["*"]})
    grants = neighbours.folder / "grants.json"
    data = {
        "type": "GRANT_TYPE_SERVICE_CONNECTION",
        "outway": {
            "peer_id": CONSUMER.peer_id,
            "identification": {
                "type": "OUTWAY_IDENTIFICATION_TYPE_DOMAIN_NAME",
                "domain_name": CONSUMER.manager_host,
            },
        },
        "service": {"type": "SERVICE_TYPE_SERVICE", "peer_id": PROVIDER.peer_id, "name": "brp"},
    }
    grants.write_text(json.dumps([data]))
    provider, consumer = neighbours.of(PROVIDER), neighbours.of(CONSUMER)

    by_name: str = ask(consumer, "contracts", "request", "--grants", str(grants))["content_hash"]
    eventually("it to arrive", lambda: contract(provider, by_name))
    unknown = offer(neighbours, service="bag")

    for content_hash, why in ((by_name, "by domain name"), (unknown, "we do not offer service bag")):
        found = explained(provider, content_hash)
        assert (found["state"], found["outcome"], found["decided_by"]) == ("PROPOSED", None, 1)
        assert why in found["reason"]
        assert found["for_a_person"] == "accept or reject it"


def test_a_policy_decision_point_permits_and_denies(neighbours: Neighbours, policy: Policy) -> None:
    rules(neighbours, {**BASE, "pdp": {"url": policy.url}}, {**BASE, "action": "reject", "reason": "denied"})
    policy.answer = b'{"decision": true}'
    permitted = offer(neighbours)
    reach(neighbours.of(CONSUMER), permitted, "VALID")
    assert "permits it" in explained(neighbours.of(PROVIDER), permitted)["remark"]
    # What waited for a person before is asked about too.
    assert permitted in [one["resource"]["id"] for one in policy.asked]

    policy.answer = b'{"decision": false, "context": {"reason": "no purpose"}}'
    denied = offer(neighbours)
    reach(neighbours.of(CONSUMER), denied, "REJECTED")
    found = explained(neighbours.of(PROVIDER), denied)
    assert found["remark"] == "accept rule 2: reject: denied"


@pytest.mark.parametrize("answer", [None, b"garbage", b'{"decision": "true"}'], ids=["hangs", "garbage", "text"])
def test_a_policy_decision_point_without_a_decision_decides_nothing_and_holds_nobody_up(
    neighbours: Neighbours, policy: Policy, answer: bytes | None
) -> None:
    rules(neighbours, {**BASE, "pdp": {"url": policy.url, "timeout_seconds": 15}}, {**BASE, "action": "reject"})
    policy.answer = answer
    offered = offer(neighbours)

    provider, consumer = neighbours.of(PROVIDER), neighbours.of(CONSUMER)
    eventually("the question", lambda: True if policy.asked else None)
    eventually(
        "the receipt", lambda: True if not (contract(consumer, offered) or {"deliveries": [1]})["deliveries"] else None
    )
    found = explained(provider, offered)
    assert (found["state"], found["decided_by"], found["outcome"]) == ("PROPOSED", 1, None)
    assert found["rules"][0]["verdict"] == "waits for its policy decision point"
    assert found["for_a_person"].startswith("nothing")
    assert command(provider, "contracts", "reject", offered).code == 0  # a person need not wait for it
