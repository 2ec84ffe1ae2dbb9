"""Processes killed under load: what the Service saw is in the logs, and nobody else's requests fail.

A short run by default; `HYPOTHESIS_PROFILE=soak` (which `make soak` sets) kills many times.
"""

import asyncio
import os
import random
import signal
import time

import pytest

from tests.e2e.federation import Program
from tests.e2e.processes import family
from tests.load.processes import is_gone, listens, served_by
from tests.load.scene import IS_SOAK, Scene
from tests.load.traffic import Attempt, Outcome, summary, traffic, wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_800)]

ROUNDS = 25 if IS_SOAK else 2
CLIENTS = 8


async def test_whatever_the_service_saw_is_in_the_logs_of_programs_that_were_killed(scene: Scene) -> None:
    async with traffic(await scene.inway(), CLIENTS) as direct, traffic(scene.outway(), CLIENTS) as through:
        for _ in range(ROUNDS):
            for program in scene.programs:
                await wait_for(direct, through, more=50)
                await asyncio.sleep(random.uniform(0, 0.1))
                await asyncio.to_thread(program.kill)
                await asyncio.to_thread(program.start)
        await wait_for(direct, through, more=50)

    every = direct.attempts + through.attempts
    print(summary(every))
    assert [one for one in every if one.outcome in (Outcome.WRONG, Outcome.HUNG)] == []
    assert {one.transaction_id for one in every if one.outcome is Outcome.ANSWERED} <= scene.seen_of(every)
    assert scene.unlogged(scene.provider, every) == set()
    assert scene.unlogged(scene.consumer, through.attempts) == set()


async def test_a_killed_worker_takes_only_its_own_requests_along(scene: Scene) -> None:
    async with scene.running(scene.provider, "--workers", "2"):
        async with traffic(await scene.inway(), 4 * CLIENTS) as met:
            await met.wait_for_more(200)
            for _ in range(ROUNDS):
                await _kill_one_worker(scene, met.attempts)
                await met.wait_for_more(200)
        async with traffic(await scene.inway(), CLIENTS, keep_alive=False) as fresh:
            await fresh.wait_for_more(100)
        assert summary(fresh.failures) == {}
        assert scene.unlogged(scene.provider, met.attempts) == set()


async def _kill_one_worker(scene: Scene, attempts: list[Attempt]) -> None:
    """Kill the worker that serves most; what failed were requests that were under way on its connections."""
    workers = _workers(scene.provider)
    assert len(workers) == 2
    victim = max(workers, key=lambda pid: len(workers[pid]))
    count = len(attempts)
    lost = served_by(victim, scene.provider.ports["inway"])
    killed_at = time.monotonic()
    os.kill(victim, signal.SIGKILL)
    while not is_gone(victim):  # noqa: ASYNC110 - another process tells nobody
        await asyncio.sleep(0.001)
    gone_at = time.monotonic()
    async with asyncio.timeout(20):
        while len(_workers(scene.provider)) < 2:  # noqa: ASYNC110 - the same
            await asyncio.sleep(0.05)

    failed = [one for one in attempts[count:] if one.outcome not in (Outcome.ANSWERED, Outcome.TURNED_AWAY)]
    assert {one.outcome for one in failed} <= {Outcome.BROKEN, Outcome.NO_CONNECTION}, summary(failed)
    for one in failed:
        assert one.began_at <= gone_at
        assert one.ended_at >= killed_at
        # Port 0: a connection that it had not accepted yet.
        assert one.local_port in lost | {0}
    assert len(failed) <= len(lost) + 1


def _workers(program: Program) -> dict[int, set[int]]:
    """The processes that listen for the Inway, each with the connections it serves, by their ports."""
    assert program.process is not None
    port = program.ports["inway"]
    return {pid: served_by(pid, port) for pid in family(program.process.pid) if listens(pid, port)}
