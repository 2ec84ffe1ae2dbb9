"""Declared fields: reading their values from a body, ordering values, and checking what a caller declares or asks.

Shared by every back end, so that all of them see the same value at a path and refuse the same queries.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from storage.documents import (
    AnyElement,
    AnyOf,
    Collection,
    Condition,
    Contains,
    Delete,
    Eq,
    In,
    Put,
    Query,
    Range,
    Scalar,
)

MAX_LIMIT = 10_000
MAX_VALUES = 10_000
MAX_CONDITIONS = 200

_OneField: TypeAlias = Eq | In | Range | Contains | AnyElement

_SCALARS = (str, int, float)
_INT64 = range(-(2**63), 2**63)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def scalar_at(body: Mapping[str, Any], path: str) -> Scalar:
    """The scalar at a dotted path; None where there is none."""
    value = _value_at(body, path)
    return value if isinstance(value, _SCALARS) else None


def elements_at(body: Mapping[str, Any], path: str) -> tuple[Scalar, ...]:
    """The scalars in the list at a dotted path; nothing where there is no list."""
    value = _value_at(body, path)
    if not isinstance(value, list):
        return ()
    return tuple(item for item in value if item is None or isinstance(item, _SCALARS))


def _value_at(body: Mapping[str, Any], path: str) -> Any:
    first, *others = path.split(".")
    value: Any = body.get(first)
    for name in others:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def order_key(value: Scalar) -> tuple[int, Any]:
    """A key that sorts values: null, then numbers by value, then text by code point, then false and true."""
    if value is None:
        return (0, 0)
    if isinstance(value, bool):
        return (3, value)
    return (2, value) if isinstance(value, str) else (1, value)


def check_value(field: str, value: Scalar) -> None:
    """Refuse what cannot be compared alike on every back end. Raises: ValueError."""
    if isinstance(value, str):
        check_text(field, value)
    elif isinstance(value, int) and value not in _INT64:
        raise ValueError(f"{field}: a whole number in a declared field or a query must fit 64 bits")
    elif isinstance(value, float) and math.isnan(value):
        raise ValueError(f"{field}: not-a-number cannot be searched")


def check_text(name: str, text: str) -> None:
    """Refuse text that is not Unicode. Raises: ValueError."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name}: the text holds a lone surrogate, which is not Unicode") from error


def check_indexed(collection: Collection, body: Mapping[str, Any]) -> None:
    """Refuse a body whose declared fields hold what no index can. Raises: ValueError."""
    for field in collection.fields:
        check_value(field, scalar_at(body, field))
    for field in collection.array_fields:
        for element in elements_at(body, field):
            check_value(field, element)


def check_name(what: str, name: str) -> None:
    """Refuse a name that some back end cannot use. Raises: ValueError."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{what} {name!r}: a name is 1 to 100 letters, digits, '_', '.' or '-'")


def check_collections(collections: Sequence[Collection]) -> None:
    """Refuse names that no back end can keep apart. Raises: ValueError."""
    declared: dict[str, Collection] = {}
    for collection in collections:
        check_name("collection", collection.name)
        if declared.setdefault(collection.name.lower(), collection) != collection:
            raise ValueError(f"collection {collection.name} is declared twice, differently (or in another case)")
        _check_paths(collection)


def _check_paths(collection: Collection) -> None:
    paths = collection.fields + collection.array_fields
    for path in paths:
        if not all(path.split(".")) or "\0" in path:
            raise ValueError(f"collection {collection.name}: {path!r} is not a dotted path")
        check_text(collection.name, path)
    for group in (collection.fields, collection.array_fields):
        if len({path.lower() for path in group}) != len(group):
            raise ValueError(f"collection {collection.name}: a path is declared twice (or in another case)")


def check_writes(writes: Sequence[Put | Delete]) -> None:
    """Refuse a set of writes that names one document twice. Raises: ValueError."""
    seen: set[tuple[str, str]] = set()
    for write in writes:
        check_text("id", write.id)
        key = (write.collection.name, write.id)
        if key in seen:
            raise ValueError(f"document {write.id} of {write.collection.name} is written twice in one put_many")
        seen.add(key)


def check_query(collection: Collection, query: Query) -> None:
    """Refuse a query that names undeclared fields or has impossible bounds. Raises: ValueError."""
    if not 1 <= query.limit <= MAX_LIMIT:
        raise ValueError(f"limit {query.limit}: must be 1 to {MAX_LIMIT}")
    if query.offset not in _INT64 or query.offset < 0:
        raise ValueError(f"offset {query.offset}: must be a whole number from 0, within 64 bits")
    if query.offset and query.cursor:
        raise ValueError("a query has a cursor or an offset, not both")
    if query.sort is not None:
        _check_declared(collection.name, query.sort.field, collection.fields)
    check_where(collection, query.where)


def check_where(collection: Collection, where: Sequence[Condition]) -> None:
    """Refuse conditions on undeclared fields, on values that cannot be compared, or too many. Raises: ValueError."""
    flat = tuple(_flattened(where))
    if len(flat) > MAX_CONDITIONS:
        raise ValueError(f"a query has at most {MAX_CONDITIONS} conditions")
    if sum(len(_values_of(condition)) for condition in flat) > MAX_VALUES:
        raise ValueError(f"a query compares with at most {MAX_VALUES} values")
    for condition in flat:
        declared = collection.array_fields if isinstance(condition, AnyElement) else collection.fields
        _check_declared(collection.name, condition.field, declared)
        for value in _values_of(condition):
            check_value(condition.field, value)
        if isinstance(condition, Range):
            _check_bounds(condition)


def _flattened(where: Iterable[Condition]) -> Iterator[_OneField]:
    for condition in where:
        if isinstance(condition, AnyOf):
            yield from _flattened(condition.conditions)
        else:
            yield condition


def _values_of(condition: _OneField) -> tuple[Scalar, ...]:
    match condition:
        case Eq(value=value):
            return (value,)
        case In(values=values) | AnyElement(values=values):
            return values
        case Range():
            return bounds_of(condition)
        case Contains(text=text):
            return (text,)


def bounds_of(condition: Range) -> tuple[Scalar, ...]:
    """The bounds that were given."""
    bounds = (condition.gt, condition.gte, condition.lt, condition.lte)
    return tuple(bound for bound in bounds if bound is not None)


def _check_bounds(condition: Range) -> None:
    if len({order_key(bound)[0] for bound in bounds_of(condition)}) > 1:
        raise ValueError(f"{condition.field}: the bounds of a range must be of one type")


def _check_declared(collection: str, field: str, declared: Sequence[str]) -> None:
    if field not in declared:
        raise ValueError(f"collection {collection} does not declare {field!r} for this use")
