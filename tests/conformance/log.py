"""The definition of the log port: a back end is one when a small subclass of `LogStoreSuite` passes."""

from collections.abc import AsyncIterator

import pytest

from storage.log import Log, LogStore
from tests.conformance.log_life import LivingWithLogs
from tests.conformance.log_model import LogAgainstModel
from tests.conformance.log_use import UsingLogs
from tests.conformance.samples import CALLS, KINDS, TENANT, LogBackend


class LogStoreSuite(UsingLogs, LivingWithLogs, LogAgainstModel):
    """Subclasses give the fixture `backend`; they may add tests of their own, and take none away."""

    @pytest.fixture
    def backend(self) -> LogBackend:
        # Meant to fail: a subclass that names no back end has nothing to run the suite on.
        raise NotImplementedError

    @pytest.fixture
    async def opened(self, backend: LogBackend) -> AsyncIterator[LogStore]:
        store = backend.handle()
        await store.open(KINDS)
        yield store
        await store.close()

    @pytest.fixture
    async def neighbour(self, backend: LogBackend, opened: LogStore) -> AsyncIterator[LogStore]:
        """What another worker has open at the same time."""
        store = backend.handle()
        await store.open(KINDS)
        yield store
        await store.close()

    @pytest.fixture
    def log(self, opened: LogStore) -> Log:
        return opened.for_tenant(TENANT, CALLS)
