"""Places for installations of a test's own, on the event loop that `serve` runs on."""

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.klantenregister.running import Place


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of the program; that of the standard library loses what it just accepted when its server is closed."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation with one tenant, the provider, not started."""
    return Place.make(tmp_path)


@pytest.fixture
def federation(tmp_path: Path) -> Place:
    """An installation with a Directory, a provider and a consumer, not started."""
    return Place.federation(tmp_path)
