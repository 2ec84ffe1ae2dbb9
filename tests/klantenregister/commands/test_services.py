"""`klantenregister services`, against a running installation."""

import json

import pytest

from certs.identity import PeerId, PeerName
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
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

NAME, ADDRESS = PeerName("Pro\x1bvider"), ManagerAddress("https://provider.localhost:9")


async def test_what_is_offered_and_what_is_listed_is_shown(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    federation.document["tenants"][1]["services"].append({"name": "echo", "upstream": "http://127.0.0.1:9"})
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        assert await command("services", "--config", federation.config, "--tenant", PROVIDER.slug) == 0
        of_provider = capsys.readouterr().out.splitlines()
        assert await command("services", "--config", federation.config, "--tenant", CONSUMER.slug, "--json") == 0
        of_consumer = json.loads(capsys.readouterr().out)

    assert [line.split() for line in of_provider] == [
        ["OFFERED", "UPSTREAM", "PUBLISH"],
        [SERVICE, f"register:{SERVICE}", "yes"],
        ["echo", "http://127.0.0.1:9", "no"],
        [],
        ["LISTED", "PEER", "ID", "PEER", "DIRECTORY"],
        [SERVICE, PROVIDER.peer_id, *PROVIDER.name.split(), DIRECTORY.peer_id],
    ]
    assert of_consumer["offered"] == of_consumer["problems"] == of_consumer["version_problems"] == []
    [listed] = of_consumer["listed"]
    assert (listed["name"], listed["peer"]["id"]) == (SERVICE, PROVIDER.peer_id)


async def test_a_provider_whose_contracts_will_fail_is_named(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        peers = hosted(installation, CONSUMER).peer.peers
        await peers.remember(PeerId(PROVIDER.peer_id), NAME, ADDRESS, now=1, hash_profile=HashProfile.FSC_1_1)
        await peers.told_version(PeerId(PROVIDER.peer_id), "1.0.0", now=1, ask_at=2**40)
        assert await command("services", "--config", federation.config, "--tenant", CONSUMER.slug) == 0
        told = capsys.readouterr().err
        assert await command("peers", "--config", federation.config, "--tenant", CONSUMER.slug) == 0
        listed = capsys.readouterr().out.splitlines()

    problem = "its contracts are of hash profile fsc-1.1, this Group allows fsc-2.0 (fsc_version 2.0.0): add fsc-1.1"
    assert told.startswith(f"klantenregister: Peer {PROVIDER.peer_id} (Pro\ufffdvider): {problem}")
    assert listed[-1].startswith(f"Peer {PROVIDER.peer_id} (Pro\ufffdvider): {problem}")
    [row] = [line for line in listed[1:-1] if line.startswith(PROVIDER.peer_id)]
    assert "  fsc-1.1  1.0.0  " in row


async def test_a_directory_that_does_not_answer_fails_and_shows_the_rest(
    federation: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    del federation.document["tenants"][0]
    async with serving(federation.settings()):
        assert await command("services", "--config", federation.config, "--tenant", CONSUMER.slug) == 1

    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["This tenant offers no services.", "", "The Directories list no services."]
    assert printed.err.startswith("klantenregister: ")
    assert DIRECTORY.manager_host in printed.err
    assert "Traceback" not in printed.err
