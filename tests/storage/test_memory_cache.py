import pytest

from storage.errors import StoreUnavailable
from storage.listeners import LISTENER_BACKLOG
from storage.memory_cache import MemoryCache


class Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_a_full_cache_forgets_what_has_ended_before_the_oldest() -> None:
    time = Time()
    cache = MemoryCache(max_entries=10, monotonic=time)
    for number in range(9):
        await cache.put(f"k{number}", b"v", ttl_s=100)
    await cache.put("ended", b"v", ttl_s=1)
    time.now = 2
    await cache.put("k9", b"v", ttl_s=100)
    assert [await cache.get(f"k{number}") for number in range(10)] == [b"v"] * 10
    await cache.put("k10", b"v", ttl_s=100)
    assert await cache.get("k0") is None
    assert await cache.get("k10") == b"v"


async def test_a_cache_never_holds_more_than_its_bound() -> None:
    cache = MemoryCache(max_entries=20)
    for number in range(100):
        await cache.put(str(number), b"v", ttl_s=100)
        assert sum([await cache.get(str(one)) is not None for one in range(number + 1)]) <= 20
        assert await cache.get(str(number)) == b"v"


async def test_replacing_a_value_in_a_full_cache_forgets_no_other() -> None:
    cache = MemoryCache(max_entries=2)
    await cache.put("a", b"1", ttl_s=100)
    await cache.put("b", b"1", ttl_s=100)
    await cache.put("a", b"2", ttl_s=100)
    assert [await cache.get("a"), await cache.get("b")] == [b"2", b"1"]


async def test_one_who_lags_too_far_is_told_and_others_are_not_held_up() -> None:
    cache = MemoryCache()
    async with cache.subscribe("news") as slow:
        for number in range(LISTENER_BACKLOG):
            await cache.publish("news", b"%d" % number)
        async with cache.subscribe("news") as quick:
            await cache.publish("news", b"one too many")
            await cache.publish("news", b"next")
            assert [await anext(quick), await anext(quick)] == [b"one too many", b"next"]
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="lost"):
                await anext(slow)
    async with cache.subscribe("news") as again:
        await cache.publish("news", b"fresh")
        assert await anext(again) == b"fresh"


async def test_a_backlog_within_the_bound_is_kept() -> None:
    cache = MemoryCache()
    async with cache.subscribe("news") as messages:
        for number in range(LISTENER_BACKLOG):
            await cache.publish("news", b"%d" % number)
        assert [await anext(messages) for _ in range(LISTENER_BACKLOG)] == [b"%d" % n for n in range(LISTENER_BACKLOG)]
