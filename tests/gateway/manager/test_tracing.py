"""Asking the other parties for their records: what they answer is bounded, read strictly and kept to the point."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

import pytest

from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, TransactionId
from gateway.manager import tracing
from gateway.manager.hops import Trace
from gateway.manager.tracing import MAX_RECORDS, trace
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    CONSUMER,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    federation,
    make_content,
    offering,
)

ID = TransactionId("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@dataclass
class Scene:
    """A Peer of ours that received a request, and the foreign Peer that says to have sent it."""

    group: Federation
    ours: HostedPeer
    foreign: ForeignPeer
    arrived: LogRecord

    def theirs(self) -> LogRecord:
        return replace(self.arrived, direction=Direction.OUTGOING)

    def says(self, *records: object) -> None:
        self.foreign.pages["/v1/logs"] = json.dumps({"records": records, "pagination": {"next_cursor": ""}}).encode()

    async def trace(self) -> Trace:
        return await trace(self.ours.peer, ID)


@pytest.fixture
async def scene() -> AsyncIterator[Scene]:
    async with federation() as group:
        ours = await group.host(PROVIDER, services=offering(SERVICE), accept=(accepting("service_connection"),))
        foreign = await group.foreign()
        await foreign.announce(ours.peer)
        now = group.clock.now()
        record = LogRecord(ID, Direction.INCOMING, GrantHash("$1$3$abc"), FOREIGN, PROVIDER, SERVICE, now)
        yield Scene(group, ours, foreign, record)


async def test_the_other_side_is_asked_for_this_transaction(scene: Scene) -> None:
    await scene.ours.peer.log.append(scene.arrived)
    scene.says(scene.theirs().to_json())
    found = await scene.trace()
    assert found.is_complete
    assert [(one.record, one.by) for one in found.records] == [(scene.theirs(), FOREIGN), (scene.arrived, PROVIDER)]
    assert [one.path for one in scene.foreign.received if one.path.startswith("/v1/logs")] == ["/v1/logs"]


async def test_who_logged_nothing_asks_those_it_shares_a_connection_with(scene: Scene) -> None:
    scene.says(scene.theirs().to_json())
    assert not (await scene.trace()).records
    content = make_content(connection(scene.foreign.pair, FOREIGN, PROVIDER), now=scene.group.clock.now())
    assert (await scene.foreign.submit(scene.ours.peer, content)).status == 201
    found = await scene.trace()
    assert [one.by for one in found.records] == [FOREIGN]
    assert "the request never arrived" in found.missing[0]


async def test_who_is_named_by_the_others_is_asked_too(scene: Scene) -> None:
    scene.arrived = replace(scene.arrived, delegator_peer_id=OTHER)
    await scene.ours.peer.log.append(scene.arrived)
    scene.says(scene.theirs().to_json())
    found = await scene.trace()
    assert found.is_complete
    assert list(found.unanswered) == [OTHER]
    assert "is unknown" in found.unanswered[OTHER]


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (404, b"", "no transaction log to ask"),
        (500, b"{}", "it answered 500 to /logs"),
        (200, b"<html>", "unreadable"),
        (200, b"{}", "unreadable"),
        (200, b'{"records": {}}', "unreadable"),
        (200, b'{"records": null, "records": []}', "unreadable"),
        (200, b'{"records": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "unreadable"),
        (200, b" " * 11_000_000, "more than"),
    ],
)
async def test_an_answer_that_tells_nothing_is_told_as_such(
    scene: Scene, status: int, body: bytes, reason: str
) -> None:
    await scene.ours.peer.log.append(scene.arrived)
    scene.foreign.status, scene.foreign.body = status, body
    found = await scene.trace()
    assert reason in found.unanswered[FOREIGN]
    assert f"what the Outway of peer {FOREIGN} logged is unknown" in found.missing[0]


async def test_a_peer_that_does_not_answer_in_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "_ANSWER_S", 0.05)
    await scene.ours.peer.log.append(scene.arrived)
    scene.foreign.pause = asyncio.Event()
    found = await scene.trace()
    scene.foreign.pause.set()
    assert "did not answer within" in found.unanswered[FOREIGN]


def changed(record: LogRecord, **members: object) -> JsonObject:
    return {**record.to_json(), **members}


async def test_only_what_can_be_read_and_is_to_the_point_is_kept(scene: Scene) -> None:
    await scene.ours.peer.log.append(scene.arrived)
    good = scene.theirs()
    strange = replace(good, outway_peer_id=OTHER, service_peer_id=FOREIGN)
    scene.says(
        good.to_json(),
        changed(good, transaction_id="another"),
        strange.to_json(),
        changed(good, created_at="now"),
        changed(good, grant_hash="\x1b[31m"),
        "a record",
        None,
    )
    found = await scene.trace()
    assert [one.record for one in found.records] == [good, scene.arrived]
    assert found.contradictions == (f"peer {FOREIGN} sent 4 records that cannot be read: ignored",)


async def test_more_records_than_anybody_needs_are_not_kept(scene: Scene) -> None:
    await scene.ours.peer.log.append(scene.arrived)
    scene.says(*[scene.theirs().to_json()] * (MAX_RECORDS + 1))
    found = await scene.trace()
    assert len(found.records) == MAX_RECORDS + 1
    assert f"peer {FOREIGN} sent more than {MAX_RECORDS} records: the rest is ignored" in found.contradictions


async def test_no_more_peers_are_asked_than_is_reasonable(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "MAX_PEERS", 1)
    await scene.ours.peer.log.append(replace(scene.arrived, delegator_peer_id=CONSUMER))
    scene.says()
    assert list((await scene.trace()).unanswered) == [CONSUMER]
    assert scene.foreign.received == []
