"""`klantenregister contracts`, against a running installation."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from klantenregister.admin_client import AdminClient
from klantenregister.commands import contracts
from klantenregister.installation import Installation
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    connection_grant,
    dialogue,
    hosted,
    serving,
)

Capture = pytest.CaptureFixture[str]


@pytest.fixture
async def offered(federation: Place) -> AsyncIterator[Installation]:
    """A running federation in which a person at the provider must decide on connections."""
    federation.document["tenants"][1]["accept"] = []
    async with serving(federation.settings()) as installation:
        await eventually(lambda: len(of_provider(installation)) == 2, within_s=10)
        yield installation


def of_provider(installation: Installation) -> list[Any]:
    return list(hosted(installation, PROVIDER).peer.contracts.view._contracts.values())


def offered_hash(installation: Installation) -> str:
    [found] = [one for one in of_provider(installation) if CONSUMER.peer_id in one.content.peer_ids()]
    content_hash: str = found.content_hash
    return content_hash


def asking(place: Place, *words: str, tenant: str = PROVIDER.slug) -> list[str]:
    return ["contracts", *words, "--config", str(place.config), "--tenant", tenant]


async def test_the_list_shows_what_waits_for_whom(federation: Place, offered: Installation, capsys: Capture) -> None:
    short = contracts._short(offered_hash(offered))

    assert await command(*asking(federation, "list", "--state", "proposed")) == 0
    headings, row = capsys.readouterr().out.splitlines()
    assert headings.split() == ["HASH", "STATE", "WHAT", "UNTIL", "WAITS", "FOR"]
    assert row.startswith(f"{short}  proposed  {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}  ")
    assert row.endswith(f"  {PROVIDER.peer_id}")

    assert await command(*asking(federation, "list", "--json")) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {one["content_hash"] for one in listed} == {one.content_hash for one in of_provider(offered)}
    assert await command(*asking(federation, "list", "--state", "revoked")) == 0
    assert capsys.readouterr().out == "There are no contracts.\n"
    assert await command(*asking(federation, "list", "--state", "revoked", "--json")) == 0
    assert json.loads(capsys.readouterr().out) == []


async def test_every_page_of_the_list_is_asked(
    federation: Place, offered: Installation, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = AdminClient.call

    def call_by_one(client: AdminClient, method: str, path: str, body: object = None, **query: Any) -> Any:
        return call(client, method, path, body, **{**query, "limit": "1"} if "limit" in query else query)

    monkeypatch.setattr(AdminClient, "call", call_by_one)

    assert await command(*asking(federation, "list", "--json")) == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


async def test_a_contract_is_shown_by_its_hash_or_a_beginning(
    federation: Place, offered: Installation, capsys: Capture
) -> None:
    content_hash = offered_hash(offered)
    for wanted in (content_hash, contracts._short(content_hash), contracts._characters(content_hash)):
        assert await command(*asking(federation, "show", wanted)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"Contract   {content_hash}"
        assert "State      proposed" in lines
        assert f"Grant      {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}" in lines
        assert f"Accept     {CONSUMER.peer_id}" in lines
        assert f"Waits for  accept of {PROVIDER.peer_id}" in lines
    assert await command(*asking(federation, "show", content_hash, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["content_hash"] == content_hash


async def test_a_hash_that_names_none_or_several_fails(
    federation: Place, offered: Installation, capsys: Capture
) -> None:
    for wanted, told in (
        ("zzzzzzzz", "no contracts have a hash that begins with zzzzzzzz: give more of it"),
        ("", "2 contracts have a hash that begins with"),
        ("$1$1$" + "A" * 86, "no contract with that hash"),
        ("$nonsense", "no contract with that hash"),
        ("../../accounts", "no contracts have a hash"),
    ):
        assert await command(*asking(federation, "show", wanted)) == 1
        printed = capsys.readouterr()
        assert told in printed.err
        assert printed.out == ""


def test_a_short_hash_never_looks_like_an_option() -> None:
    assert contracts._short("$1$1$--Abcdefghijklmnop") == "Abcdefghijkl"
    assert contracts._characters("$1$1$a-b") == "a-b"


async def test_without_a_terminal_nothing_is_asked(federation: Place, offered: Installation, capsys: Capture) -> None:
    content_hash = offered_hash(offered)
    short = contracts._short(content_hash)

    assert await command(*asking(federation, "accept", short)) == 0
    assert capsys.readouterr().out == f"{short} is now valid\n"
    await eventually(lambda: bool(connection_grant(offered)))
    assert await command(*asking(federation, "accept", content_hash, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "VALID"
    assert await command(*asking(federation, "reject", short)) == 1
    assert "revoke it instead" in capsys.readouterr().err
    assert await command(*asking(federation, "revoke", short, "--yes")) == 0
    assert capsys.readouterr().out == f"{short} is now revoked\n"
    assert await command(*asking(federation, "reject", content_hash)) == 1
    assert "the contract is revoked" in capsys.readouterr().err


async def test_on_a_terminal_it_shows_the_contract_and_asks(federation: Place, offered: Installation) -> None:
    content_hash = offered_hash(offered)
    words = asking(federation, "reject", content_hash)

    for answer in ("\n", "\x04"):
        code, shown = await dialogue(words, ("[y/N] ", answer))
        assert (code, "nothing was signed" in shown, "Traceback" in shown) == (1, True, False), shown
        assert f"Grant      {CONSUMER.peer_id} may use" in shown
    assert await command(*asking(federation, "show", content_hash)) == 0
    code, shown = await dialogue(words, ("Reject this contract? [y/N] ", "ja\n"))
    assert (code, shown.splitlines()[-1]) == (0, f"{contracts._short(content_hash)} is now rejected")
    # Signed already, and told that nobody needs to be asked.
    code, shown = await dialogue([*words, "--yes"])
    assert (code, shown) == (0, f"{contracts._short(content_hash)} is now rejected\r\n")


async def test_a_contract_is_requested_for_a_connection_or_any_service(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        ask = asking(federation, "request", "--connection", SERVICE, tenant=CONSUMER.slug)
        assert await command(*ask) == 0
        told = capsys.readouterr().out
        assert told.startswith("offered ")
        assert told.endswith(f": {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}\n")

        service = ["--service", f"{PROVIDER.peer_id}/anders", "--valid-days", "10"]
        ask = asking(federation, "request", *service, "--json", tenant=CONSUMER.slug)
        assert await command(*ask) == 0
        offered = json.loads(capsys.readouterr().out)
        assert offered["not_after"] - offered["not_before"] == 10 * 86_400
        assert offered["grants"][0]["data"]["service"]["name"] == "anders"


async def test_a_request_that_is_not_right_is_told(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()):
        for words, code, told in (
            ([], 2, "either --connection NAME or --service"),
            (["--connection", "a", "--service", "b/c"], 2, "either --connection NAME or --service"),
            (["--service", "no-slash"], 2, "PEER_ID/NAME"),
            (["--connection", SERVICE, "--valid-days", "3"], 2, "--valid-days goes with --service"),
            (["--service", "a/b", "--valid-days", "three"], 2, "invalid int value"),
            (["--connection", "nothing"], 1, f"there are: {SERVICE}"),
            (["--service", f"{PROVIDER.peer_id}/"], 1, "service/name"),
            (["--service", f"{PROVIDER.peer_id}/anders", "--valid-days", "0"], 1, "valid_days"),
        ):
            assert await command(*asking(federation, "request", *words, tenant=CONSUMER.slug)) == code
            printed = capsys.readouterr()
            assert told in printed.err
            assert "Traceback" not in printed.err
            assert printed.out == ""


async def test_which_tenant_must_be_said_when_there_are_more(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()):
        assert await command("contracts", "list", "--config", federation.config) == 2
        assert "--tenant: directory, voorbeeld, elders" in capsys.readouterr().err
        assert await command(*asking(federation, "list", tenant="nobody")) == 1
        assert "there are: directory, elders, voorbeeld" in capsys.readouterr().err


def test_a_description_tells_what_is_still_to_be_delivered_and_on_whose_behalf() -> None:
    service = {"peer_id": "2", "name": "brp"}
    contract = {
        "content_hash": "$1$1$abc",
        "state": "VALID",
        "not_before": 0,
        "not_after": 86_400,
        "created_at": 0,
        "hash_profile": "fsc-2.0",
        "peer_ids": ["1", "2", "3"],
        "grants": [
            {
                "grant_hash": "$1$4$x",
                "data": {
                    "outway": {"peer_id": "1"},
                    "service": service,
                    "delegator": {"peer_id": "3"},
                    "properties": {"a": 1},
                },
            },
            {"grant_hash": "$1$2$y", "data": {"directory": {"peer_id": "9"}, "service": service}},
        ],
        "signatures": {"accept": ["1", "2"], "reject": [], "revoke": []},
        "missing_accepts": [],
        "deliveries": [
            {"peer_id": "3", "action": "submit", "attempts": 0, "next_at": 1, "last_error": ""},
            {"peer_id": "2", "action": "accept", "attempts": 2, "next_at": 1, "last_error": "refused"},
        ],
        "remark": "by an operator",
    }

    lines = contracts._description(contract)

    assert "Grant      1 may use 2/brp on behalf of 3" in lines
    assert "           properties: {'a': 1}" in lines
    assert "Grant      publish 2/brp at 9" in lines
    assert "Delivering submit to 3: attempt 1" in lines
    assert "Delivering accept to 2: attempt 3, last: refused" in lines
    assert "Remark     by an operator" in lines
    assert not any(line.startswith(("Reject", "Revoke", "Waits")) for line in lines)
