"""`klantenregister apply FILE`, against a running installation."""

import json
from pathlib import Path
from typing import Any

import pytest

from klantenregister.commands.apply import declaration_lines, open_lines, plan_lines
from klantenregister.installation import Installation
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Place,
    agreed,
    command,
    hosted,
    serving,
)

Capture = pytest.CaptureFixture[str]
KVK = {"name": "kvk", "service": {"peer_id": PROVIDER.peer_id, "name": "kvk"}}
BRP = f"connection {SERVICE}"


async def applied(place: Place, capsys: Capture, *words: str) -> tuple[int, Any]:
    code = await command("apply", place.write(), "--json", *words)
    printed = capsys.readouterr()
    assert printed.err == ""
    return code, json.loads(printed.out)


def actions(shown: dict[str, Any], slug: str = CONSUMER.slug) -> dict[str, str]:
    [tenant] = [one for one in shown["tenants"] if one["slug"] == slug]
    return {one["declaration"]: one["action"] for one in tenant["declarations"]}


def connections(place: Place) -> list[dict[str, Any]]:
    declared: list[dict[str, Any]] = place.document["tenants"][2]["connections"]
    return declared


def valid(installation: Installation) -> dict[str, str]:
    """The valid Contracts of the consumer: label to hash."""
    found = hosted(installation, CONSUMER).peer.contracts.view.valid(installation.clock.now())
    assert len({one.made_for for one in found}) == len(found)
    return {one.made_for: one.content_hash for one in found}


