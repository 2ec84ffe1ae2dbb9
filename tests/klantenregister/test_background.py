"""`klantenregister.background`: what goes on for a Peer goes on whatever fails."""

import pytest

from gateway.manager.upkeep import Upkeep
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    SERVICE,
    Place,
    agreed,
    serving,
)

SEARCH = f"/{SERVICE}/api/v1/partijen"
OUTWAY_HEADERS = {"Host": f"{SERVICE}.localhost"}


async def test_background_work_that_crashes_begins_again(
    federation: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.background._RESTART_S", 0.01)
    work = Upkeep.run
    crashes = 0

    async def crash_twice(upkeep: Upkeep) -> None:
        nonlocal crashes
        crashes += 1
        if crashes <= 2:
            raise ZeroDivisionError
        await work(upkeep)

    monkeypatch.setattr(Upkeep, "run", crash_twice)
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)

    assert [record.getMessage() for record in caplog.records].count("upkeep_crashed") == 2
