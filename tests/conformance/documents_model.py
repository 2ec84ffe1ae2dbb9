"""Documents against a model: generated writes and queries, on the store and on plain dicts, must agree."""

import operator
import uuid
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.documents import (
    AnyElement,
    AnyOf,
    Condition,
    Contains,
    Delete,
    Documents,
    DocumentStore,
    Eq,
    In,
    Put,
    Query,
    Range,
    Revision,
    Scalar,
    Sort,
)
from storage.errors import Conflict
from tests.conformance.samples import PEOPLE

# Few values, so that they meet; odd ones among them.
texts = st.sampled_from(
    ["", "a", "A", "ab", "é", "É", "ß", "SS", "%", "_", "\0", "a\0b", "\uffff", "\U00010000", "\U0010ffff"]
)
numbers = st.sampled_from([0, 1, -1, 1.5, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 1e300, -1e300, 5e-324])
scalars: st.SearchStrategy[Scalar] = st.one_of(st.none(), st.booleans(), texts, numbers)
ids = st.sampled_from(["a", "b", "c", "A", "é", "\U00010000"])


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in ("name", "age", "active"):
        if draw(st.booleans()):
            body[name] = draw(scalars)
    if draw(st.booleans()):
        body["tags"] = draw(st.one_of(st.lists(scalars, max_size=3), scalars))
    if draw(st.booleans()):
        address = st.fixed_dictionaries({}, optional={"city": scalars, "lines": st.lists(texts, max_size=2)})
        body["address"] = draw(st.one_of(address, scalars))
    return body


fields = st.sampled_from(PEOPLE.fields)
arrays = st.sampled_from(PEOPLE.array_fields)
some_scalars = st.lists(scalars, max_size=3).map(tuple)


@st.composite
def ranges(draw: st.DrawFn) -> Range:
    kind = draw(st.sampled_from([texts, numbers, st.booleans()]))
    bounds: dict[str, Any] = {name: draw(st.none() | kind) for name in ("gt", "gte", "lt", "lte")}
    return Range(draw(fields), **bounds)


simple_conditions: st.SearchStrategy[Condition] = st.one_of(
    st.builds(Eq, fields, scalars),
    st.builds(In, fields, some_scalars),
    ranges(),
    st.builds(Contains, fields, texts),
    st.builds(AnyElement, arrays, some_scalars),
)
conditions = simple_conditions | st.builds(AnyOf, st.lists(simple_conditions, max_size=3).map(tuple))
queries = st.builds(
    Query,
    where=st.lists(conditions, max_size=2).map(tuple),
    sort=st.none() | st.builds(Sort, fields, st.booleans()),
    limit=st.integers(1, 4),
)


@dataclass(frozen=True)
class Write:
    """A put or, without a body, a delete; at the revision it has, or at a wrong one."""

    id: str
    body: dict[str, Any] | None
    right: bool = True


Batch: TypeAlias = list[Write]
writes = st.builds(Write, ids, st.none() | bodies(), st.sampled_from([True, True, True, False]))
batches = st.lists(writes, min_size=1, max_size=3, unique_by=lambda write: write.id)


@dataclass
class Model:
    """What a store should hold."""

    bodies: dict[str, dict[str, Any]] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)

    def real(self, write: Write) -> Put | Delete:
        now = self.revisions.get(write.id)
        if write.body is None:
            return Delete(PEOPLE, write.id, now if now is not None and write.right else Revision("wrong"))
        expected = now if write.right else Revision("wrong") if now is None else None
        return Put(PEOPLE, write.id, write.body, expected)

    def refuses(self, batch: Batch) -> bool:
        return any(not write.right or (write.body is None and write.id not in self.bodies) for write in batch)

    def listing(self, query: Query) -> list[str]:
        keys = [key for key, body in self.bodies.items() if all(holds(one, body) for one in query.where)]
        if query.sort is None:
            return sorted(keys)
        path = query.sort.field
        return sorted(keys, key=lambda key: (rank(at(self.bodies[key], path)), key), reverse=query.sort.descending)


def at(body: dict[str, Any], path: str) -> Any:
    value: Any = body
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return None if isinstance(value, list | dict) else value


def elements(body: dict[str, Any], path: str) -> list[Any]:
    *steps, last = path.split(".")
    holder: Any = body
    for step in steps:
        holder = holder.get(step) if isinstance(holder, dict) else None
    value = holder.get(last) if isinstance(holder, dict) else None
    return value if isinstance(value, list) else []


def rank(value: Scalar) -> tuple[int, Any]:
    kinds = {type(None): 0, int: 1, float: 1, str: 2, bool: 3}
    return kinds[type(value)], 0 if value is None else value


def same(left: Scalar, right: Scalar) -> bool:
    return rank(left) == rank(right)


def holds(condition: Condition, body: dict[str, Any]) -> bool:
    if isinstance(condition, AnyOf):
        return any(holds(one, body) for one in condition.conditions)
    if isinstance(condition, AnyElement):
        return any(same(one, wanted) for one in elements(body, condition.field) for wanted in condition.values)
    value = at(body, condition.field)
    if isinstance(condition, Eq):
        return same(value, condition.value)
    if isinstance(condition, In):
        return any(same(value, wanted) for wanted in condition.values)
    if isinstance(condition, Contains):
        return isinstance(value, str) and condition.text.casefold() in value.casefold()
    return value is not None and all(
        rank(bound)[0] == rank(value)[0] and comparison(rank(value)[1], bound)
        for bound, comparison in (
            (condition.gt, operator.gt),
            (condition.gte, operator.ge),
            (condition.lt, operator.lt),
            (condition.lte, operator.le),
        )
        if bound is not None
    )


class DocumentsAgainstModel:
    """Tests that need the fixtures of `DocumentStoreSuite`."""

    # Each example has a tenant of its own; one back end's failing example is worth trying on the other.
    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors])
    @given(batches=st.lists(batches, max_size=12), asked=st.lists(queries, min_size=1, max_size=6))
    async def test_it_does_what_the_model_does(
        self, opened: DocumentStore, batches: list[Batch], asked: list[Query]
    ) -> None:
        documents = opened.for_tenant(uuid.uuid4().hex)
        model = Model()
        for batch in batches:
            await write_both(documents, model, batch)
        everything = await documents.get_many(PEOPLE, ["a", "b", "c", "A", "é", "\U00010000"])
        assert {key: one.body for key, one in everything.items()} == model.bodies
        assert {key: one.revision for key, one in everything.items()} == model.revisions
        for query in asked:
            expected = model.listing(query)
            assert await listing(documents, query) == expected
            assert await documents.count(PEOPLE, query.where) == len(expected)


async def write_both(documents: Documents, model: Model, batch: Batch) -> None:
    real = [model.real(write) for write in batch]
    if model.refuses(batch):
        try:
            await documents.put_many(real)
        except Conflict:
            return
        raise AssertionError(f"no conflict: {batch}")
    written = {one.id: one.revision for one in await documents.put_many(real)}
    for write in batch:
        if write.body is None:
            del model.bodies[write.id], model.revisions[write.id]
        else:
            model.bodies[write.id] = write.body
            model.revisions[write.id] = written[write.id]


async def listing(documents: Documents, query: Query) -> list[str]:
    page = await documents.find(PEOPLE, query)
    keys = [one.id for one in page.documents]
    while page.next_cursor:
        assert len(page.documents) == query.limit
        page = await documents.find(PEOPLE, replace(query, cursor=page.next_cursor))
        keys += [one.id for one in page.documents]
    return keys
