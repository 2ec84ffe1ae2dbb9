"""A Contract revoked while it is used: within a second nothing passes any more, and nothing passed without a record."""

import asyncio
import time
from typing import Any

import pytest

from tests.e2e.federation import PROVIDER
from tests.load.scene import SERVICE, Scene
from tests.load.traffic import Outcome, summary, traffic, wait_for, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

BITES_WITHIN_S = 1.0
CLIENTS = 8


@pytest.mark.parametrize("workers", ["1", "2"])
async def test_a_revoked_contract_is_refused_within_a_second_though_its_token_lives(scene: Scene, workers: str) -> None:
    async with scene.running(scene.provider, "--workers", workers):
        untouched = await scene.inway()
        contract = await _another_contract(scene)
        [grant] = contract["grants"]
        grant_hash = grant["grant_hash"]
        async with (
            traffic(await scene.inway(grant_hash), 2 * CLIENTS) as direct,
            traffic(scene.outway(grant_hash), CLIENTS) as through,
            traffic(untouched, CLIENTS) as other,
        ):
            await wait_for(direct, through, other, more=50)
            path = f"/contracts/{contract['content_hash']}/revoke"
            await asyncio.to_thread(scene.admin, scene.provider, "POST", path)
            revoked_at = time.monotonic()
            await wait_until(lambda: time.monotonic() - revoked_at, BITES_WITHIN_S + 1)
            await wait_for(other, more=50)

        assert summary(other.failures) == {}
        for met in (direct, through):
            late = [one for one in met.attempts if one.began_at > revoked_at + BITES_WITHIN_S]
            assert len(late) > CLIENTS
            assert {one.outcome for one in late} == {Outcome.REFUSED}, summary(late)
            assert {one.outcome for one in met.failures} == {Outcome.REFUSED}, summary(met.failures)
            assert scene.seen_of(met.of(Outcome.REFUSED)) == set()
        every = direct.attempts + through.attempts
        assert {one.code for one in direct.failures} == {"ERROR_CODE_ACCESS_TOKEN_INVALID"}
        assert scene.unlogged(scene.provider, every) == set()
        assert scene.unlogged(scene.consumer, through.attempts) == set()


async def _another_contract(scene: Scene) -> dict[str, Any]:
    """One more for the same Service, valid on both sides."""
    wanted = {"service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}
    offered = await asyncio.to_thread(scene.admin, scene.consumer, "POST", "/contracts", wanted)
    path = f"/contracts/{offered['content_hash']}"
    found: list[dict[str, Any]] = []

    def valid() -> int:
        found[:] = [scene.admin(program, "GET", path) for program in scene.programs if _has(scene, program, offered)]
        return sum(one["state"] == "VALID" for one in found)

    await wait_until(valid, 2)
    return found[0]


def _has(scene: Scene, program: Any, offered: dict[str, Any]) -> bool:
    listed = scene.admin(program, "GET", "/contracts", limit="1000")["contracts"]
    return any(one["content_hash"] == offered["content_hash"] for one in listed)
