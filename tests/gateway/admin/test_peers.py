"""What an operator sees of other Peers; that the operations answer is tested with the API."""

from typing import Any

import pytest

from certs.identity import PeerName
from gateway.admin.peers import peer_view
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import PeerVersion
from gateway.state.peers import KnownPeer
from tests.gateway.harness import OTHER

NEW, _, _, OLD = HashProfile


def known(version: PeerVersion, told_at: int | None = None) -> KnownPeer:
    return KnownPeer(OTHER, PeerName("Other"), ManagerAddress("https://a.test:8443"), 5, version, told_at)


def test_a_peer_that_said_nothing_yet() -> None:
    assert peer_view(known(PeerVersion()), [NEW]) == {
        "peer_id": OTHER,
        "name": "Other",
        "manager_address": "https://a.test:8443",
        "first_seen_at": 5,
        "hash_profile": None,
        "fsc_version": None,
        "told_at": None,
        "version_problem": "",
    }


@pytest.mark.parametrize(("allowed", "differs"), [([NEW], True), ([NEW, OLD], False)])
def test_what_a_peer_speaks_is_held_beside_what_the_group_allows(allowed: list[Any], differs: bool) -> None:
    shown = peer_view(known(PeerVersion(OLD, "1.0.0"), 7), allowed)
    assert (shown["hash_profile"], shown["fsc_version"], shown["told_at"]) == ("fsc-1.1", "1.0.0", 7)
    assert ("fsc-1.1" in shown["version_problem"]) is differs
