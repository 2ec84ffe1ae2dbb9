"""`storage.listeners`: the conformance suite of caches shows what listening means; here is what its limits do."""

import pytest

from storage.errors import StoreUnavailable
from storage.listeners import LISTENER_BACKLOG, Listeners


def always() -> None:
    """It serves."""


async def test_one_who_lags_too_far_is_told_and_others_are_not_held_up() -> None:
    listeners = Listeners(always)
    async with listeners.listen("news") as slow:
        for number in range(LISTENER_BACKLOG):
            listeners.tell("news", b"%d" % number)
        async with listeners.listen("news") as quick:
            listeners.tell("news", b"one too many")
            listeners.tell("news", b"next")
            assert [await anext(quick), await anext(quick)] == [b"one too many", b"next"]
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="lost"):
                await anext(slow)


async def test_a_loss_is_told_to_all_and_an_end_too() -> None:
    listeners = Listeners(always)
    async with listeners.listen("one") as one, listeners.listen("two") as two:
        listeners.tell("one", b"unread")
        listeners.lose()
        for lost in (one, two):
            with pytest.raises(StoreUnavailable):
                await anext(lost)
    async with listeners.listen("one") as again:
        listeners.tell("one", b"last")
        listeners.end()
        assert [message async for message in again] == [b"last"]


async def test_nobody_begins_to_listen_where_nothing_can_be_heard() -> None:
    def closed() -> None:
        raise StoreUnavailable("closed")

    with pytest.raises(StoreUnavailable):
        async with Listeners(closed).listen("news"):
            pytest.fail("it is closed")
