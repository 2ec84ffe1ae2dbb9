"""As much as it can take, for as long as it lasts: no error, and memory that stays as it is."""

import asyncio

import pytest

from tests.load.scene import IS_SOAK, Scene, memory_mb
from tests.load.traffic import summary, traffic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

CONNECTIONS = 512
WARM_S, MEASURED_S = (20, 60) if IS_SOAK else (2, 4)
MAX_GROWTH_MB = 16


async def test_512_connections_at_saturation_meet_no_error_and_cost_no_more_memory(scene: Scene) -> None:
    async with traffic(await scene.inway(), CONNECTIONS) as met:
        await met.wait_until(lambda: len({one.local_port for one in met.attempts}), CONNECTIONS)
        await asyncio.sleep(WARM_S)
        warm_mb = memory_mb(scene.provider)
        await asyncio.sleep(MEASURED_S)
        grown_mb = memory_mb(scene.provider) - warm_mb

    assert summary(met.failures) == {}
    assert met.answered > 2 * CONNECTIONS
    assert len({one.local_port for one in met.attempts}) == CONNECTIONS, "connections were dropped"
    assert grown_mb < MAX_GROWTH_MB
