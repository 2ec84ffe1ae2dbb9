"""Hash generations side by side: Peers agree and call each other where they can, and are told why where they cannot."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.federation import DIRECTORY, Member, Program, eventually
from tests.e2e.neighbours import EchoServer, Neighbours, ask, contracts, running, tenant, through

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PROFILES = {
    "plain": ["fsc-2.0"],
    "raw": ["fsc-2.0-rawbytes", "fsc-2.0"],
    "develop": ["fsc-develop"],
    "old": ["fsc-1.1", "fsc-2.0"],
}
PEERS = {slug: Member(slug, f"0000000300000000000{n}", f"Gemeente {slug}") for n, slug in enumerate(PROFILES)}
PAIRS = [(one, other) for one in PROFILES for other in PROFILES if one != other]
POSSIBLE = [pair for pair in PAIRS if "develop" not in pair]
IMPOSSIBLE = [pair for pair in PAIRS if "develop" in pair]


@pytest.fixture(scope="module")
def neighbours(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neighbours]:
    """Four Peers of different generations, each of which offers a Service to all and wants those of all others."""
    prepared = Neighbours.prepare(tmp_path_factory.mktemp("generations"), DIRECTORY, *PEERS.values())
    echoes = []
    for slug, member in PEERS.items():
        program = prepared.of(member)
        echo = EchoServer(slug)
        echoes.append(echo)
        program.settings["group"]["hash_profiles"] = PROFILES[slug]
        wanted = [
            {"name": other, "service": {"peer_id": PEERS[other].peer_id, "name": "data"}}
            for other in PROFILES
            if other != slug
        ]
        tenant(program).update(
            services=[{"name": "data", "upstream": echo.url}],
            accept=[{"grants": ["service_connection"], "peers": ["*"]}],
            outway={"listen": f"127.0.0.1:{program.ports['outway']}"},
            connections=wanted,
        )
    try:
        with running(prepared):
            yield prepared
    finally:
        for echo in echoes:
            echo.close()


def _connection(program: Program, to: str) -> dict[str, Any] | None:
    """The living Contract of a Peer for its connection, agreed."""
    return next(
        (one for one in contracts(program) if one["made_for"] == f"connection {to}" and one["state"] == "VALID"), None
    )


@pytest.mark.parametrize(("consumer", "provider"), POSSIBLE)
def test_peers_with_a_profile_in_common_agree_and_call(neighbours: Neighbours, consumer: str, provider: str) -> None:
    caller, called = neighbours.of(PEERS[consumer]), neighbours.of(PEERS[provider])
    agreed = eventually(f"{consumer} to agree with {provider}", lambda: _connection(caller, provider))

    assert through(caller, provider).json()["service"] == provider
    # Also by the hash under which the other side knows the Grant, when it is of a generation that is allowed here.
    [theirs] = [one for one in contracts(called) if one["iv"] == agreed["iv"]]
    known = [one for one in (agreed, theirs) if one["hash_profile"] in PROFILES[consumer]]
    for grant_hash in {one["grants"][0]["grant_hash"] for one in known}:
        reply = through(caller, "whatever", Fsc_Grant_Hash=grant_hash)
        assert reply.status == 200, reply.text


@pytest.mark.parametrize(("consumer", "provider"), IMPOSSIBLE)
def test_peers_without_one_are_told_why(neighbours: Neighbours, consumer: str, provider: str) -> None:
    caller = neighbours.of(PEERS[consumer])

    def refused() -> str | None:
        owed = ask(caller, "contracts", "deliveries")
        said = [one["last_error"] for one in owed if one["peer_id"] == PEERS[provider].peer_id and one["last_error"]]
        return next((one for one in said if "hash_profiles" in one), None)

    eventually("the reason and the remedy with the delivery", refused)
    assert _connection(caller, provider) is None
    assert "hash_profiles" in caller.log.read_text()
