"""Places for installations of a test's own."""

from pathlib import Path

import pytest

from tests.klantenregister.running import Place


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An installation with one tenant, the provider, not started."""
    return Place.make(tmp_path)


@pytest.fixture
def federation(tmp_path: Path) -> Place:
    """An installation with a Directory, a provider and a consumer, not started."""
    return Place.federation(tmp_path)
