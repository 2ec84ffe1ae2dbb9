"""What was said of other Peers."""

from certs.identity import PeerId
from gateway.state.notices import Notices
from tests.gateway.harness import FOREIGN, OTHER


def test_a_text_is_new_once_and_again_when_it_changed() -> None:
    notices = Notices()
    said = [notices.is_new("version", FOREIGN, text) for text in ("", "a", "a", "b", "a", "", "", "a")]
    assert said == [False, True, False, True, True, True, False, True]


def test_topics_and_peers_are_apart() -> None:
    notices = Notices()
    assert notices.is_new("version", FOREIGN, "a")
    assert notices.is_new("version", OTHER, "a")
    assert notices.is_new("unreadable", FOREIGN, "a")
    assert not notices.is_new("version", FOREIGN, "a")


def test_of_very_many_peers_the_earliest_are_forgotten() -> None:
    notices = Notices()
    for number in range(10_001):
        assert notices.is_new("version", PeerId(f"{number:020}"), "a")
    assert not notices.is_new("version", PeerId(f"{10_000:020}"), "a")
    assert notices.is_new("version", PeerId(f"{0:020}"), "a")
