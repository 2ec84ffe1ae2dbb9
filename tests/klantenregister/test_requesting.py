"""`klantenregister contracts request`: every kind of offer, what is shown before, and what cannot be asked."""

import json
from pathlib import Path

import pytest

from gateway.state.contracts import ContractRecord
from klantenregister import cli
from klantenregister.contract_text import short
from klantenregister.installation import Installation
from storage.documents import Query
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    dialogue,
    hosted,
    serving,
)

Capture = pytest.CaptureFixture[str]
DELEGATOR = "00000003123456780000"


def asking(place: Place, *words: str, tenant: str = CONSUMER.slug) -> list[str]:
    return ["contracts", "request", *words, "--config", str(place.config), "--tenant", tenant]


async def held(installation: Installation) -> list[ContractRecord]:
    return (await hosted(installation, CONSUMER).peer.contracts.page(Query()))[0]


async def test_a_contract_is_requested_for_a_connection(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        assert await command(*asking(federation, "--connection", SERVICE)) == 0
        told = capsys.readouterr().out
        assert told.startswith("offered ")
        assert told.endswith(f": {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}\n")
        assert {one.made_for for one in await held(installation)} == {f"connection {SERVICE}"}


async def test_a_contract_is_requested_for_any_service_and_on_behalf_of_others(
    federation: Place, capsys: Capture
) -> None:
    words = [
        "--service",
        f"{PROVIDER.peer_id}/anders",
        "--valid-days",
        "10",
        "--not-before",
        "2030-01-01T01:00:00+01:00",
    ]
    words += ["--delegator", DELEGATOR, "--service-delegator", DIRECTORY.peer_id]
    properties = federation.folder / "properties.json"
    properties.write_text('{"a": [1]}')
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        assert await command(*asking(federation, *words, "--properties", f"@{properties}", "--json")) == 0
        offered = json.loads(capsys.readouterr().out)
    assert (offered["not_before"], offered["not_after"]) == (1_893_456_000, 1_893_456_000 + 10 * 86_400)
    assert offered["peer_ids"] == sorted([CONSUMER.peer_id, PROVIDER.peer_id, DIRECTORY.peer_id, DELEGATOR])
    data = offered["grants"][0]["data"]
    assert data["type"] == "GRANT_TYPE_DELEGATED_SERVICE_CONNECTION"
    assert (data["delegator"], data["properties"]) == ({"peer_id": DELEGATOR}, {"a": [1]})
    assert data["service"] == {
        "type": "SERVICE_TYPE_DELEGATED_SERVICE",
        "peer_id": PROVIDER.peer_id,
        "name": "anders",
        "delegator": {"peer_id": DIRECTORY.peer_id},
    }
    assert {one["peer_id"] for one in offered["deliveries"]} == {PROVIDER.peer_id, DIRECTORY.peer_id, DELEGATOR}


async def test_a_publication_is_requested(federation: Place, capsys: Capture) -> None:
    words = [
        "--publish",
        SERVICE,
        "--directory",
        DIRECTORY.peer_id,
        "--delegator",
        DELEGATOR,
        "--properties",
        '{"b": 2}',
    ]
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        assert await command(*asking(federation, *words, "--json", tenant=PROVIDER.slug)) == 0
        [grant] = json.loads(capsys.readouterr().out)["grants"]
    assert grant["data"]["type"] == "GRANT_TYPE_DELEGATED_SERVICE_PUBLICATION"
    assert grant["data"]["delegator"] == {"peer_id": DELEGATOR}
    assert grant["data"]["properties"] == {"b": 2}


async def test_any_grants_are_requested_from_a_file(federation: Place, capsys: Capture) -> None:
    grants = [
        {
            "type": "GRANT_TYPE_SERVICE_PUBLICATION",
            "directory": {"peer_id": CONSUMER.peer_id},
            "service": {"peer_id": peer_id, "name": SERVICE, "protocol": "PROTOCOL_TCP_HTTP_1.1"},
        }
        for peer_id in (PROVIDER.peer_id, DIRECTORY.peer_id)
    ]
    file = federation.folder / "grants.json"
    file.write_text(json.dumps(grants))
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        assert await command(*asking(federation, "--grants", str(file), "--json")) == 0
        offered = json.loads(capsys.readouterr().out)
        assert [one["data"] for one in offered["grants"]] == grants
        file.write_text(json.dumps([{**grants[0], "directory": {"peer_id": DIRECTORY.peer_id}}]))
        assert await command(*asking(federation, "--grants", str(file))) == 1
        assert "is in no grant of the contract" in capsys.readouterr().err


async def test_on_a_terminal_everything_is_shown_before_it_is_signed(federation: Place) -> None:
    words = asking(federation, "--service", f"{DELEGATOR}/anders", "--valid-days", "800")
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before = len(await held(installation))
        code, shown = await dialogue(words, ("[y/N] ", "n\n"))
        assert (code, "nothing was signed" in shown) == (1, True), shown
        assert len(await held(installation)) == before
        code, shown = await dialogue(words, ("Sign and offer this contract? [y/N] ", "y\n"))
        assert code == 0, shown
        thumbprint = hosted(installation, CONSUMER).peer.signing_pair().public_key_thumbprint
        for told in (
            "New contract",
            f"Grant      {CONSUMER.peer_id} may use {DELEGATOR}/anders",
            f"Key        {thumbprint}: our own key",
            "WARNING    it is valid for 800 days",
            f"WARNING    Peer {DELEGATOR} is unknown to us",
        ):
            assert told in shown
        new = max(await held(installation), key=lambda one: one.content.not_after)
        assert f"offered {short(new.content_hash)}" in shown
        code, shown = await dialogue([*words, "--yes"])
        assert (code, "[y/N]" in shown) == (0, False)


async def test_a_request_that_is_not_right_is_told(federation: Place, capsys: Capture) -> None:
    service = ["--service", f"{PROVIDER.peer_id}/anders"]
    text, list_file = federation.folder / "text", federation.folder / "list.json"
    text.write_bytes(b"\xff")
    list_file.write_text("{}")
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        for words, code, told in (
            ([], 2, "give one of --connection NAME, --service PEER_ID/NAME"),
            (["--connection", "a", "--service", "b/c"], 2, "give one of"),
            (["--service", "no-slash"], 2, "PEER_ID/NAME"),
            (["--connection", SERVICE, "--valid-days", "3"], 2, "--valid-days goes with --service"),
            (["--connection", SERVICE, "--delegator", "x"], 2, "a connection has its own in the configuration"),
            (["--publish", SERVICE], 2, "--publish needs --directory"),
            ([*service, "--directory", "x"], 2, "--directory goes with --publish"),
            (["--service", "a/b", "--valid-days", "three"], 2, "invalid int value"),
            ([*service, "--properties", "{"], 2, "--properties: is not JSON"),
            ([*service, "--properties", "[" * 100_000], 2, "--properties: is not JSON"),
            ([*service, "--properties", "[]"], 2, "--properties: must be a JSON object"),
            ([*service, "--properties", "@/nowhere"], 2, "cannot be read: No such file"),
            ([*service, "--properties", f"@{text}"], 2, "cannot be read: it is not UTF-8"),
            ([*service, "--not-before", "tomorrow"], 2, "--not-before: must be a moment"),
            (["--grants", str(list_file)], 2, "must hold a JSON list"),
            (["--connection", "nothing"], 1, f"there are: {SERVICE}"),
            (["--service", f"{PROVIDER.peer_id}/"], 1, "service/name"),
            ([*service, "--valid-days", "0"], 1, "valid_days"),
            ([*service, "--delegator", "x"], 1, "delegator"),
        ):
            assert await command(*asking(federation, *words)) == code, words
            printed = capsys.readouterr()
            assert told in printed.err
            assert "Traceback" not in printed.err
            assert printed.out == ""
        assert not [one for one in await held(installation) if not one.made_for]


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, federation: Place, capsys: Capture) -> None:
    large = tmp_path / "large.json"
    large.write_bytes(b" " * 1_100_000)
    assert cli.main(asking(federation, "--grants", str(large))) == 2
    assert "is larger than" in capsys.readouterr().err
