"""One running federation for the tests that leave it as they found it; a fresh one for those that do not."""

from collections.abc import Iterator

import pytest

from tests.e2e.federation import Federation


@pytest.fixture(scope="session")
def federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A federation with a valid connection, shared: do not stop its programs or revoke its Contract."""
    shared = Federation.prepare(tmp_path_factory.mktemp("shared"))
    try:
        shared.start()
        shared.connection()
        yield shared
    finally:
        shared.stop()
    assert shared.tracebacks() == []


@pytest.fixture
def own_federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Federation]:
    """A federation of the test's own, not started yet."""
    own = Federation.prepare(tmp_path_factory.mktemp("own"))
    try:
        yield own
    finally:
        own.stop()
    assert own.tracebacks() == []
