"""`klantenregister.crl_schedule`: when the next attempt is."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from klantenregister.crl_schedule import seconds_to_next

NOW = 1_800_000_000


@pytest.mark.parametrize(
    ("failures", "next_update", "wait_s"),
    [
        (0, None, 300),
        (0, NOW + 10_000, 300),
        (0, NOW + 20, 21),
        (0, NOW, 1),
        (0, NOW - 1, 60),
        (1, NOW - 1, 1),
        (2, NOW + 20, 2),
        (5, None, 16),
        (9, None, 256),
        (10, None, 300),
        (10_000, None, 300),
    ],
)
def test_the_wait(failures: int, next_update: int | None, wait_s: float) -> None:
    assert seconds_to_next(failures=failures, next_update=next_update, refresh_s=300, now=NOW, jitter=0) == wait_s


@settings(max_examples=100)
@given(
    failures=st.integers(0, 10**6),
    next_update=st.none() | st.integers(0, 2**40),
    refresh_s=st.integers(1, 86_400),
    jitter=st.floats(0, 1),
)
def test_it_is_never_longer_than_asked_and_never_nothing(
    failures: int, next_update: int | None, refresh_s: int, jitter: float
) -> None:
    wait_s = seconds_to_next(failures=failures, next_update=next_update, refresh_s=refresh_s, now=NOW, jitter=jitter)
    assert 0.7 < wait_s <= refresh_s
