"""`certs.expiry`: what ends soon is told, with the remedy; what has a successor is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.expiry import WARN_AHEAD_S, day, ending_anchors, ending_pairs, ends_at
from clock import SystemClock

NOW = SystemClock().now()
DAY = 86_400
AUTHORITY = DevelopmentAuthority.create("test", now=NOW)


def pair(days: int, *, not_before: int | None = None) -> KeyPair:
    return AUTHORITY.issue(
        peer_id="00000001823288444000", name="Gemeente X", dns_names=["x.test"], days=days, not_before=not_before
    )


def test_nothing_is_said_of_what_lasts() -> None:
    assert ending_pairs([pair(31)], NOW) is None
    assert ending_pairs([], NOW) is None
    assert ending_anchors(AUTHORITY.root.chain, NOW) == []


def test_the_last_certificate_is_told_from_thirty_days_before_its_end() -> None:
    only = pair(31)
    assert ending_pairs([only], only.not_after - WARN_AHEAD_S) is None

    ending = ending_pairs([only], only.not_after - WARN_AHEAD_S + 1)

    assert ending is not None
    assert (ending.not_after, ending.is_over) == (only.not_after, False)
    assert ending.text == (
        f"the last certificate expires on {day(only.not_after)}, in 29 days: renew it with the same key"
    )


def test_a_successor_takes_the_warning_away_also_before_its_first_day() -> None:
    assert ending_pairs([pair(5), pair(365, not_before=NOW + DAY)], NOW) is None


def test_what_has_ended_is_told_as_such() -> None:
    only = pair(1)
    assert ending_pairs([only], only.not_after) is not None
    over = ending_pairs([only], only.not_after + 1)
    assert over is not None
    assert over.is_over
    assert over.text.startswith(f"the last certificate expired on {day(only.not_after)}: renew it")


def test_an_intermediate_ends_the_chain_before_the_leaf_does() -> None:
    short = DevelopmentAuthority.create("short", now=NOW, days=20)
    leaf = AUTHORITY.issue(peer_id="00000001823288444000", name="Gemeente X", dns_names=["x.test"], days=300)
    chained = KeyPair((leaf.certificate, short.intermediate.certificate), leaf.private_key)

    ending = ending_pairs([chained], NOW)

    assert ending is not None
    assert ending.not_after == ends_at(short.intermediate.certificate)
    assert "the intermediate short development CA" in ending.text
    assert ending_pairs([chained, leaf], NOW) is None


@pytest.mark.parametrize(("at", "is_over"), [(NOW, False), (NOW + 30 * DAY, True)], ids=["ahead", "over"])
def test_an_anchor_is_told_by_its_name(at: int, is_over: bool) -> None:
    short = DevelopmentAuthority.create("short", now=NOW, days=20)
    anchors = [short.root.certificate, AUTHORITY.root.certificate]

    (ending,) = ending_anchors(anchors, at)

    assert "the Trust Anchor short development root" in ending.text
    assert ending.is_over is is_over


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60 * DAY))
def test_every_instant_is_told_once_and_truly(later: int) -> None:
    only, now = PAIRS[0], NOW + later
    ending = ending_pairs([only], now)
    assert (ending is None) is (now <= only.not_after - WARN_AHEAD_S)
    assert ending is None or ending.is_over is (now > only.not_after)


PAIRS = (pair(45),)
