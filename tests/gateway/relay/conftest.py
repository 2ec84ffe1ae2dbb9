"""The federation that these tests play in, and an application of its consumer."""

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gateway.dataplane import DataPlane
from tests.gateway.dataplane import plane as plane
from tests.gateway.wire import Wire


@pytest.fixture
async def application(plane: DataPlane) -> AsyncIterator[Wire]:
    """A connection of an application to the Outway."""
    async with plane.outway() as wire:
        yield wire


@pytest.fixture(autouse=True)
def nothing_is_our_error(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever a client or a Service does, it is not logged as a fault of this program."""
    yield
    faults = [one for one in caplog.get_records("call") if one.name.startswith("gateway") and one.levelname == "ERROR"]
    assert faults == []
