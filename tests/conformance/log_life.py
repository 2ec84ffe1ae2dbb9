"""The part of the log port's definition that is about tenants and kinds, opening and closing, and failure."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from storage.errors import StoreUnavailable
from storage.log import AnyKey, KeyIn, Log, LogEntry, LogKind, LogQuery, LogStore
from tests.conformance.samples import (
    CALLS,
    KINDS,
    OTHER_TENANT,
    TENANT,
    VISITS,
    LogBackend,
    call,
    entry_ids,
    refused,
)


class LivingWithLogs:
    """Tests that need the fixtures of `LogStoreSuite`."""

    # Tenants and kinds

    async def test_tenants_and_kinds_are_apart(self, opened: LogStore) -> None:
        await opened.for_tenant(TENANT, CALLS).append([call("mine", 1)])
        await opened.for_tenant(OTHER_TENANT, CALLS).append([call("theirs", 1)])
        await opened.for_tenant(TENANT, VISITS).append([LogEntry("visit", 1, {"who": "t"})])
        everything = LogQuery((AnyKey((KeyIn("transaction", ("t",)), KeyIn("peer", ("p",)))),))
        for query in (LogQuery(), everything, LogQuery((KeyIn("transaction", ("t",)),))):
            assert await entry_ids(opened.for_tenant(TENANT, CALLS), query) == ["mine"]
            assert await entry_ids(opened.for_tenant(OTHER_TENANT, CALLS), query) == ["theirs"]
            assert await entry_ids(opened.for_tenant("third", CALLS), query) == []
        assert await entry_ids(opened.for_tenant(TENANT, VISITS), LogQuery((KeyIn("who", ("t",)),))) == ["visit"]

    # Opening, closing, failing

    async def test_what_was_appended_is_there_after_a_restart(self, backend: LogBackend) -> None:
        first = backend.handle()
        await first.open(KINDS)
        await first.for_tenant(TENANT, CALLS).append([call("a", 1)])
        await first.close()
        second = backend.handle()
        await second.open(KINDS)
        assert await entry_ids(second.for_tenant(TENANT, CALLS), LogQuery()) == ["a"]
        await second.for_tenant(TENANT, CALLS).append([call("b", 1)])
        assert await entry_ids(second.for_tenant(TENANT, CALLS), LogQuery()) == ["b", "a"]
        await second.close()

    async def test_open_can_be_repeated_also_after_close(self, opened: LogStore, log: Log) -> None:
        await log.append([call("a", 1)])
        await opened.open(KINDS)
        assert await entry_ids(log, LogQuery()) == ["a"]
        await opened.close()
        await opened.close()
        await opened.open(KINDS)
        assert await entry_ids(log, LogQuery()) == ["a"]

    async def test_logs_opened_at_once_agree(self, backend: LogBackend) -> None:
        stores = [backend.handle() for _ in range(4)]
        await asyncio.gather(*(store.open(KINDS) for store in stores))
        for number, store in enumerate(stores):
            await store.for_tenant(TENANT, CALLS).append([call(str(number), number)])
        for store in stores:
            assert await entry_ids(store.for_tenant(TENANT, CALLS), LogQuery()) == ["3", "2", "1", "0"]
        for store in stores:
            await store.close()

    async def test_newly_declared_keys_and_kinds_can_be_searched(self, backend: LogBackend) -> None:
        old, new = LogKind("grows", ("a",)), LogKind("grows", ("a", "b"), ("b",))
        first, idle = backend.handle(), backend.handle()
        await first.open([old])
        await first.for_tenant(TENANT, old).append([LogEntry("old", 1, {"a": "x"})])
        await idle.open([old])
        second = backend.handle()
        await second.open([new, VISITS])
        await second.for_tenant(TENANT, new).append([LogEntry("new", 2, {"a": "x", "b": "y"})])
        log = second.for_tenant(TENANT, new)
        assert (await log.find(LogQuery())).entries == (
            LogEntry("new", 2, {"a": "x", "b": "y"}),
            LogEntry("old", 1, {"a": "x", "b": None}),
        )
        assert await entry_ids(log, LogQuery((KeyIn("b", ("y",)),))) == ["new"]
        assert await entry_ids(second.for_tenant(TENANT, VISITS), LogQuery()) == []
        for store in (first, idle, second):
            await store.close()

    @pytest.mark.parametrize(
        "kinds",
        [
            (LogKind("a", ("x",)), LogKind("a", ("y",))),
            (LogKind("a", ("x",)), LogKind("A", ("x",))),
            (LogKind("a", ("x", "X")),),
            (LogKind("a", ("x", "x")),),
            (LogKind("a", ("x",), ("y",)),),
            (LogKind("", ("x",)),),
            (LogKind('a"b', ("x",)),),
            (LogKind("a", ('x"',)),),
        ],
        ids=repr,
    )
    async def test_contradicting_or_unusable_declarations_are_refused(
        self, backend: LogBackend, kinds: tuple[LogKind, ...]
    ) -> None:
        with refused():
            await backend.handle().open(kinds)

    async def test_undeclared_kinds_are_refused(self, opened: LogStore) -> None:
        for stranger in (LogKind("unknown", ()), LogKind("calls", ("transaction",))):
            for use in uses_of(opened.for_tenant(TENANT, stranger)):
                with refused():
                    await use()
        with refused():
            opened.for_tenant("\ud800", CALLS)

    async def test_after_close_every_method_is_unavailable(self, opened: LogStore, log: Log) -> None:
        await opened.close()
        for use in [*uses_of(log), opened.ping]:
            with pytest.raises(StoreUnavailable):
                await use()

    async def test_a_writer_tells_that_the_log_cannot_be_written(
        self, backend: LogBackend, opened: LogStore, log: Log
    ) -> None:
        write = log.writer({"transaction": "t", "peer": "p"}, {}, varying="note")
        told: asyncio.Queue[StoreUnavailable | None] = asyncio.Queue()
        backend.break_down()
        write(1, "never", told.put_nowait)
        assert isinstance(await told.get(), StoreUnavailable)
        backend.mend()
        write(2, "mended", told.put_nowait)
        assert await told.get() is None
        await opened.close()
        write(3, "never", told.put_nowait)
        assert isinstance(told.get_nowait(), StoreUnavailable)
        await opened.open(KINDS)
        assert [one.at_ms for one in (await log.find(LogQuery())).entries] == [2]

    async def test_close_finishes_what_was_accepted(self, opened: LogStore, log: Log) -> None:
        async with asyncio.TaskGroup() as tasks:
            for number in range(20):
                tasks.create_task(log.append([call(str(number), number)]))
            await asyncio.sleep(0)
            await opened.close()
        await opened.open(KINDS)
        assert len(await entry_ids(log, LogQuery())) == 20

    async def test_ping_is_silent_when_all_is_well(self, opened: LogStore) -> None:
        await opened.ping()

    async def test_when_the_back_end_fails_every_method_is_unavailable_until_it_is_mended(
        self, backend: LogBackend, opened: LogStore, log: Log
    ) -> None:
        await log.append([call("before", 1)])
        backend.break_down()
        for use in [*uses_of(log), opened.ping]:
            with pytest.raises(StoreUnavailable):
                await use()
        backend.mend()
        await opened.ping()
        await log.append([call("after", 2)])
        assert await entry_ids(log, LogQuery()) == ["after", "before"]


def uses_of(log: Log) -> Sequence[Callable[[], Awaitable[object]]]:
    """Every method, each as one call."""
    return (
        lambda: log.append([call("never", 1)]),
        lambda: log.find(LogQuery()),
        lambda: log.delete_before(2),
    )
