"""The tables of the embedded log and the SQL that reads them.

A kind of log is a table with a column per key, and an index per indexed key that ends in the instant: a page of the
entries of one key, newest first, is then one walk along an index.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from storage.log import LogCondition, LogKind, LogQuery
from storage.log_checks import alternatives
from storage.paging import LogPosition
from storage.sqlite_query import Sql, any_of, joined, one_of
from storage.sqlite_schema import quoted

LOG_LAYOUT = 2
"""Version of the arrangement below; a change that older programs cannot read counts it up.

1: the body of a transaction was all of it. 2: it has what no key holds. Entries of both are read.
"""

_MOST_WALKS = 50
_LAST_SEQUENCE = 2**63 - 1


@dataclass(frozen=True, slots=True)
class _Walk:
    """Along an index, from where a condition holds."""

    index: str
    start: Sql


def table(kind: LogKind) -> str:
    """The table of a kind."""
    return quoted("log", kind.name)


def insert_sql(kind: LogKind, *, varying: str = "") -> str:
    """Add an entry: sequence, tenant, id, body, the keys but for `varying`, the instant, `varying` where one is named.

    One that is there already stays as it is.
    """
    shared = [_column(key) for key in kind.keys if key != varying]
    columns = ["sequence", "tenant", "id", "body", *shared, "at_ms", *([_column(varying)] if varying else [])]
    places = ", ".join("?" * len(columns))
    return f"INSERT INTO {table(kind)} ({', '.join(columns)}) VALUES ({places}) ON CONFLICT (sequence) DO NOTHING"  # noqa: S608


def page_sql(tenant: str, kind: LogKind, query: LogQuery, after: LogPosition | None, worker: int) -> Sql:
    """The rows (instant, sequence, id, body, keys...) of one worker's file, one more than the page holds.

    One condition on indexed keys leads: each of its values is a walk along that value's index, newest or oldest
    first, which ends when the page is full; the walks are merged. The other conditions are checked on the way. So a
    page costs the same whether its peer has ten entries or ten million. The leading condition is the one with the
    fewest values, the first of those; without one, the walk is along time.
    """
    lead = _leading(kind, query)
    direction = "ASC" if query.ascending else "DESC"
    rest = [_checked(each) for each in query.where if each is not lead]
    within = joined(" AND ", [Sql("t.tenant = ?", (tenant,)), *_bounds(query, after, worker), *rest])
    limit = query.limit + 1
    walks = [
        Sql(
            f"SELECT * FROM (SELECT t.at_ms, t.sequence FROM {table(kind)} AS t INDEXED BY {walk.index} "  # noqa: S608
            f"WHERE {walk.start.text} AND {within.text} "
            f"ORDER BY t.at_ms {direction}, t.sequence {direction} LIMIT ?)",
            (*walk.start.values, *within.values, limit),
        )
        for walk in _walks(kind, lead)
    ]
    page = joined(" UNION ", walks)
    columns = ", ".join(["t.at_ms", "t.sequence", "t.id", "t.body", *(f"t.{_column(key)}" for key in kind.keys)])
    return Sql(
        f"WITH page AS MATERIALIZED (SELECT sequence FROM ({page.text}) "  # noqa: S608
        f"ORDER BY at_ms {direction}, sequence {direction} LIMIT ?) "
        f"SELECT {columns} FROM page CROSS JOIN {table(kind)} AS t ON t.sequence = page.sequence",
        (*page.values, limit),
    )


def delete_sql(tenant: str, kind: LogKind, before_ms: int, rows: int) -> Sql:
    """Remove at most `rows` entries older than an instant."""
    return Sql(
        f"DELETE FROM {table(kind)} WHERE sequence IN "  # noqa: S608
        f"(SELECT sequence FROM {table(kind)} WHERE tenant = ? AND at_ms < ? LIMIT ?)",
        (tenant, before_ms, rows),
    )


def old_sql(tenant: str, kind: LogKind, before_ms: int) -> Sql:
    """One row when there is an entry older than an instant, else none."""
    return Sql(f"SELECT 1 FROM {table(kind)} WHERE tenant = ? AND at_ms < ? LIMIT 1", (tenant, before_ms))  # noqa: S608


def extend_tables(connection: sqlite3.Connection, kinds: Sequence[LogKind]) -> None:
    """Make or extend what the kinds need, under an exclusive lock, all or nothing."""
    if _has_all(connection, kinds):
        return
    connection.execute("BEGIN EXCLUSIVE")
    for kind in kinds:
        connection.execute(
            f"CREATE TABLE IF NOT EXISTS {table(kind)} (sequence INTEGER PRIMARY KEY, tenant TEXT NOT NULL, "
            "at_ms INTEGER NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL)"
        )
        present = _columns(connection, kind)
        for key in kind.keys:
            if _column(key) not in present:
                connection.execute(f"ALTER TABLE {table(kind)} ADD COLUMN {_column(key)} TEXT")
        for name, columns in _indexes(kind).items():
            connection.execute(f"CREATE INDEX IF NOT EXISTS {name} ON {table(kind)} ({columns})")
    connection.execute("COMMIT")


def table_definitions(connection: sqlite3.Connection) -> list[str]:
    """The statements that make the same tables and indexes elsewhere."""
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type = 'index', name"
    ).fetchall()
    return [sql for (sql,) in found]


def _has_all(connection: sqlite3.Connection, kinds: Sequence[LogKind]) -> bool:
    names = {quoted(name) for (name,) in connection.execute("SELECT name FROM sqlite_master")}
    return all(
        names.issuperset(_indexes(kind)) and _columns(connection, kind).issuperset(map(_column, kind.keys))
        for kind in kinds
    )


def _columns(connection: sqlite3.Connection, kind: LogKind) -> set[str]:
    return {quoted(row[1]) for row in connection.execute(f"PRAGMA table_info({table(kind)})")}


def _indexes(kind: LogKind) -> dict[str, str]:
    by_key = {_index(kind, key): f"tenant, {_column(key)}, at_ms" for key in kind.indexed}
    return {_index(kind): "tenant, at_ms", **by_key}


def _index(kind: LogKind, *key: str) -> str:
    """The index on a key, or without one that on time."""
    return quoted("index", kind.name, *key)


def _column(key: str) -> str:
    return quoted("key", key)


def _leading(kind: LogKind, query: LogQuery) -> LogCondition | None:
    usable = [each for each in query.where if all(one.key in kind.indexed for one in alternatives(each))]
    return min((each for each in usable if 0 < _size(each) <= _MOST_WALKS), key=_size, default=None)


def _size(condition: LogCondition) -> int:
    return sum(len(one.values) for one in alternatives(condition))


def _walks(kind: LogKind, lead: LogCondition | None) -> list[_Walk]:
    if lead is None:
        return [_Walk(_index(kind), Sql("1"))]
    return [
        _Walk(_index(kind, one.key), Sql(f"t.{_column(one.key)} = ?", (value,)))
        for one in alternatives(lead)
        for value in dict.fromkeys(one.values)
    ]


def _checked(condition: LogCondition) -> Sql:
    return any_of([one_of(f"t.{_column(one.key)}", one.values) for one in alternatives(condition)])


def _bounds(query: LogQuery, after: LogPosition | None, worker: int) -> list[Sql]:
    bounds = []
    if query.after_ms is not None:
        bounds.append(Sql("t.at_ms > ?", (query.after_ms,)))
    if query.before_ms is not None:
        bounds.append(Sql("t.at_ms < ?", (query.before_ms,)))
    if after is not None:
        sign = ">" if query.ascending else "<"
        bounds.append(Sql(f"(t.at_ms, t.sequence) {sign} (?, ?)", (after.at_ms, _sequence_in(worker, after))))
    return bounds


def _sequence_in(worker: int, after: LogPosition) -> int:
    """The position's place in this worker's file: entries of one instant stand in the order of their workers."""
    if worker == after.worker:
        return after.sequence
    return _LAST_SEQUENCE if worker < after.worker else -1
