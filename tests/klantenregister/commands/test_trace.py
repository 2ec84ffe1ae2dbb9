"""`klantenregister trace`, against a running installation."""

import json
from dataclasses import replace

import pytest

from gateway.fsc.logrecord import Direction
from gateway.state.transactions import RecordFilter
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    hosted,
    plain,
    serving,
)

PATH, HOST = f"/{SERVICE}/api/v1/partijen", {"Host": f"{SERVICE}.localhost"}
UNKNOWN = "01890a5d-ac96-774b-bcce-b302099a8057"


async def test_both_sides_of_a_transaction_are_brought_together(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        answer = await plain(federation.ports["outway"], PATH, headers=HOST)
        transaction = answer.headers["Fsc-Transaction-Id"]
        for member in (CONSUMER, PROVIDER):
            ask = ("trace", transaction, "--config", federation.config, "--tenant", member.slug)
            assert await command(*ask) == 0
            headings, left, arrived, complete = capsys.readouterr().out.splitlines()
            assert headings.split("  ")[0] == "WHEN"
            assert left.split()[2:] == ["outgoing", CONSUMER.peer_id, PROVIDER.peer_id, SERVICE, CONSUMER.peer_id]
            assert arrived.split()[2:] == ["incoming", CONSUMER.peer_id, PROVIDER.peer_id, SERVICE, PROVIDER.peer_id]
            assert complete == "Complete: both sides of every hop logged it."
            assert await command(*ask, "--json") == 0
            found = json.loads(capsys.readouterr().out)
            assert [one["direction"] for one in found["records"]] == list(reversed(Direction))
            assert (found["missing"], found["contradictions"], found["unanswered"]) == ([], [], [])


async def test_a_request_that_never_arrived_is_named(federation: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        transaction = (await plain(federation.ports["outway"], PATH, headers=HOST)).headers["Fsc-Transaction-Id"]
        log = hosted(installation, CONSUMER).peer.log
        (record,), _ = await log.find(RecordFilter())
        lost = replace(record, transaction_id=type(record.transaction_id)(UNKNOWN))
        await log.append(lost)
        ask = ("--config", federation.config, "--tenant")
        # The provider knows nothing of it, and learns of it from the Peer it shares a contract with.
        for member in (CONSUMER, PROVIDER):
            assert await command("trace", UNKNOWN, *ask, member.slug) == 1
            shown = capsys.readouterr().out
            assert f"Missing: {CONSUMER.peer_id} to {PROVIDER.peer_id}/{SERVICE}: the Outway" in shown
            assert "the request never arrived" in shown
        assert await command("trace", transaction, *ask, PROVIDER.slug) == 0


async def test_what_nobody_knows_or_is_no_id(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(place.settings()):
        assert await command("trace", UNKNOWN, "--config", place.config) == 1
        assert capsys.readouterr().out == "Nobody logged this transaction.\n"
        for text in ("a,b", "é", "x" * 300):
            assert await command("trace", text, "--config", place.config) == 1
            assert "the transaction id" in capsys.readouterr().err
