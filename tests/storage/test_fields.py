from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.documents import AnyOf, Collection, Condition, Eq, Put, Range, Scalar
from storage.fields import (
    bounds_of,
    check_collections,
    check_indexed,
    check_name,
    check_value,
    check_where,
    check_writes,
    elements_at,
    order_key,
    scalar_at,
)

BODY: dict[str, Any] = {
    "text": "t",
    "zero": 0,
    "false": False,
    "null": None,
    "list": [1, "x", None, True, 1.5, [2], {"y": 3}],
    "in": {"deep": {"er": "d", "list": ["a"]}, "dots.in": 1},
}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("text", "t"),
        ("zero", 0),
        ("false", False),
        ("null", None),
        ("absent", None),
        ("list", None),
        ("in", None),
        ("in.deep.er", "d"),
        ("in.deep.er.more", None),
        ("in.deep.absent", None),
        ("in.dots.in", None),
        ("list.0", None),
        ("text.t", None),
    ],
)
def test_scalar_at_a_path(path: str, value: Scalar) -> None:
    found = scalar_at(MappingProxyType(BODY), path)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("path", "elements"),
    [
        ("list", (1, "x", None, True, 1.5)),
        ("in.deep.list", ("a",)),
        ("text", ()),
        ("in", ()),
        ("absent", ()),
        ("text.t", ()),
    ],
)
def test_elements_at_a_path(path: str, elements: tuple[Scalar, ...]) -> None:
    assert elements_at(BODY, path) == elements


def test_values_sort_by_type_then_value() -> None:
    ordered: list[Scalar] = [
        None,
        -(2**63),
        -1.5,
        0,
        2**53,
        2**53 + 1,
        1e300,
        "",
        "A",
        "a",
        "\uffff",
        "\U00010000",
        False,
        True,
    ]
    assert sorted(ordered[7:] + ordered[:7], key=order_key) == ordered


@given(st.lists(st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(), max_size=6))
def test_all_values_can_be_sorted_together(values: list[Scalar]) -> None:
    by_type = [order_key(value)[0] for value in sorted(values, key=order_key)]
    assert by_type == sorted(by_type)


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, float("nan"), "\ud800", "a\udfff"], ids=ascii)
def test_values_that_no_index_holds_are_refused(value: Scalar) -> None:
    with pytest.raises(ValueError, match="secret"):
        check_value("secret", value)
    for body in ({"in": {"one": value}}, {"in": {"many": [1, value]}}):
        with pytest.raises(ValueError, match=r"in\.(one|many)"):
            check_indexed(Collection("c", ("in.one",), ("in.many",)), body)


@pytest.mark.parametrize("value", [2**63 - 1, -(2**63), 1e308, float("inf"), True, None, "", "\U0010ffff"], ids=ascii)
def test_values_that_an_index_holds_are_accepted(value: Scalar) -> None:
    check_value("field", value)


def test_a_refusal_does_not_show_the_value() -> None:
    with pytest.raises(ValueError, match="bsn") as caught:
        check_value("bsn", "999990019\ud800")
    assert "999990019" not in str(caught.value)


@pytest.mark.parametrize("name", ["a", "Partij-identificatoren", "a.b_c", "9" * 100])
def test_names_that_are_accepted(name: str) -> None:
    check_name("collection", name)


@pytest.mark.parametrize("name", ["", "a" * 101, "a b", "a:b", "é", 'a"', "a\n"])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name is"):
        check_name("collection", name)


def test_one_collection_may_be_named_twice_alike() -> None:
    check_collections([Collection("a", ("x",)), Collection("b"), Collection("a", ("x",))])


def test_a_path_may_be_a_field_and_an_array_field() -> None:
    check_collections([Collection("a", ("x",), ("x",))])


def test_one_id_may_be_written_in_two_collections() -> None:
    check_writes([Put(Collection("a"), "id", {}), Put(Collection("b"), "id", {})])


def test_conditions_are_counted_and_checked_at_any_depth() -> None:
    collection = Collection("c", ("x",))
    nested: Condition = Eq("y", 1)
    for _ in range(5):
        nested = AnyOf((nested,))
    with pytest.raises(ValueError, match="'y'"):
        check_where(collection, (nested,))
    hundred = AnyOf(tuple(Eq("x", number) for number in range(100)))
    check_where(collection, (hundred, hundred))
    with pytest.raises(ValueError, match="at most 200 conditions"):
        check_where(collection, (hundred, AnyOf((hundred, Eq("x", 1)))))


def test_the_bounds_of_a_range() -> None:
    assert bounds_of(Range("x")) == ()
    assert bounds_of(Range("x", gt=0, lte=False)) == (0, False)
