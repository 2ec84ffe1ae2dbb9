"""The cache suite on every embedded back end."""

import pytest

from storage.cache import Cache
from storage.memory import MemoryCache
from tests.conformance.cache import CacheSuite
from tests.conformance.samples import CacheBackend


class MemoryBackend:
    """One object is the place; all handles are that object. Its time is what the test says."""

    def __init__(self) -> None:
        self._now = 1_000.0
        self._cache = MemoryCache(monotonic=lambda: self._now)

    def handle(self) -> Cache:
        return self._cache

    async def pass_time(self, seconds: float) -> None:
        self._now += seconds

    def break_down(self) -> None:
        self._cache.available = False

    def mend(self) -> None:
        self._cache.available = True


class TestMemoryCache(CacheSuite):
    @pytest.fixture
    def backend(self) -> CacheBackend:
        return MemoryBackend()
