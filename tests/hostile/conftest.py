"""The program that a module attacks, and the Peer that attacks it."""

from collections.abc import Iterator

import pytest

from tests.gateway.harness import ForeignPeer
from tests.hostile.stage import Stage, stage


@pytest.fixture(scope="module", name="stage")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One program for all tests of a module: none of them may leave anything in it that hinders the next."""
    with stage(tmp_path_factory.mktemp("hostile")) as running:
        yield running


@pytest.fixture
def attacker(stage: Stage) -> Iterator[ForeignPeer]:
    """A Peer that the program has not met, and that it must not remember after the test."""
    peer = stage.peer()
    yield peer
    peer.pages.clear()
    stage.check_unmoved(peer)
