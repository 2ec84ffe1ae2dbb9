"""`klantenregister contracts`, against a running installation."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from certs.identity import PeerId
from gateway.fsc.signature import SignatureType
from gateway.manager.contracts import offer
from klantenregister.admin_client import AdminClient
from klantenregister.contract_text import characters, short
from klantenregister.installation import Installation
from storage.documents import Query
from tests.gateway.harness import connection, eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Place,
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
    named = short(offered_hash(offered))

    assert await command(*asking(federation, "list", "--state", "proposed")) == 0
    headings, row = capsys.readouterr().out.splitlines()
    assert headings.split() == ["HASH", "STATE", "WHAT", "UNTIL", "WAITS", "FOR", "MADE", "FOR"]
    assert row.startswith(f"{named}  proposed  {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}  ")
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
    [record] = [one for one in of_provider(offered) if one.content_hash == content_hash]
    grant_hash = record.grant_hashes[0]
    for wanted in (content_hash, short(content_hash), characters(content_hash), grant_hash, short(grant_hash)):
        assert await command(*asking(federation, "show", wanted)) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == f"Contract   {content_hash}"
        assert "State      proposed" in lines
        assert f"Grant      {CONSUMER.peer_id} may use {PROVIDER.peer_id}/{SERVICE}" in lines
        assert f"Accept     {CONSUMER.peer_id}" in lines
        assert any(CONSUMER.peer_id in line and CONSUMER.name in line for line in lines)
        assert f"Waits for  accept of {PROVIDER.peer_id}" in lines
    assert await command(*asking(federation, "show", content_hash, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["content_hash"] == content_hash


async def test_a_hash_that_names_none_or_several_fails(
    federation: Place, offered: Installation, capsys: Capture
) -> None:
    for wanted, told in (
        ("zzzzzzzz", "no contract has a hash that begins with 'zzzzzzzz': see `contracts list`"),
        ("", "a whole hash goes in single quotes"),
        ("$1$1$" + "A" * 86, "no contract with that hash"),
        ("$nonsense", "no contract has a hash"),
        ("../../accounts", "no contract has a hash"),
    ):
        assert await command(*asking(federation, "show", wanted)) == 1
        printed = capsys.readouterr()
        assert told in printed.err
        assert printed.out == ""


@pytest.mark.parametrize("left_by_the_shell", [[], ["-9f0uahWZ"]])
async def test_a_hash_that_a_shell_took_apart_is_told_from_a_missing_one(
    federation: Place, capsys: Capture, left_by_the_shell: list[str]
) -> None:
    assert await command(*asking(federation, "show", *left_by_the_shell)) == 2
    assert "a whole hash goes in single quotes" in capsys.readouterr().err


async def test_without_a_terminal_nothing_is_asked(federation: Place, offered: Installation, capsys: Capture) -> None:
    content_hash = offered_hash(offered)
    named = short(content_hash)

    assert await command(*asking(federation, "accept", named)) == 0
    assert capsys.readouterr().out == f"{named} is now valid\n"
    await eventually(lambda: bool(connection_grant(offered)))
    assert await command(*asking(federation, "accept", content_hash, "--json")) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "VALID"
    assert await command(*asking(federation, "reject", named)) == 1
    assert "revoke it instead" in capsys.readouterr().err
    assert await command(*asking(federation, "revoke", named, "--yes")) == 0
    assert capsys.readouterr().out == f"{named} is now revoked\n"
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
    assert (code, shown.splitlines()[-1]) == (0, f"{short(content_hash)} is now rejected")
    # Signed already, and told that nobody needs to be asked.
    code, shown = await dialogue([*words, "--yes"])
    assert (code, shown) == (0, f"{short(content_hash)} was signed so already: it is rejected\r\n")


async def test_which_tenant_must_be_said_when_there_are_more(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()):
        assert await command("contracts", "list", "--config", federation.config) == 2
        assert "--tenant: directory, voorbeeld, elders" in capsys.readouterr().err
        assert await command(*asking(federation, "list", tenant="nobody")) == 1
        assert "there are: directory, elders, voorbeeld" in capsys.readouterr().err


async def test_what_the_rules_make_of_a_contract_is_explained(
    federation: Place, offered: Installation, capsys: Capture
) -> None:
    content_hash = offered_hash(offered)
    assert await command(*asking(federation, "explain", short(content_hash))) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"Contract   {content_hash}",
        "State      proposed",
        "Rules      there are none",
        "Now        no accept rule matches: a human decides",
        "For you    accept or reject it",
    ]
    assert await command(*asking(federation, "accept", content_hash)) == 0
    capsys.readouterr()
    assert await command(*asking(federation, "explain", content_hash, "--json")) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["signed_by_us"], shown["remark"], shown["for_a_person"]) == (["accept"], "accept by an operator", "")
    assert await command(*asking(federation, "explain", "$nonsense")) == 1


async def _rejected(installation: Installation) -> str:
    """The hash of the one Contract that the provider rejects."""
    contracts = hosted(installation, PROVIDER).peer.contracts
    async with asyncio.timeout(10):
        while True:
            records, _ = await contracts.page(Query())
            rejected = [one.content_hash for one in records if one.signers(SignatureType.REJECT)]
            if rejected:
                return str(rejected[0])
            await asyncio.sleep(0.02)


async def test_each_rule_is_explained_with_what_it_found(federation: Place, capsys: Capture) -> None:
    peers = {"peers": [CONSUMER.peer_id]}
    federation.document["tenants"][1]["accept"] = [
        {"grants": ["service_publication"], **peers},
        {"grants": ["service_connection"], "action": "reject", "reason": "closed until May", **peers},
        {"grants": ["service_connection"], **peers},
    ]
    async with serving(federation.settings()) as installation:
        content_hash = await _rejected(installation)
        assert await command(*asking(federation, "explain", content_hash)) == 0
        lines = capsys.readouterr().out.splitlines()
    assert lines[1:] == [
        "State      rejected",
        "Rule 1     to accept does not match: grants: the contract has a grant of type service_connection",
        "Rule 2     to reject matches: closed until May",
        "Rule 3     to accept matches (not tried)",
        "Now        we have signed already",
        "We signed  reject",
        "Remark     accept rule 2: reject: closed until May",
    ]


# -- what is still to be delivered


async def owing(installation: Installation) -> str:
    """A Contract of the provider with a Peer that nobody can find, tried at least once; its content hash."""
    peer, absent = hosted(installation, PROVIDER).peer, PeerId("00000000000000000077")
    now = peer.clock.now()
    grant = connection(peer.signing_pair(), peer.peer_id, absent)
    record = await offer(peer, (grant,), not_before=now, not_after=now + 86_400, created_at=now, remark="")

    def tried() -> bool:
        known = peer.contracts.view.get(record.content_hash)
        return known is not None and known.deliveries[0].attempts > 0

    await eventually(tried, within_s=10)
    return record.content_hash


async def test_what_is_owed_is_listed_with_what_was_said_last(
    federation: Place, offered: Installation, capsys: Capture
) -> None:
    content_hash = await owing(offered)

    assert await command(*asking(federation, "deliveries")) == 0
    headings, row = capsys.readouterr().out.splitlines()
    assert headings.split() == ["HASH", "ACTION", "TO", "ATTEMPTS", "NEXT", "TRY", "LAST", "ERROR"]
    assert row.startswith(f"{short(content_hash)}  submit  00000000000000000077  ")
    assert "does not know it" in row

    assert await command(*asking(federation, "deliveries", "--json")) == 0
    (owed,) = json.loads(capsys.readouterr().out)
    assert (owed["content_hash"], owed["action"]) == (content_hash, "submit")
    assert owed["attempts"] >= 1


async def test_when_all_is_delivered_that_is_said(federation: Place, offered: Installation, capsys: Capture) -> None:
    assert await command(*asking(federation, "deliveries", tenant=CONSUMER.slug)) == 0
    assert capsys.readouterr().out == "Everything is delivered.\n"


@pytest.mark.parametrize("which", ["hash", "beginning", "all", "peer"])
async def test_what_is_owed_is_tried_at_once(
    federation: Place, offered: Installation, capsys: Capture, which: str
) -> None:
    content_hash = await owing(offered)
    words = {
        "hash": [content_hash],
        "beginning": [short(content_hash)],
        "all": ["--all"],
        "peer": [content_hash, "--peer", "00000000000000000077"],
    }[which]
    assert await command(*asking(federation, "retry", *words)) == 0
    assert capsys.readouterr().out.strip().endswith(": 1") or which == "all"
    assert await command(*asking(federation, "retry", "--json", *words)) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)


@pytest.mark.parametrize("words", [[], ["abc", "--all"]])
async def test_what_to_try_must_be_said(
    federation: Place, offered: Installation, capsys: Capture, words: list[str]
) -> None:
    assert await command(*asking(federation, "retry", *words)) == 2
    assert "HASH or --all" in capsys.readouterr().err
