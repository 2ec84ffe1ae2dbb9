import pytest

from storage.documents import AnyElement, AnyOf, Condition, Contains, Eq, In, Range, Scalar
from storage.matching import DeclaredValues, contains_folded, equal, matches

VALUES = DeclaredValues({"text": "Straße", "number": 5, "flag": False, "null": None}, {"list": (1, True, None)})


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        (Eq("text", "Straße"), True),
        (Eq("text", "straße"), False),
        (Eq("number", 5.0), True),
        (Eq("flag", 0), False),
        (Eq("null", None), True),
        (In("number", (4, 5)), True),
        (In("number", ()), False),
        (In("null", (None,)), True),
        (Range("number", gt=4, lt=6), True),
        (Range("number", gt=5), False),
        (Range("number", gte=5, lte=5), True),
        (Range("number", lt=5), False),
        (Range("number", gte="0"), False),
        (Range("flag", lte=True), True),
        (Range("flag", gte=0), False),
        (Range("null"), False),
        (Range("text"), True),
        (Contains("text", "SS"), True),
        (Contains("text", "ẞE"), True),
        (Contains("number", "5"), False),
        (AnyElement("list", (True,)), True),
        (AnyElement("list", (False, 2)), False),
        (AnyElement("list", (None,)), True),
        (AnyOf((Eq("number", 4), Eq("number", 5))), True),
        (AnyOf(()), False),
    ],
    ids=repr,
)
def test_conditions(condition: Condition, holds: bool) -> None:
    assert matches(condition, VALUES) is holds


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [(1, 1.0, True), (1, True, False), (0, False, False), (None, 0, False), ("1", 1, False), (2**53, 2**53 + 1, False)],
)
def test_equality_is_of_type_and_value(left: Scalar, right: Scalar, same: bool) -> None:
    assert equal(left, right) is equal(right, left) is same


@pytest.mark.parametrize("value", [None, 5, 1.5, True, b"\1"])
def test_only_text_contains_text(value: Scalar | bytes) -> None:
    assert not contains_folded(value, "")
