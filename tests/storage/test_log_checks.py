import pytest

from storage.log import AnyKey, KeyIn, LogEntry, LogKind, LogQuery
from storage.log_checks import alternatives, check_entries, check_kinds, check_log_query

CALLS = LogKind("calls", ("peer", "note"), ("peer",))


def test_kinds_that_are_accepted() -> None:
    check_kinds([CALLS, LogKind("visits", ()), CALLS])


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (LogKind("calls", ()), "declared twice"),
        (LogKind("Calls", ("peer", "note"), ("peer",)), "declared twice"),
        (LogKind("a b", ()), "a name is"),
        (LogKind("a", ("x y",)), "a name is"),
        (LogKind("a", ("x", "X")), "a key is declared twice"),
        (LogKind("a", ("x",), ("y",)), "does not declare the key 'y'"),
    ],
    ids=repr,
)
def test_kinds_that_are_refused(kind: LogKind, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        check_kinds([CALLS, kind])


def test_an_entry_has_exactly_the_keys_of_its_kind() -> None:
    check_entries(CALLS, [LogEntry("a", 1, {"note": None, "peer": "p"})])
    for keys in ({}, {"peer": "p"}, {"peer": "p", "other": "o"}, {"peer": "p", "note": "n", "other": "o"}):
        with pytest.raises(ValueError, match="exactly the keys peer, note"):
            check_entries(CALLS, [LogEntry("a", 1, keys)])


def test_a_query_is_checked_at_both_depths() -> None:
    check_log_query(CALLS, LogQuery((KeyIn("note", ("x",)), AnyKey((KeyIn("peer", ()),))), limit=10_000))
    for condition in (KeyIn("other", ()), AnyKey((KeyIn("peer", ()), KeyIn("other", ())))):
        with pytest.raises(ValueError, match="'other'"):
            check_log_query(CALLS, LogQuery((condition,)))


def test_alternatives() -> None:
    one, two = KeyIn("peer", ("a",)), KeyIn("note", ("b",))
    assert alternatives(one) == (one,)
    assert alternatives(AnyKey((one, two))) == (one, two)
