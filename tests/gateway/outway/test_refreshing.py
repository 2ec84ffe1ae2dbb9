import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.token import OUTWAY_MARGIN_S
from gateway.outway.refreshing import MAX_DELAY_S, refresh_after_s, retry_after_s

JITTERS = st.floats(min_value=0, max_value=1)


@pytest.mark.parametrize(
    ("life_s", "after_s"),
    [
        (3600, 2700),  # a quarter of its life is left
        (600, 450),
        (240, 180),
        (120, 60),  # a quarter would leave no time to try again
        (60, 15),  # half of the 30 s that it can be used
        (31, 0),
        (30, 0),
        (0, 0),
        (-5, 0),
    ],
)
def test_a_token_is_replaced_ahead_of_its_end(life_s: int, after_s: int) -> None:
    assert refresh_after_s(life_s, jitter=0) == after_s


@given(st.integers(min_value=OUTWAY_MARGIN_S, max_value=86_400), JITTERS)
def test_it_is_replaced_while_it_can_be_used_and_never_much_too_early(life_s: int, jitter: float) -> None:
    latest = refresh_after_s(life_s, jitter=0)
    after_s = refresh_after_s(life_s, jitter=jitter)
    assert 0 <= after_s <= life_s - OUTWAY_MARGIN_S
    assert latest * 0.9 - 1 <= after_s <= latest


def test_tokens_fetched_together_are_not_replaced_together() -> None:
    assert refresh_after_s(600, jitter=1) < refresh_after_s(600, jitter=0)


def test_failures_are_followed_by_longer_and_longer_pauses() -> None:
    assert [retry_after_s(failures, jitter=0) for failures in range(1, 8)] == [1, 2, 4, 8, 16, 30, 30]


@given(st.integers(min_value=1, max_value=10_000), JITTERS)
def test_a_pause_is_never_nothing_and_never_too_long(failures: int, jitter: float) -> None:
    assert 1 <= retry_after_s(failures, jitter=jitter) <= MAX_DELAY_S
