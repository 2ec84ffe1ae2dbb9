"""The definition of the cache port: a back end is one when a small subclass of `CacheSuite` passes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from storage.cache import Cache
from storage.errors import StoreUnavailable
from tests.conformance.samples import CacheBackend

SOON_S = 5


class CacheSuite:
    """Subclasses give the fixture `backend`; they may add tests of their own, and take none away."""

    @pytest.fixture
    def backend(self) -> CacheBackend:
        # Meant to fail: a subclass that names no back end has nothing to run the suite on.
        raise NotImplementedError

    @pytest.fixture
    async def cache(self, backend: CacheBackend) -> AsyncIterator[Cache]:
        cache = backend.handle()
        yield cache
        await cache.close()

    @pytest.fixture
    async def neighbour(self, backend: CacheBackend, cache: Cache) -> AsyncIterator[Cache]:
        """What another process holds at the same time."""
        cache = backend.handle()
        yield cache
        await cache.close()

    # Values

    async def test_an_absent_key_has_no_value(self, cache: Cache) -> None:
        assert await cache.get("absent") is None

    @pytest.mark.parametrize("value", [b"", b"\0\xff", b"x" * 1_000_000], ids=len)
    async def test_a_value_is_kept_for_all(self, cache: Cache, neighbour: Cache, value: bytes) -> None:
        await cache.put("key é:*", value, ttl_s=60)
        assert await cache.get("key é:*") == value
        assert await neighbour.get("key é:*") == value

    async def test_a_value_is_replaced(self, cache: Cache) -> None:
        await cache.put("key", b"one", ttl_s=60)
        await cache.put("key", b"two", ttl_s=60)
        assert await cache.get("key") == b"two"

    async def test_delete_forgets_and_can_be_repeated(self, cache: Cache) -> None:
        await cache.put("key", b"one", ttl_s=60)
        await cache.delete("key")
        await cache.delete("key")
        assert await cache.get("key") is None

    async def test_a_value_ends_at_its_time(self, backend: CacheBackend, cache: Cache) -> None:
        await cache.put("short", b"s", ttl_s=0.2)
        await cache.put("long", b"l", ttl_s=60)
        assert await cache.get("short") == b"s"
        await backend.pass_time(0.3)
        assert await cache.get("short") is None
        assert await cache.get("long") == b"l"

    async def test_a_replaced_value_has_the_new_time(self, backend: CacheBackend, cache: Cache) -> None:
        await cache.put("longer", b"1", ttl_s=0.2)
        await cache.put("longer", b"2", ttl_s=60)
        await cache.put("shorter", b"1", ttl_s=60)
        await cache.put("shorter", b"2", ttl_s=0.2)
        await backend.pass_time(0.3)
        assert await cache.get("longer") == b"2"
        assert await cache.get("shorter") is None

    @pytest.mark.parametrize("ttl_s", [0, -1])
    async def test_no_time_to_live_is_no_value(self, cache: Cache, ttl_s: float) -> None:
        await cache.put("key", b"old", ttl_s=60)
        await cache.put("key", b"new", ttl_s=ttl_s)
        assert await cache.get("key") is None

    # Messages

    async def test_messages_arrive_in_order_at_all_who_listen(self, cache: Cache, neighbour: Cache) -> None:
        async with (
            cache.subscribe("news") as one,
            neighbour.subscribe("news") as two,
            cache.subscribe("other") as other,
        ):
            sent = [b"", b"\0\xff", *(str(number).encode() for number in range(50))]
            for number, message in enumerate(sent):
                await (cache, neighbour)[number % 2].publish("news", message)
            await cache.publish("other", b"other")
            # Two senders are not ordered among each other on every back end; each by itself is.
            for listener in (one, two):
                received = [await soon(listener) for _ in sent]
                assert [message for message in received if message in sent[::2]] == sent[::2]
                assert [message for message in received if message in sent[1::2]] == sent[1::2]
            assert await soon(other) == b"other"

    async def test_what_was_published_before_is_not_heard(self, cache: Cache) -> None:
        await cache.publish("news", b"early")
        async with cache.subscribe("news") as messages:
            await cache.publish("news", b"now")
            assert await soon(messages) == b"now"

    async def test_one_who_waits_is_woken(self, cache: Cache) -> None:
        async with cache.subscribe("news") as messages, asyncio.TaskGroup() as tasks:
            waiting = tasks.create_task(soon(messages))
            await asyncio.sleep(0.01)
            assert not waiting.done()
            await cache.publish("news", b"now")
        assert waiting.result() == b"now"

    async def test_publishing_to_nobody_is_no_error(self, cache: Cache) -> None:
        async with cache.subscribe("news"):
            pass
        await cache.publish("news", b"unheard")
        await cache.publish("never", b"unheard")

    async def test_listening_can_be_left_and_entered_again(self, cache: Cache) -> None:
        for number in range(3):
            async with cache.subscribe("news") as messages:
                await cache.publish("news", str(number).encode())
                assert await soon(messages) == str(number).encode()

    async def test_one_who_is_cancelled_disturbs_no_other(self, cache: Cache) -> None:
        async def listen() -> None:
            async with cache.subscribe("news") as messages:
                await anext(messages)

        async with cache.subscribe("news") as others, asyncio.TaskGroup() as tasks:
            cancelled = tasks.create_task(listen())
            await asyncio.sleep(0.01)
            cancelled.cancel()
            await asyncio.sleep(0.01)
            await cache.publish("news", b"now")
            assert await soon(others) == b"now"

    # Closing, failing

    async def test_after_close_every_method_is_unavailable(self, cache: Cache) -> None:
        await cache.close()
        await cache.close()
        await all_unavailable(cache)

    async def test_closing_ends_the_messages(self, cache: Cache) -> None:
        async with cache.subscribe("news") as messages:
            await cache.publish("news", b"last")
            assert await soon(messages) == b"last"
            await cache.close()
            assert [message async for message in messages] == []

    async def test_when_the_back_end_fails_every_method_is_unavailable_until_it_is_mended(
        self, backend: CacheBackend, cache: Cache
    ) -> None:
        backend.break_down()
        await all_unavailable(cache)
        backend.mend()
        await cache.put("key", b"value", ttl_s=60)
        assert await cache.get("key") == b"value"
        async with cache.subscribe("news") as messages:
            await cache.publish("news", b"now")
            assert await soon(messages) == b"now"

    async def test_one_who_listens_is_told_that_messages_may_be_lost(self, backend: CacheBackend, cache: Cache) -> None:
        async with cache.subscribe("news") as messages:
            backend.break_down()
            for _ in range(2):
                with pytest.raises(StoreUnavailable):
                    await soon(messages)


async def soon(messages: AsyncIterator[bytes]) -> bytes:
    """The next message, which must come."""
    async with asyncio.timeout(SOON_S):
        return await anext(messages)


async def all_unavailable(cache: Cache) -> None:
    async def listen() -> None:
        async with cache.subscribe("news"):
            pass

    uses: Sequence[Callable[[], Awaitable[object]]] = (
        lambda: cache.get("key"),
        lambda: cache.put("key", b"", ttl_s=1),
        lambda: cache.delete("key"),
        lambda: cache.publish("news", b""),
        listen,
    )
    for use in uses:
        with pytest.raises(StoreUnavailable):
            await use()
