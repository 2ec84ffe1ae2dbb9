"""A Query as SQL: pure, so that a test can ask SQLite how it would run every statement.

Every condition repeats the tenant, which is the first column of every index: also each side of an OR can then use
an index of its own. Only keys are sorted; bodies are read for the rows of the page alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from storage.documents import AnyElement, AnyOf, Collection, Condition, Contains, Eq, In, Query, Range, Scalar, Sort
from storage.fields import bounds_of
from storage.paging import DocumentPosition
from storage.sqlite_schema import SqlValue, column, quoted, side_table, sql_element, sql_value

CONTAINS_FUNCTION = "contains_folded"
"""The SQL function that every reading connection must have: (column, folded text) -> 0 or 1."""

CROWD = 1_000
"""So many matches are no longer collected and sorted for one page of them."""


@dataclass(frozen=True, slots=True)
class Sql:
    """A piece of SQL and the values for its question marks."""

    text: str
    values: tuple[SqlValue, ...] = ()


def joined(separator: str, pieces: Sequence[Sql]) -> Sql:
    """The pieces with a separator between them."""
    return Sql(separator.join(piece.text for piece in pieces), tuple(v for piece in pieces for v in piece.values))


def one_of(name: str, values: Sequence[SqlValue]) -> Sql:
    """The column `name` is one of the values, null included."""
    present = tuple(value for value in values if value is not None)
    choices = []
    if present:
        choices.append(Sql(f"{name} IN ({', '.join('?' * len(present))})", present))
    if len(present) < len(values):
        choices.append(Sql(f"{name} IS NULL"))
    return any_of(choices)


def any_of(choices: Sequence[Sql]) -> Sql:
    """At least one of the choices; none of none."""
    if not choices:
        return Sql("0")
    alternatives = joined(" OR ", choices)
    return alternatives if len(choices) == 1 else Sql(f"({alternatives.text})", alternatives.values)


def documents_sql(tenant: str, collection: Collection, ids: Sequence[str]) -> Sql:
    """Read the rows (id, revision, body) of these documents."""
    found = one_of("t.id", ids)
    return Sql(
        f"SELECT t.id, t.revision, t.body FROM {_table(collection)} WHERE t.tenant = ? AND {found.text}",  # noqa: S608
        (tenant, *found.values),
    )


def count_sql(tenant: str, collection: Collection, where: Sequence[Condition]) -> Sql:
    """Count the matching documents."""
    filtered = _filter(tenant, collection, where)
    return Sql(f"SELECT count(*) FROM {_table(collection)} WHERE {filtered.text}", filtered.values)  # noqa: S608


def crowd_sql(tenant: str, collection: Collection, query: Query) -> Sql | None:
    """Ask, with a row of one column for each of `elements_wanted`, whether so many documents match it that collecting
    them is dearer than asking it of a document in passing.

    None for a listing that has no order of its own, or no element to search by.
    """
    wanted = elements_wanted(query)
    if query.sort is None or not wanted:
        return None
    found = [_rows_with(tenant, collection, one) for one in wanted]
    counts = [Sql(f"(SELECT count(*) FROM ({one.text} LIMIT {CROWD})) = {CROWD}", one.values) for one in found]  # noqa: S608
    every = joined(", ", counts)
    return Sql(f"SELECT {every.text}", every.values)


def elements_wanted(query: Query) -> list[AnyElement]:
    """The conditions on elements that all must hold, in their order."""
    return [one for one in query.where if isinstance(one, AnyElement)]


def page_sql(
    tenant: str,
    collection: Collection,
    query: Query,
    after: DocumentPosition | None,
    *,
    crowds: Sequence[Condition] = (),
) -> tuple[Sql, ...]:
    """Statements whose rows (id, revision, body, sort value), one after the other, are the listing after `after`.

    Each takes, as its last two values still to be given, how many rows at most and how many to skip.
    What matches one of `crowds` is not collected: it is asked of each document that the other conditions leave. Where
    they leave all, those are gone through in their order until the page is full, instead of sorted.
    """
    filtered = _filter(tenant, collection, query.where, crowds)
    parts = [None] if after is None else _parts_after(query.sort, after)
    return tuple(_listing(collection, query.sort, filtered, part) for part in parts)


def _listing(collection: Collection, sort: Sort | None, filtered: Sql, part: Sql | None) -> Sql:
    direction = "DESC" if sort is not None and sort.descending else "ASC"
    by = _sort_column(sort)
    order = f"{by} {direction}, t.id {direction}" if by else "t.id ASC"
    where = filtered if part is None else joined(" AND ", [filtered, part])
    return Sql(
        f"WITH page AS MATERIALIZED (SELECT t.row FROM {_table(collection)} WHERE {where.text} ORDER BY {order} "  # noqa: S608
        f"LIMIT ? OFFSET ?) SELECT t.id, t.revision, t.body, {by or 'NULL'} "
        f"FROM page CROSS JOIN {_table(collection)} ON t.row = page.row ORDER BY {order}",
        where.values,
    )


def _parts_after(sort: Sort | None, after: DocumentPosition) -> list[Sql | None]:
    """What follows the position, as ranges of the index in the order of the listing.

    Nulls come first ascending and last descending, and SQL compares nothing with null, so they are a range apart.
    """
    by = _sort_column(sort)
    if sort is None:
        return [Sql("t.id > ?", (after.id,))]
    sign = "<" if sort.descending else ">"
    if after.value is None:
        nulls = Sql(f"{by} IS NULL AND t.id {sign} ?", (after.id,))
        return [nulls] if sort.descending else [nulls, Sql(f"{by} IS NOT NULL")]
    values = Sql(f"({by}, t.id) {sign} (?, ?)", (sql_value(after.value), after.id))
    return [values, Sql(f"{by} IS NULL")] if sort.descending else [values]


def _filter(tenant: str, collection: Collection, where: Sequence[Condition], crowds: Sequence[Condition] = ()) -> Sql:
    conditions = [
        _has_element(tenant, collection, condition)
        if isinstance(condition, AnyElement) and condition in crowds
        else _condition(tenant, collection, condition)
        for condition in where
    ]
    return joined(" AND ", [Sql("t.tenant = ?", (tenant,)), *conditions])


def _condition(tenant: str, collection: Collection, condition: Condition) -> Sql:
    match condition:
        case Eq(field, None):
            return Sql(f"{_column(field)} IS NULL")
        case Eq(field, value):
            return Sql(f"{_column(field)} = ?", (sql_value(value),))
        case In(field, values):
            return one_of(_column(field), [sql_value(value) for value in values])
        case Range(field):
            return _range(_column(field), condition)
        case Contains(field, text):
            return Sql(f"{CONTAINS_FUNCTION}({_column(field)}, ?)", (text.casefold(),))
        case AnyElement():
            found = _rows_with(tenant, collection, condition)
            return Sql(f"t.row IN ({found.text})", found.values)
        case AnyOf(conditions):
            return any_of([_apart(_filter(tenant, collection, [one])) for one in conditions])


def _rows_with(tenant: str, collection: Collection, condition: AnyElement) -> Sql:
    """The rows of the documents with one of the elements."""
    found = one_of("value", [sql_element(value) for value in condition.values])
    side = side_table(collection.name, condition.field)
    return Sql(f"SELECT row FROM {side} WHERE tenant = ? AND {found.text}", (tenant, *found.values))  # noqa: S608


def _has_element(tenant: str, collection: Collection, condition: AnyElement) -> Sql:
    """The same as a question about one row, which leaves SQLite no other way than to ask it of each."""
    found = _rows_with(tenant, collection, condition)
    return Sql(f"EXISTS ({found.text} AND row = t.row)", found.values)


def _apart(piece: Sql) -> Sql:
    return Sql(f"({piece.text})", piece.values)


def _range(name: str, condition: Range) -> Sql:
    bounds = bounds_of(condition)
    if not bounds:
        return Sql(f"{name} IS NOT NULL")
    given = ((">", condition.gt), (">=", condition.gte), ("<", condition.lt), ("<=", condition.lte))
    comparisons = [Sql(f"{name} {sign} ?", (sql_value(bound),)) for sign, bound in given if bound is not None]
    from_below = condition.gt is not None or condition.gte is not None
    from_above = condition.lt is not None or condition.lte is not None
    first, beyond = _type_limits(bounds[0])
    if first and not from_below:
        comparisons.append(Sql(f"{name} >= {first}"))
    if beyond and not from_above:
        comparisons.append(Sql(f"{name} < {beyond}"))
    return joined(" AND ", comparisons)


def _type_limits(bound: Scalar) -> tuple[str, str]:
    """The first value of the bound's type and the first beyond, where there are any.

    They keep a range within one type: SQLite orders numbers before text before bytes (our booleans).
    """
    if isinstance(bound, bool):
        return "x''", ""
    return ("''", "x''") if isinstance(bound, str) else ("", "''")


def _table(collection: Collection) -> str:
    return f"{quoted('documents', collection.name)} AS t"


def _column(field: str) -> str:
    # Qualified, because SQLite reads an unknown bare name in double quotes as a text.
    return f"t.{column(field)}"


def _sort_column(sort: Sort | None) -> str:
    return "" if sort is None else _column(sort.field)
