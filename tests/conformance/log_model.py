"""Logs against a model: generated appends, deletions and queries, on the store and on a plain list, must agree."""

import uuid
from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.log import AnyKey, KeyIn, Log, LogCondition, LogEntry, LogQuery, LogStore
from tests.conformance.samples import CALLS

texts = st.sampled_from(["", "a", "A", "é", "\0", "%", "\U00010000"])
instants = st.integers(-2, 5)
keys = st.fixed_dictionaries({key: st.none() | texts for key in CALLS.keys})
entries = st.builds(LogEntry, st.uuids().map(str), instants, keys, st.dictionaries(texts, st.integers(), max_size=1))
appends = st.lists(entries, min_size=1, max_size=4)

in_keys = st.builds(KeyIn, st.sampled_from(CALLS.keys), st.lists(texts, max_size=3).map(tuple))
conditions: st.SearchStrategy[LogCondition] = in_keys | st.builds(AnyKey, st.lists(in_keys, max_size=3).map(tuple))
queries = st.builds(
    LogQuery,
    where=st.lists(conditions, max_size=2).map(tuple),
    after_ms=st.none() | instants,
    before_ms=st.none() | instants,
    ascending=st.booleans(),
    limit=st.integers(1, 5),
)


def holds(condition: LogCondition, entry: LogEntry) -> bool:
    if isinstance(condition, AnyKey):
        return any(holds(one, entry) for one in condition.conditions)
    return entry.keys[condition.key] in condition.values


def expected(arrived: list[LogEntry], query: LogQuery) -> list[LogEntry]:
    found = [
        entry
        for entry in sorted(arrived, key=lambda entry: entry.at_ms)
        if all(holds(condition, entry) for condition in query.where)
        and (query.after_ms is None or query.after_ms < entry.at_ms)
        and (query.before_ms is None or entry.at_ms < query.before_ms)
    ]
    return found if query.ascending else found[::-1]


class LogAgainstModel:
    """Tests that need the fixtures of `LogStoreSuite`."""

    # Each example has a tenant of its own; one back end's failing example is worth trying on the other.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(steps=st.lists(appends | instants, max_size=8), asked=st.lists(queries, min_size=1, max_size=4))
    async def test_it_does_what_the_model_does(
        self, opened: LogStore, steps: list[list[LogEntry] | int], asked: list[LogQuery]
    ) -> None:
        log = opened.for_tenant(uuid.uuid4().hex, CALLS)
        arrived: list[LogEntry] = []
        for step in steps:
            if isinstance(step, int):
                kept = [entry for entry in arrived if entry.at_ms >= step]
                assert await log.delete_before(step) == len(arrived) - len(kept)
                arrived = kept
            else:
                await log.append(step)
                arrived += step
        for query in asked:
            assert await listing(log, query) == expected(arrived, query)


async def listing(log: Log, query: LogQuery) -> list[LogEntry]:
    page = await log.find(query)
    found = list(page.entries)
    while page.next_cursor:
        assert len(page.entries) == query.limit
        page = await log.find(replace(query, cursor=page.next_cursor))
        found += page.entries
    return found
