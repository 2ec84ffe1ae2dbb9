"""What a resource shows of other records: in its body, and in full under `_expand`."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from register.http.family import Family
from register.http.links import Links
from register.http.resource import IdsOf, Load, Maker, Resource
from register.records.kinds import Kind
from register.records.unit import Unit
from storage.documents import In, JsonObject

T = TypeVar("T")

Naming: TypeAlias = Callable[[Unit, Sequence[Any]], Awaitable[list[list[Any]]]]
"""Of each record those that name it."""


def own(field: str) -> IdsOf:
    """The ids that a record has in this field."""

    async def ids(_unit: Unit, records: Sequence[Any]) -> list[tuple[str, ...]]:
        values = (getattr(record, field) for record in records)
        return [value if isinstance(value, tuple) else () if value is None else (value,) for value in values]

    return ids


def naming(kind: Kind[Any], field: str) -> Naming:
    """The records of `kind` that name a record in their field, oldest first."""

    async def find(unit: Unit, records: Sequence[Any]) -> list[list[Any]]:
        uuids = [record.uuid for record in records]
        by_named: dict[str, list[Any]] = defaultdict(list)
        for each in await unit.find_all(kind, In(field, tuple(uuids))) if uuids else ():
            by_named[getattr(each, field)].append(each)
        return [by_named[uuid] for uuid in uuids]

    return find


def ids_of(find: Naming, field: str = "uuid") -> IdsOf:
    """The ids of the records that `find` finds; or, with a `field`, of what those name in it."""

    async def ids(unit: Unit, records: Sequence[Any]) -> list[tuple[str, ...]]:
        return [tuple(getattr(each, field) for each in found) for found in await find(unit, records)]

    return ids


def references(target: str, ids: IdsOf) -> Load:
    """The records of a resource that are named, as a list of references."""

    async def load(unit: Unit, records: Sequence[Any], links: Links) -> list[Any]:
        return [[links.reference(target, uuid) for uuid in uuids] for uuids in await ids(unit, records)]

    return load


async def rendered(
    family: Family, resource: Maker[T], unit: Unit, records: Sequence[T], links: Links, expand: Iterable[str] = ()
) -> list[JsonObject]:
    """The records as the API shows them; `expand` has the paths of what is shown in full with them."""
    bodies = [resource.render(record, links) for record in records]
    for name, load in resource.extras.items():
        for body, value in zip(bodies, await load(unit, records, links), strict=True):
            body[name] = value
    for name, below in _by_first(expand).items():
        parts = await _expanded(family, resource, name, below, unit, records, links)
        for body, part in zip(bodies, parts, strict=True):
            body.setdefault("_expand", {})[name] = part
    return bodies


async def _expanded(
    family: Family,
    resource: Maker[Any],
    name: str,
    below: Sequence[str],
    unit: Unit,
    records: Sequence[Any],
    links: Links,
) -> list[Any]:
    assert isinstance(resource, Resource)
    relation = resource.relations[name]
    target = family.by_name[relation.target]
    assert isinstance(target, Resource)
    ids = await relation.ids(unit, records)
    found = await unit.get_many(target.kind, [uuid for each in ids for uuid in each])
    shown = await rendered(family, target, unit, list(found.values()), links, below)
    by_id = dict(zip(found, shown, strict=True))
    lists = [[by_id[uuid] for uuid in each if uuid in by_id] for each in ids]
    return lists if relation.many else [next(iter(each), None) for each in lists]


def _by_first(paths: Iterable[str]) -> Mapping[str, list[str]]:
    """The paths below each first step, in the order of those."""
    below: dict[str, list[str]] = {}
    for path in paths:
        first, _, rest = path.partition(".")
        below.setdefault(first, []).extend([rest] if rest else [])
    return below
