"""A Group of its own for every test; nothing that is logged may hold a signature or a token."""

import logging
import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gateway.harness import PROVIDER, SERVICE, Federation, accepting, federation, log_texts, offering
from tests.gateway.manager.scene import ALL_GRANTS, Scene

_JWS = re.compile(r"eyJ[\w-]+\.[\w-]+\.")


@pytest.fixture
async def group() -> AsyncIterator[Federation]:
    async with federation() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _no_signature_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert not _JWS.search(log_texts(caplog.get_records("call")))


@pytest.fixture
async def scene(group: Federation) -> Scene:
    hosted = await group.host(PROVIDER, services=offering(SERVICE))
    return Scene(group, hosted, await group.foreign())


@pytest.fixture
async def agreeable(group: Federation) -> Scene:
    """The same, but our Peer is a Directory and accepts everything."""
    hosted = await group.host(PROVIDER, services=offering(SERVICE), directory=True, accept=(accepting(*ALL_GRANTS),))
    return Scene(group, hosted, await group.foreign())
