"""`klantenregister peers`, against a running installation."""

import json
from typing import Any

import pytest

from klantenregister.admin_client import AdminClient
from tests.gateway.harness import eventually
from tests.klantenregister.running import CONSUMER, DIRECTORY, PROVIDER, Place, agreed, command, serving


async def test_the_peers_that_a_tenant_knows_are_listed(
    federation: Place, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    call = AdminClient.call

    def call_by_one(client: AdminClient, method: str, path: str, body: object = None, **query: Any) -> Any:
        return call(client, method, path, body, **{**query, "limit": "1"})

    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        ask = ("peers", "--config", federation.config, "--tenant", DIRECTORY.slug)
        assert await command(*ask) == 0
        headings, *rows = capsys.readouterr().out.splitlines()
        monkeypatch.setattr(AdminClient, "call", call_by_one)
        assert await command(*ask, "--json") == 0
        listed = json.loads(capsys.readouterr().out)

    assert headings.split("  ")[0] == "PEER ID"
    assert [row.split()[:4] for row in rows] == [
        [member.peer_id, *member.name.split(), federation.manager(member, "")] for member in (CONSUMER, PROVIDER)
    ]
    assert {one["peer_id"]: one["hash_profile"] for one in listed} == {
        CONSUMER.peer_id: None,  # it announced itself, and signed nothing with the Directory
        PROVIDER.peer_id: "fsc-2.0",
    }
    assert {one["version_problem"] for one in listed} == {""}
    assert [row.split()[4] for row in rows] == ["-", "fsc-2.0"]
    assert {(one["peer_id"], one["name"], one["manager_address"]) for one in listed} == {
        (member.peer_id, member.name, federation.manager(member, "")) for member in (CONSUMER, PROVIDER)
    }


async def test_nobody_is_known_at_first(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(place.settings()):
        assert await command("peers", "--config", place.config) == 0
        assert capsys.readouterr().out == "No Peers are known yet.\n"
        assert await command("peers", "--config", place.config, "--json") == 0
        assert json.loads(capsys.readouterr().out) == []


async def test_without_a_running_installation_it_fails(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.settings()

    assert await command("peers", "--config", place.config) == 1
    assert "klantenregister serve" in capsys.readouterr().err
