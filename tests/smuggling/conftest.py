"""The relays that a module attacks."""

from collections.abc import Iterator

import pytest

from tests.smuggling.stage import Stage, stage


@pytest.fixture(scope="module", name="stage")
def _stage() -> Iterator[Stage]:
    with stage() as running:
        yield running
