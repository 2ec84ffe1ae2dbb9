"""The part of the log port's definition that is about appending, finding and deleting."""

import asyncio

import pytest

from storage.errors import InvalidCursor, StoreUnavailable
from storage.log import AnyKey, KeyIn, Log, LogEntry, LogQuery, LogStore
from tests.conformance.samples import CALLS, OTHER_TENANT, TENANT, VISITS, call, entry_ids, refused


class UsingLogs:
    """Tests that need the fixtures of `LogStoreSuite`."""

    # Appending

    async def test_what_is_appended_is_found_as_it_was(self, log: Log) -> None:
        entries = [
            LogEntry("a", 2**62, {"transaction": "t", "peer": None, "note": "é𝄞\0"}, {"deep": {"list": [1, None]}}),
            LogEntry("b", -5, {"transaction": "", "peer": "p", "note": None}),
        ]
        await log.append(entries)
        assert (await log.find(LogQuery())).entries == tuple(entries)

    async def test_append_of_nothing_is_nothing(self, log: Log) -> None:
        await log.append([])
        assert (await log.find(LogQuery())).entries == ()

    async def test_a_large_body_is_kept(self, log: Log) -> None:
        large = call("a", 1, body={"text": "é" * 1_000_000})
        await log.append([large])
        assert (await log.find(LogQuery())).entries == (large,)

    async def test_what_the_caller_does_to_an_entry_does_not_reach_the_log(self, log: Log) -> None:
        body = {"list": [1]}
        keys: dict[str, str | None] = {"transaction": "t", "peer": "p", "note": None}
        await log.append([LogEntry("a", 1, keys, body)])
        body["list"].append(2)
        keys["peer"] = "changed"
        (found,) = (await log.find(LogQuery())).entries
        found.body["list"].append(3)
        (again,) = (await log.find(LogQuery())).entries
        assert again == LogEntry("a", 1, {"transaction": "t", "peer": "p", "note": None}, {"list": [1]})

    @pytest.mark.parametrize(
        "entry",
        [
            LogEntry("a", 1, {"transaction": "t", "peer": "p"}),
            LogEntry("a", 1, {"transaction": "t", "peer": "p", "note": "n", "more": "m"}),
            LogEntry("a", 1, {"transaction": "t", "peer": "p", "more": "m"}),
            LogEntry("a", 2**63, {"transaction": "t", "peer": "p", "note": None}),
            LogEntry("\ud800", 1, {"transaction": "t", "peer": "p", "note": None}),
            LogEntry("a", 1, {"transaction": "\ud800", "peer": "p", "note": None}),
            LogEntry("a", 1, {"transaction": "t", "peer": "p", "note": None}, {"x": float("nan")}),
            LogEntry("a", 1, {"transaction": "t", "peer": "p", "note": None}, {"x": "\ud800"}),
        ],
        ids=lambda entry: ascii(entry)[:70],
    )
    async def test_an_entry_that_cannot_be_kept_is_refused_with_its_company(self, log: Log, entry: LogEntry) -> None:
        with refused():
            await log.append([call("good", 1), entry])
        assert (await log.find(LogQuery())).entries == ()

    async def test_a_writer_appends_what_it_was_given_and_tells(self, log: Log) -> None:
        body = {"list": [1]}
        write = log.writer({"transaction": None, "peer": "é"}, body, varying="note")
        body["list"].append(2)
        told: asyncio.Queue[StoreUnavailable | None] = asyncio.Queue()
        for number in range(20):
            write(number, f"n{number}", told.put_nowait)
        assert [await told.get() for _ in range(20)] == [None] * 20
        assert (await log.find(LogQuery(ascending=True))).entries == tuple(
            LogEntry("", number, {"transaction": None, "peer": "é", "note": f"n{number}"}, {"list": [1]})
            for number in range(20)
        )
        assert told.empty()

    async def test_what_a_writer_cannot_write_is_refused(self, log: Log) -> None:
        for keys, varying in (
            ({"transaction": "t"}, "note"),
            ({"transaction": "t", "peer": "p", "note": "n"}, "note"),
            ({"transaction": "t", "peer": "p", "note": "n"}, "unknown"),
            ({"transaction": "\ud800", "peer": "p"}, "note"),
        ):
            with refused():
                log.writer(keys, {}, varying=varying)
        with refused():
            log.writer({"transaction": "t", "peer": "p"}, {"x": float("nan")}, varying="note")
        write = log.writer({"transaction": "t", "peer": "p"}, {}, varying="note")
        told: list[StoreUnavailable | None] = []
        with refused():
            write(1, "\ud800", told.append)
        assert told == []
        assert (await log.find(LogQuery())).entries == ()

    async def test_everything_appended_at_once_is_there(self, opened: LogStore, neighbour: LogStore) -> None:
        async def append(store: LogStore, name: str) -> None:
            log = store.for_tenant(TENANT, CALLS)
            for number in range(10):
                await log.append([call(f"{name}-{number}-{half}", number) for half in "ab"])

        async with asyncio.TaskGroup() as tasks:
            for writer in range(10):
                tasks.create_task(append((opened, neighbour)[writer % 2], str(writer)))
        for store in (opened, neighbour):
            found = await store.for_tenant(TENANT, CALLS).find(LogQuery(limit=1_000, ascending=True))
            assert len({one.id for one in found.entries}) == len(found.entries) == 200
            assert [one.at_ms for one in found.entries] == sorted(one.at_ms for one in found.entries)

    async def test_a_cancelled_append_does_not_touch_the_others(self, log: Log) -> None:
        async with asyncio.TaskGroup() as tasks:
            appends = [tasks.create_task(log.append([call(f"e{n}", n)])) for n in range(10)]
            await asyncio.sleep(0)
            appends[3].cancel()
        found = {one.id for one in (await log.find(LogQuery())).entries}
        assert {f"e{number}" for number in range(10) if number != 3} <= found

    # Finding

    async def test_newest_first_and_of_one_instant_the_last_to_arrive(self, log: Log) -> None:
        for name, at_ms in (("a", 5), ("b", 1), ("c", 5), ("d", 9), ("e", 5)):
            await log.append([call(name, at_ms)])
        await log.append([call("f", 5), call("g", 5)])
        assert await entry_ids(log, LogQuery()) == ["d", "g", "f", "e", "c", "a", "b"]
        assert await entry_ids(log, LogQuery(ascending=True)) == ["b", "a", "c", "e", "f", "g", "d"]

    @pytest.mark.parametrize(
        ("query", "expected"),
        [
            (LogQuery(), "hgfedcba"),
            (LogQuery(after_ms=3), "hgfe"),
            (LogQuery(before_ms=3), "cba"),
            (LogQuery(after_ms=1, before_ms=4), "dc"),
            (LogQuery(after_ms=9), ""),
            (LogQuery((KeyIn("transaction", ("t1",)),)), "hfdb"),
            (LogQuery((KeyIn("transaction", ("t0", "t1", "none")),), limit=3), "hgf"),
            (LogQuery((KeyIn("transaction", ()),)), ""),
            (LogQuery((KeyIn("note", ("n3", "n4")),)), "ed"),
            (LogQuery((KeyIn("peer", ("p0",)),), ascending=True), "adg"),
            (LogQuery((KeyIn("transaction", ("t1",)), KeyIn("peer", ("p0",)))), "d"),
            (LogQuery((AnyKey((KeyIn("transaction", ("t1",)), KeyIn("peer", ("p0",)))),)), "hgfdba"),
            (LogQuery((AnyKey((KeyIn("note", ("n0",)), KeyIn("peer", ("p1",)))), KeyIn("transaction", ("t0",)))), "ea"),
            (LogQuery((AnyKey(()),)), ""),
            (LogQuery((AnyKey((KeyIn("note", ()),)),)), ""),
            (LogQuery((KeyIn("transaction", ("t1",)),), after_ms=1, before_ms=7), "fd"),
            (LogQuery((KeyIn("transaction", ("T1", "t1 ")),)), ""),
        ],
        ids=repr,
    )
    async def test_every_condition(self, log: Log, query: LogQuery, expected: str) -> None:
        for number, name in enumerate("abcdefgh"):
            keys = {"transaction": f"t{number % 2}", "peer": f"p{number % 3}", "note": f"n{number}"}
            await log.append([LogEntry(name, number, keys)])
        assert await entry_ids(log, query) == list(expected)

    async def test_an_absent_key_is_no_value(self, log: Log) -> None:
        await log.append([LogEntry("a", 1, {"transaction": None, "peer": "None", "note": ""})])
        assert await entry_ids(log, LogQuery((KeyIn("transaction", ("", "None", "null")),))) == []

    @pytest.mark.parametrize("ascending", [False, True])
    @pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
    async def test_pages_are_the_listing(
        self, opened: LogStore, neighbour: LogStore, ascending: bool, limit: int
    ) -> None:
        for number in range(12):
            store = (opened, neighbour)[number % 2]
            await store.for_tenant(TENANT, CALLS).append([call(f"e{number}", number // 5)])
        log = opened.for_tenant(TENANT, CALLS)
        listing = await entry_ids(log, LogQuery(ascending=ascending))
        assert sorted(listing) == sorted(f"e{number}" for number in range(12))
        assert await all_pages(log, LogQuery(ascending=ascending, limit=limit)) == listing
        where = (KeyIn("transaction", ("t",)),)
        assert await all_pages(log, LogQuery(where, ascending=ascending, limit=limit)) == listing

    async def test_older_pages_are_not_moved_by_newer_entries(self, log: Log) -> None:
        await log.append([call(f"e{number}", number) for number in range(6)])
        page = await log.find(LogQuery(limit=2))
        await log.append([call("new", 9)])
        await log.append([call("late", 2)])
        rest = await log.find(LogQuery(cursor=page.next_cursor))
        assert [one.id for one in rest.entries] == ["e3", "late", "e2", "e1", "e0"]

    async def test_a_cursor_may_outlive_its_entry(self, log: Log) -> None:
        await log.append([call(f"e{number}", number) for number in range(6)])
        page = await log.find(LogQuery(ascending=True, limit=3))
        await log.delete_before(4)
        rest = await log.find(LogQuery(ascending=True, cursor=page.next_cursor))
        assert [one.id for one in rest.entries] == ["e4", "e5"]

    async def test_only_a_cursor_of_this_listing_is_taken(self, opened: LogStore, log: Log) -> None:
        await log.append([call(f"e{number}", number) for number in range(6)])
        cursor = (await log.find(LogQuery(limit=2))).next_cursor
        assert cursor.isascii()
        assert all(sign.isalnum() or sign in "-_" for sign in cursor)
        for wrong in (
            cursor[:-1],
            cursor + "A",
            cursor + "=",
            cursor.swapcase(),
            "x",
            "\0",
            "\ud800",
            "é",
            "A" * 5_000,
        ):
            with pytest.raises(InvalidCursor):
                await log.find(LogQuery(cursor=wrong))
        with pytest.raises(InvalidCursor):
            await log.find(LogQuery(ascending=True, cursor=cursor))
        with pytest.raises(InvalidCursor):
            await opened.for_tenant(OTHER_TENANT, CALLS).find(LogQuery(cursor=cursor))
        with pytest.raises(InvalidCursor):
            await opened.for_tenant(TENANT, VISITS).find(LogQuery(cursor=cursor))

    @pytest.mark.parametrize(
        "query",
        [
            LogQuery((KeyIn("undeclared", ("x",)),)),
            LogQuery((KeyIn("who", ("x",)),)),
            LogQuery((AnyKey((KeyIn("peer", ("x",)), KeyIn("undeclared", ()))),)),
            LogQuery((KeyIn("peer", ("\ud800",)),)),
            LogQuery((KeyIn("peer", tuple(f"{number}" for number in range(10_001))),)),
            LogQuery(tuple(KeyIn("peer", ("x",)) for _ in range(201))),
            LogQuery(limit=0),
            LogQuery(limit=10_001),
            LogQuery(after_ms=2**63),
            LogQuery(before_ms=-(2**63) - 1),
        ],
        ids=lambda query: ascii(query)[:60],
    )
    async def test_impossible_queries_are_refused(self, log: Log, query: LogQuery) -> None:
        with refused():
            await log.find(query)

    async def test_the_largest_query_is_answered(self, log: Log) -> None:
        await log.append([call("a", 1)])
        many = ("t", *(str(number) for number in range(9_999)))
        assert await entry_ids(log, LogQuery((KeyIn("transaction", many),), limit=10_000)) == ["a"]
        assert await entry_ids(log, LogQuery((AnyKey(tuple(KeyIn("transaction", ("t",)) for _ in range(200))),))) == [
            "a"
        ]

    # Deleting

    async def test_delete_before_removes_what_is_older(self, opened: LogStore, neighbour: LogStore) -> None:
        for store, names in ((opened, "aceg"), (neighbour, "bdfh")):
            await store.for_tenant(TENANT, CALLS).append([call(name, ord(name) - ord("a")) for name in names])
            await store.for_tenant(OTHER_TENANT, CALLS).append([call("other", 0)])
            await store.for_tenant(TENANT, VISITS).append([LogEntry("visit", 0, {"who": None})])
        log = opened.for_tenant(TENANT, CALLS)
        assert await log.delete_before(3) == 3
        assert await entry_ids(log, LogQuery()) == list("hgfed")
        assert await log.delete_before(3) == 0
        assert await entry_ids(opened.for_tenant(OTHER_TENANT, CALLS), LogQuery()) == ["other", "other"]
        assert await entry_ids(opened.for_tenant(TENANT, VISITS), LogQuery()) == ["visit", "visit"]

    async def test_delete_before_removes_no_more_than_most_and_the_oldest_first(
        self, opened: LogStore, log: Log
    ) -> None:
        await log.append([call(str(number), number) for number in (3, 1, 4, 0, 2)])
        assert await log.delete_before(4, most=3) == 3
        assert await entry_ids(log, LogQuery()) == ["4", "3"]
        assert await log.delete_before(4, most=3) == 1
        assert await log.delete_before(4, most=0) == 0

    async def test_delete_before_removes_thousands(self, log: Log) -> None:
        await log.append([call(str(number), number) for number in range(2_500)])
        assert await log.delete_before(2_400) == 2_400
        assert len(await entry_ids(log, LogQuery(limit=10_000))) == 100


async def all_pages(log: Log, query: LogQuery) -> list[str]:
    found: list[str] = []
    cursor = ""
    while not found or cursor:
        page = await log.find(
            LogQuery(query.where, query.after_ms, query.before_ms, query.ascending, query.limit, cursor)
        )
        assert len(page.entries) == query.limit or not page.next_cursor
        found += [one.id for one in page.entries]
        cursor = page.next_cursor
    return found
