"""A few times in a row, then at a steady pace; one Peer never at the expense of another, nor of our memory."""

from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.manager.allowance import IN_A_ROW, PACE_S, Allowance
from tests.gateway.harness import FOREIGN, OTHER


def test_a_few_in_a_row_and_then_one_at_a_time() -> None:
    allowance = Allowance()
    assert [allowance.take(FOREIGN, at=100.0) for _ in range(IN_A_ROW + 2)] == [True] * IN_A_ROW + [False] * 2
    assert allowance.take(OTHER, at=100.0)
    assert not allowance.take(FOREIGN, at=100.0 + PACE_S / 2)
    assert allowance.take(FOREIGN, at=100.0 + PACE_S)
    assert not allowance.take(FOREIGN, at=100.0 + PACE_S)


def test_who_rested_has_all_of_it_again() -> None:
    allowance = Allowance()
    for at in (100.0, 100.0 + IN_A_ROW * PACE_S):
        assert [allowance.take(FOREIGN, at=at) for _ in range(IN_A_ROW + 1)] == [True] * IN_A_ROW + [False]


def test_who_rested_is_forgotten() -> None:
    allowance = Allowance()
    for number in range(1000):
        allowance.take(PeerId(f"{number:020}"), at=number * PACE_S)
    assert len(allowance._spent) <= IN_A_ROW + 1


@given(st.lists(st.floats(0, 30), max_size=60))
def test_the_pace_is_never_exceeded(pauses: list[float]) -> None:
    allowance, at, taken = Allowance(), 0.0, 0
    for pause_s in pauses:
        at += pause_s
        taken += allowance.take(FOREIGN, at=at)
    assert taken <= IN_A_ROW + at / PACE_S + 1e-6
