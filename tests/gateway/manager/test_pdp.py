"""Rules that ask a policy decision point: a real one on loopback, and receipt that never waits for it."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from config.settings import AcceptRule
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.http.json_client import JsonAnswer
from gateway.manager.pdp import AT_ONCE, read_evaluation
from gateway.state.policy import RECONSIDER_S, Ruling
from klantenregister.hosting import HostedPeer
from storage.memory import MemoryDocuments
from tests.gateway.consulted import Consulted, consulted
from tests.gateway.harness import (
    FOREIGN,
    PROVIDER,
    SERVICE,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    content_hash_of,
    eventually,
    grant_hash_of,
    log_texts,
    make_content,
    offering,
    working,
)

ACCEPT, REJECT = SignatureType.ACCEPT, SignatureType.REJECT


@pytest.fixture
async def pdp() -> AsyncIterator[Consulted]:
    async with consulted() as played:
        yield played


async def hosted_with(group: Federation, *rules: AcceptRule) -> tuple[HostedPeer, ForeignPeer]:
    return await group.host(PROVIDER, services=offering(SERVICE), accept=rules), await group.foreign()


def asking(pdp: Consulted, **settings: Any) -> AcceptRule:
    return accepting("service_connection", pdp={"url": f"{pdp.url}/evaluation", "timeout_seconds": 1, **settings})


def proposal(foreign: ForeignPeer, **changes: object) -> JsonObject:
    grant = connection(foreign.pair, FOREIGN, PROVIDER).model_copy(update={"properties": {"a": 1}})
    return make_content(grant, now=foreign.clock.now(), **changes)  # type: ignore[arg-type]


def signed_by_us(hosted: HostedPeer, content: JsonObject, kind: SignatureType) -> Callable[[], bool]:
    """Whether we signed so, as the view has it; a Contract that is over is no longer in it."""

    def signed() -> bool:
        known = {one.content_hash: one for one in hosted.peer.contracts.view.alive()}
        record = known.get(content_hash_of(content))
        return (record is None) if kind is REJECT else (record is not None and PROVIDER in record.signers(kind))

    return signed


async def test_a_yes_signs_and_the_whole_contract_is_asked_about(group: Federation, pdp: Consulted) -> None:
    hosted, foreign = await hosted_with(group, asking(pdp, token="t0ken"))
    pdp.says({"decision": True, "context": {"reason": "known\nparty"}})
    content = proposal(foreign)
    async with working(hosted):
        assert (await foreign.submit(hosted.peer, content)).status == 201
        await eventually(signed_by_us(hosted, content, ACCEPT))
        await eventually(lambda: ("PUT", "accept") in foreign.contracts_received())
    record = await hosted.peer.contracts.get(content_hash_of(content))
    assert record is not None
    assert record.state(group.clock.now()) is ContractState.VALID
    assert record.remark == "accept rule 1: its policy decision point permits it: known party"
    assert pdp.asked == [
        {
            "subject": {
                "type": "peer_id",
                "id": PROVIDER,
                "properties": {"self_peer_id": PROVIDER, "peer_ids": [PROVIDER, FOREIGN]},
            },
            "action": {"name": "autosign_contract", "properties": {"signature": "accept"}},
            "resource": {
                "type": "contract",
                "id": content_hash_of(content),
                "properties": {
                    "grant_types": [2],
                    "grants": [{"hash": grant_hash_of(content), "data": content["grants"][0]["data"]}],
                    "group_id": content["group_id"],
                    "validity": content["validity"],
                    "created_at": content["created_at"],
                    "accepted_by": [FOREIGN],
                },
            },
            "context": {"doelbinding": "auto_sign_contract"},
        }
    ]
    assert [(one.method, one.path, one.headers["Authorization"]) for one in pdp.requests] == [
        ("POST", "/evaluation", "Bearer t0ken")
    ]


async def test_a_no_passes_the_contract_on_to_the_next_rule(group: Federation, pdp: Consulted) -> None:
    reject = accepting("service_connection", action="reject", reason="policy")
    hosted, foreign = await hosted_with(group, asking(pdp), reject)
    pdp.says({"decision": False})
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(signed_by_us(hosted, content, REJECT))
    record = await hosted.peer.contracts.get(content_hash_of(content))
    assert record is not None
    assert record.remark == "accept rule 2: reject: policy"


async def test_a_no_with_no_other_rule_leaves_it_to_a_human_and_is_not_asked_in_every_round(
    group: Federation, pdp: Consulted
) -> None:
    hosted, foreign = await hosted_with(group, asking(pdp))
    pdp.says({"decision": False})
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(lambda: len(pdp.asked) == 1)
        for _ in range(3):
            hosted.manager.upkeep.kick()
            await asyncio.sleep(0.03)
        assert len(pdp.asked) == 1
        assert not signed_by_us(hosted, content, ACCEPT)()
        pdp.says({"decision": True})
        group.clock.advance(RECONSIDER_S)
        hosted.manager.upkeep.kick()
        await eventually(signed_by_us(hosted, content, ACCEPT))


SILENCES: dict[str, Callable[[Consulted], object]] = {
    "unreachable": lambda pdp: setattr(pdp, "url", "http://127.0.0.1:1"),
    "status 500": lambda pdp: pdp.says({"decision": True}, 500),
    "status 403": lambda pdp: pdp.says({"decision": True}, 403),
    "redirect": lambda pdp: pdp.says({"decision": True}, 302),
    "no JSON": lambda pdp: setattr(pdp, "body", b"true"),
    "no decision": lambda pdp: pdp.says({"decisions": True}),
    "a decision in words": lambda pdp: pdp.says({"decision": "true"}),
    "a number": lambda pdp: pdp.says({"decision": 1}),
    "cut": lambda pdp: setattr(pdp, "cut", True),
}


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES.keys())
async def test_without_an_answer_nothing_is_decided_and_no_later_rule_is_tried(
    group: Federation, pdp: Consulted, silence: Callable[[Consulted], object], caplog: pytest.LogCaptureFixture
) -> None:
    silence(pdp)
    hosted, foreign = await hosted_with(group, asking(pdp), accepting("service_connection", action="reject"))
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(lambda: "policy_decision_point_silent" in caplog.messages)
        for _ in range(3):
            hosted.manager.upkeep.kick()
            await asyncio.sleep(0.03)
    record = await hosted.peer.contracts.get(content_hash_of(content))
    assert record is not None
    assert not any(PROVIDER in record.signers(kind) for kind in SignatureType)
    assert caplog.messages.count("policy_decision_point_silent") == 1


async def test_it_is_asked_again_in_the_next_round_and_its_return_is_told(
    group: Federation, pdp: Consulted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    hosted, foreign = await hosted_with(group, asking(pdp))
    pdp.says({}, 503)
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(lambda: "policy_decision_point_silent" in caplog.messages)
        pdp.says({"decision": True})
        hosted.manager.upkeep.kick()
        await eventually(signed_by_us(hosted, content, ACCEPT))
    assert caplog.messages.count("policy_decision_point_answers") == 1


async def test_receipt_does_not_wait_for_it_nor_does_anything_else(group: Federation, pdp: Consulted) -> None:
    """One that hangs: a Contract is received at once, and a rule without it acts at once."""
    pdp.pause = asyncio.Event()
    policy = {"url": pdp.url, "timeout_seconds": 60}
    rules = (
        accepting("service_connection", services=(SERVICE,), pdp=policy),
        accepting("service_connection", services=("echo",)),
    )
    hosted = await group.host(PROVIDER, services=offering(SERVICE, "echo"), accept=rules)
    foreign = await group.foreign()
    waiting = [proposal(foreign) for _ in range(12)]  # more than are asked at the same time
    async with working(hosted):
        begun = time.monotonic()
        for content in waiting:
            assert (await foreign.submit(hosted.peer, content)).status == 201
        await eventually(lambda: len(pdp.asked) == AT_ONCE)
        simple = make_content(connection(foreign.pair, FOREIGN, PROVIDER, service="echo"), now=group.clock.now())
        assert (await foreign.submit(hosted.peer, simple)).status == 201
        assert signed_by_us(hosted, simple, ACCEPT)()
        assert time.monotonic() - begun < 5
        pdp.says({"decision": True})
        pdp.pause.set()
        for content in waiting:
            await eventually(signed_by_us(hosted, content, ACCEPT))
    assert len(pdp.asked) == 12


async def test_a_question_lost_with_the_process_is_asked_again_by_the_next(group: Federation, pdp: Consulted) -> None:
    pdp.pause = asyncio.Event()
    hosted, foreign = await hosted_with(group, asking(pdp))
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(lambda: len(pdp.asked) == 1)
    pdp.pause.set()
    pdp.says({"decision": True})
    tenant = hosted.peer.tenant
    restarted = await group.host(PROVIDER, key_pairs=tenant.key_pairs, services=tenant.services, accept=tenant.accept)
    async with working(restarted):
        await eventually(signed_by_us(restarted, content, ACCEPT))


async def test_a_contract_that_was_ended_meanwhile_is_not_signed(group: Federation, pdp: Consulted) -> None:
    pdp.pause = asyncio.Event()
    hosted, foreign = await hosted_with(group, asking(pdp))
    content = proposal(foreign)
    async with working(hosted):
        await foreign.submit(hosted.peer, content)
        await eventually(lambda: len(pdp.asked) == 1)
        await foreign.put(hosted.peer, content, SignatureType.REVOKE)
        pdp.says({"decision": True})
        pdp.pause.set()
        await eventually(lambda: not hosted.peer.policy._under_way)
    record = await hosted.peer.contracts.get(content_hash_of(content))
    assert record is not None
    assert not record.signers(ACCEPT) & {PROVIDER}


async def test_a_store_that_is_away_ends_nothing(
    group: Federation, pdp: Consulted, caplog: pytest.LogCaptureFixture
) -> None:
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    hosted, foreign = await hosted_with(group, asking(pdp))
    content = proposal(foreign)
    await foreign.submit(hosted.peer, content)
    documents.available = False
    pdp.says({"decision": True})
    async with working(hosted):
        await eventually(lambda: "policy_not_applied" in caplog.messages)
        documents.available = True
        hosted.manager.upkeep.kick()
        await eventually(signed_by_us(hosted, content, ACCEPT))


async def test_neither_its_token_nor_what_it_was_asked_is_logged(
    group: Federation, pdp: Consulted, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hosted, foreign = await hosted_with(group, asking(pdp, token="t0ken-of-the-pdp"))
    pdp.says({"decision": True}, 500)
    async with working(hosted):
        await foreign.submit(hosted.peer, proposal(foreign))
        await eventually(lambda: "policy_decision_point_silent" in caplog.messages)
    assert "t0ken-of-the-pdp" not in log_texts(caplog.records)


@pytest.mark.parametrize(
    ("body", "ruling"),
    [
        ({"decision": True}, Ruling.PERMIT),
        ({"decision": False}, Ruling.DENY),
        ({"decision": True, "context": None}, Ruling.PERMIT),
        ({"decision": False, "context": {"reason": 5}}, Ruling.DENY),
        ({}, Ruling.NONE),
        ({"decision": None}, Ruling.NONE),
        ({"decision": 0}, Ruling.NONE),
    ],
)
def test_only_true_and_false_are_decisions(body: JsonObject, ruling: Ruling) -> None:
    assert read_evaluation(JsonAnswer(200, json.loads(json.dumps(body)))).ruling is ruling
    assert read_evaluation(JsonAnswer(201, body)).ruling is Ruling.NONE