async def test_applying_offers_waits_and_does_nothing_the_second_time(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        federation.document["tenants"][1]["services"].append({"name": "kvk", "upstream": "http://127.0.0.1:9"})
        connections(federation).append(KVK)
        code, shown = await applied(federation, capsys)
        assert (code, shown["ok"]) == (0, True)
        assert actions(shown) == {BRP: "keep", "connection kvk": "offer"}
        before = valid(installation)
        assert before.keys() == {BRP, "connection kvk"}
        code, shown = await applied(federation, capsys)
        assert code == 0
        assert {action for tenant in shown["tenants"] for action in actions(shown, tenant["slug"]).values()} == {"keep"}
        assert valid(installation) == before


async def test_a_plan_shows_the_same_and_changes_nothing(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before, settings = valid(installation), installation.settings
        connections(federation)[:] = [KVK]
        for _ in range(2):
            code, shown = await applied(federation, capsys, "--plan")
            assert (code, actions(shown)) == (0, {"connection kvk": "offer", BRP: "revoke"})
        assert await command("apply", federation.config, "--plan") == 0
        told = capsys.readouterr().out
        assert "  offer     connection kvk: there is no contract\n" in told
        assert f"  revoke    {BRP}: not declared any more\n" in told
        assert "applied" not in told
        assert (valid(installation), installation.settings) == (before, settings)


async def test_changed_properties_replace_the_contract_within_the_wait(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before = valid(installation)
        connections(federation)[0]["properties"] = {"a": 1}
        code, shown = await applied(federation, capsys)
        assert (code, actions(shown)) == (0, {BRP: "replace"})
        after = valid(installation)
        assert after.keys() == {BRP}
        assert after != before


async def test_a_connection_that_is_removed_is_revoked_on_both_sides(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        [content_hash] = valid(installation).values()
        connections(federation).clear()
        code, shown = await applied(federation, capsys)
        assert (code, actions(shown)) == (0, {BRP: "revoke"})
        theirs = hosted(installation, PROVIDER).peer.contracts
        now = installation.clock.now()
        await eventually(lambda: content_hash not in [one.content_hash for one in theirs.view.valid(now)])


async def test_what_is_refused_or_open_fails_and_says_so(federation: Place, capsys: Capture) -> None:
    federation.document["tenants"][1]["accept"].insert(
        0, {"grants": ["service_connection"], "services": ["kvk"], "peers": ["*"], "action": "reject"}
    )
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        connections(federation).append(KVK)
        connections(federation).append({**KVK, "name": "nowhere", "service": {"peer_id": "abc", "name": "kvk"}})
        assert await command("apply", federation.write(), "--wait", "3") == 1
        told = capsys.readouterr().out
        assert "refused: tenant elders, connection kvk: " in told
        assert f" by {PROVIDER.peer_id}\n" in told
        assert "still open: tenant elders, connection nowhere: " in told
        assert "waits for abc" in told
        assert "\napplied\n" not in told
        code, shown = await applied(federation, capsys, "--wait", "0")
        assert (code, actions(shown)["connection kvk"], actions(shown)["connection nowhere"]) == (1, "refused", "keep")
        connections(federation).pop(1)
        assert (await applied(federation, capsys, "--wait", "0"))[0] == 0


async def test_another_file_and_one_tenant(federation: Place, capsys: Capture) -> None:
    async with serving(federation.settings()) as installation:
        installation.config = federation.config
        other = federation.folder / "other.yaml"
        other.write_text(json.dumps(federation.document))
        assert await command("apply", other, "--config", federation.config, "--tenant", CONSUMER.slug) == 0
        told = capsys.readouterr().out
        assert f"warning: the program was started with {federation.config}: a restart or reload goes back" in told
        assert f"tenant {CONSUMER.slug}\n" in told
        assert f"tenant {DIRECTORY.slug}\n" not in told
        assert told.endswith("applied\n")
        assert await command("apply", other, "--tenant", "nobody") == 1
        assert "no tenant nobody" in capsys.readouterr().err


async def test_a_configuration_that_is_not_right_is_wrong_usage_with_every_finding(
    federation: Place, capsys: Capture
) -> None:
    async with serving(federation.settings()) as installation:
        before = installation.settings
        for tenant in federation.document["tenants"][1:]:
            (federation.folder / tenant["certificates"][0]["key"]).write_text("no key")
        assert await command("apply", federation.write()) == 2
        told = capsys.readouterr().err
        assert "tenants[1]" in told
        assert "tenants[2]" in told
        federation.document["tenants"][2]["surprise"] = 1
        assert await command("apply", federation.write()) == 2
        assert "surprise" in capsys.readouterr().err
        assert await command("apply", federation.folder / "nothing.yaml") == 2
        assert await command("apply", federation.config, "--wait", "-1") == 2
        assert installation.settings is before


async def test_without_a_running_program_it_fails(federation: Place, capsys: Capture) -> None:
    assert await command("apply", federation.write()) == 1
    assert "no running installation answers" in capsys.readouterr().err


# -- what is told


def shown(action: str, **changes: Any) -> dict[str, Any]:
    contract = {
        "content_hash": "$1$1$abcdefghijklmnop",
        "state": "VALID",
        "not_after": 0,
        "waits_for": [],
        "ended_by": ["5"],
    }
    return {
        "declaration": "connection brp",
        "action": action,
        "settled": False,
        "contract": contract,
        "revoked": [],
        "revoked_later": [],
        "duplicates": [],
        **changes,
    }


def test_what_is_done_and_what_a_person_may_do_is_told() -> None:
    contract = shown("keep")["contract"]
    by_hand = "klantenregister contracts revoke abcdefghijkl --tenant a"
    asked_again = "klantenregister contracts request --connection brp --tenant a"
    text = "abcdefghijkl valid until 1970-01-01 00:00:00Z"
    for declaration, lines in (
        (shown("keep"), [f"  keep      connection brp: {text}"]),
        (shown("adopt"), [f"  adopt     connection brp: {text}"]),
        (shown("renew"), [f"  renew     connection brp: {text}; it gets a successor"]),
        (
            shown("keep", revoked=[contract], revoked_later=[contract]),
            [
                f"  keep      connection brp: {text}",
                f"  revoke    connection brp: {text}",
                f"  revoke    connection brp: {text}, once its replacement is valid",
            ],
        ),
        (
            shown("keep", duplicates=[contract]),
            [
                f"  keep      connection brp: {text}",
                f"  duplicate connection brp: {text}; it is not ours to end: {by_hand}",
            ],
        ),
        (
            shown("refused"),
            [
                f"  refused   connection brp: {text} by 5",
                f"  {'':9} change the declaration, or ask again: {asked_again}",
            ],
        ),
    ):
        assert list(declaration_lines(declaration, "a")) == lines
    publication = shown("refused", declaration="publication of brp at 5")
    assert len(list(declaration_lines(publication, "a"))) == 1
    assert list(open_lines({"a": [shown("offer", contract=None)]})) == [
        "still open: tenant a, connection brp: there is no contract"
    ]


def test_a_plan_tells_of_the_program_and_the_tenants() -> None:
    plan = {
        "tenants": [
            {"slug": "a", "problem": "", "declarations": []},
            {"slug": "b", "problem": "no certificate is valid: renew it", "declarations": []},
        ],
        "unhosted": ["c"],
        "needs_restart": ["storage"],
        "warnings": ["w"],
        "serves_by": "/x.yaml",
    }
    restart = "warning: the program was started with /x.yaml: a restart or reload goes back to that one"
    lines = list(plan_lines(plan, Path("/y.yaml"), plan_only=False))
    assert lines == [
        "warning: w",
        "warning: storage differs: it keeps its value until a restart",
        restart,
        "tenant c: not hosted any more; its contracts stay as they are",
        "tenant a",
        "  nothing is declared",
        "tenant b",
        "  problem   no certificate is valid: renew it",
    ]
    assert restart not in list(plan_lines(plan, Path("/x.yaml"), plan_only=False))
    assert restart not in list(plan_lines(plan, Path("/y.yaml"), plan_only=True))
