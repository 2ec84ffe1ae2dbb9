"""The Service comes and goes, and the programs stop: what a client notices of it, and what it must not."""

import asyncio
import time

import pytest

from tests.load.scene import IS_SOAK, Scene
from tests.load.traffic import Outcome, percentile, summary, traffic, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_800)]

ROUNDS = 20 if IS_SOAK else 1
CLIENTS = 8


async def test_a_service_that_is_away_is_missed_while_it_is_away_and_no_longer(scene: Scene) -> None:
    away: list[tuple[float, float]] = []
    async with (
        traffic(await scene.inway(), CLIENTS) as direct,
        traffic(scene.outway(), CLIENTS) as through,
    ):
        for _ in range(ROUNDS):
            await wait_for(direct, through, more=100)
            gone_at = time.monotonic()
            await asyncio.to_thread(scene.behind.kill)
            await asyncio.sleep(1)
            await asyncio.to_thread(scene.behind.start)
            away.append((gone_at, time.monotonic()))
        await wait_for(direct, through, more=100)

    for met in (direct, through):
        failures = met.failures
        assert {(one.outcome, one.status, one.code) for one in failures} == {
            (Outcome.REFUSED, 502, "ERROR_CODE_SERVICE_UNREACHABLE")
        }, summary(failures)
        outside = [
            one for one in failures if not any(one.began_at <= back and one.ended_at >= gone for gone, back in away)
        ]
        assert outside == []
        assert percentile(met.attempts, 1) < 10
        scene.check_failed_unseen(met.attempts)


async def test_a_service_that_hands_over_is_not_missed(scene: Scene) -> None:
    async with (
        traffic(await scene.inway(), CLIENTS) as direct,
        traffic(scene.outway(), CLIENTS) as through,
    ):
        for _ in range(3 * ROUNDS):
            await wait_for(direct, through, more=100)
            await asyncio.to_thread(scene.behind.hand_over)
        await wait_for(direct, through, more=100)

    assert summary(direct.failures) == summary(through.failures) == {}


@pytest.mark.parametrize("role", ["inway", "outway"])
async def test_a_stop_fails_no_request(scene: Scene, role: str) -> None:
    program = scene.provider if role == "inway" else scene.consumer
    for _ in range(ROUNDS):
        door = await scene.inway() if role == "inway" else scene.outway()
        async with (
            traffic(door, CLIENTS) as quick,
            traffic(door, CLIENTS, path="/wait/300") as long,
            traffic(door, CLIENTS, pause_s=0.05) as idle,
        ):
            await wait_for(quick, long, idle, more=CLIENTS)
            assert await asyncio.to_thread(program.stop) == 0
        await asyncio.to_thread(program.start)

        for met in (quick, long, idle):
            # Nobody accepts any more in the end; that is where a client goes elsewhere.
            assert summary(one for one in met.failures if one.outcome is not Outcome.NO_CONNECTION) == {}
            scene.check_failed_unseen(met.attempts)
