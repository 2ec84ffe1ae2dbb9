"""What a log may be asked to keep and to find: shared by every back end, so that all refuse the same."""

from collections.abc import Mapping, Sequence

from storage.fields import MAX_CONDITIONS, MAX_LIMIT, MAX_VALUES, check_name, check_text, check_value
from storage.log import KeyIn, LogCondition, LogEntry, LogKind, LogQuery


def check_kinds(kinds: Sequence[LogKind]) -> None:
    """Refuse kinds that no back end can keep apart. Raises: ValueError."""
    declared: dict[str, LogKind] = {}
    for kind in kinds:
        check_name("log", kind.name)
        if declared.setdefault(kind.name.lower(), kind) != kind:
            raise ValueError(f"log {kind.name} is declared twice, differently (or in another case)")
        if len({key.lower() for key in kind.keys}) != len(kind.keys):
            raise ValueError(f"log {kind.name}: a key is declared twice (or in another case)")
        for key in kind.keys:
            check_name(f"log {kind.name}", key)
        for key in kind.indexed:
            _check_key(kind, key)


def check_entries(kind: LogKind, entries: Sequence[LogEntry]) -> None:
    """Refuse entries whose keys are not those of the kind, or that cannot be stored. Raises: ValueError."""
    for entry in entries:
        if len(entry.keys) != len(kind.keys) or any(key not in entry.keys for key in kind.keys):
            raise ValueError(f"log {kind.name}: an entry has exactly the keys {', '.join(kind.keys)}")
        check_value("at_ms", entry.at_ms)
        check_text("id", entry.id)
        for key, value in entry.keys.items():
            check_value(key, value)


def check_shared(kind: LogKind, keys: Mapping[str, str | None], varying: str) -> None:
    """Refuse what the entries of a writer share when it is not all of the kind but `varying`. Raises: ValueError."""
    _check_key(kind, varying)
    if varying in keys:
        raise ValueError(f"log {kind.name}: the key {varying!r} varies, so the entries cannot share a value of it")
    check_entries(kind, [LogEntry("", 0, {**keys, varying: ""})])


def check_log_query(kind: LogKind, query: LogQuery) -> None:
    """Refuse a query on undeclared keys or beyond the limits. Raises: ValueError."""
    if not 1 <= query.limit <= MAX_LIMIT:
        raise ValueError(f"limit {query.limit}: must be 1 to {MAX_LIMIT}")
    for bound in (query.after_ms, query.before_ms):
        check_value("at_ms", bound)
    conditions = [one for condition in query.where for one in alternatives(condition)]
    if len(conditions) > MAX_CONDITIONS:
        raise ValueError(f"a query has at most {MAX_CONDITIONS} conditions")
    if sum(len(condition.values) for condition in conditions) > MAX_VALUES:
        raise ValueError(f"a query compares with at most {MAX_VALUES} values")
    for condition in conditions:
        _check_key(kind, condition.key)
        for value in condition.values:
            check_text(condition.key, value)


def alternatives(condition: LogCondition) -> tuple[KeyIn, ...]:
    """The conditions of which at least one must hold."""
    return (condition,) if isinstance(condition, KeyIn) else condition.conditions


def _check_key(kind: LogKind, key: str) -> None:
    if key not in kind.keys:
        raise ValueError(f"log {kind.name} does not declare the key {key!r}")
