import asyncio

import pytest

from gateway.relay.ticker import NEVER, PERIOD_S, Ticker
from tests.gateway.relay.alone import until


class Timed:
    def __init__(self, deadline: float, fault: Exception | None = None) -> None:
        self.deadline = deadline
        self.told = 0
        self.fault = fault

    def timed_out(self) -> None:
        self.told += 1
        self.deadline = NEVER
        if self.fault is not None:
            raise self.fault


async def test_who_is_late_is_told_and_nobody_else() -> None:
    ticker = Ticker()
    late, early, forgotten, never = Timed(ticker.now + 0.01), Timed(ticker.now + 3600), Timed(ticker.now), Timed(NEVER)
    for one in (late, early, forgotten, never):
        ticker.watch(one)
    forgotten.told = 0
    ticker.forget(forgotten)
    await until(lambda: late.told == 1)
    await asyncio.sleep(PERIOD_S * 2)
    assert (late.told, early.told, forgotten.told, never.told) == (1, 0, 0, 0)
    for one in (late, early, never):
        ticker.forget(one)


async def test_it_rests_when_it_watches_nothing_and_begins_again() -> None:
    ticker = Ticker()
    first = Timed(NEVER)
    ticker.watch(first)
    ticker.forget(first)
    await asyncio.sleep(PERIOD_S * 2)
    before = ticker.now
    second = Timed(asyncio.get_running_loop().time() + 0.01)
    ticker.watch(second)
    assert ticker.now > before
    await until(lambda: second.told == 1)
    ticker.forget(second)


async def test_a_fault_of_one_leaves_the_deadlines_of_the_others(caplog: pytest.LogCaptureFixture) -> None:
    ticker = Ticker()
    faulty, other = Timed(ticker.now + 0.01, RuntimeError("of one")), Timed(ticker.now + 3 * PERIOD_S)
    for one in (faulty, other):
        ticker.watch(one)
    await until(lambda: other.told == 1)
    assert [one.message for one in caplog.records] == ["deadline_fault"]
    caplog.clear()
    for one in (faulty, other):
        ticker.forget(one)
