"""A Group of its own for every test; nothing that is logged may hold a signature or a token."""

import logging
import re
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.gateway.harness import Federation, federation, log_texts

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
