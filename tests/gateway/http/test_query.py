"""Query parameters are read strictly."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import MultiDict

from gateway.errors import InvalidRequest
from gateway.http.query import QueryParameters

KNOWN = ("a", "limit", "sort_order")


def query(*pairs: tuple[str, str]) -> QueryParameters:
    return QueryParameters(MultiDict(pairs), known=KNOWN)


def test_an_unknown_parameter_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(InvalidRequest, match="takes a, limit, sort_order"):
        query(("b", "1"))
    with pytest.raises(InvalidRequest, match="takes none"):
        QueryParameters(MultiDict([("a", "1")]), known=())


def test_a_repeated_parameter_is_refused_by_name() -> None:
    with pytest.raises(InvalidRequest, match="a is given more than once"):
        query(("a", "1"), ("a", "1"))


def test_absent_and_empty_are_the_same() -> None:
    for one in (query(), query(("a", ""), ("limit", ""), ("sort_order", ""))):
        assert (one.text("a"), one.csv("a"), one.instant("a")) == (None, (), None)
        assert (one.limit(25), one.descending()) == (25, True)


@pytest.mark.parametrize(
    ("text", "values"), [("x", ("x",)), ("x,y", ("x", "y")), (",x,,y,", ("x", "y")), (",", ()), ("x y", ("x y",))]
)
def test_a_list_is_separated_by_commas(text: str, values: tuple[str, ...]) -> None:
    assert query(("a", text)).csv("a") == values


def test_a_list_has_at_most_a_thousand_values() -> None:
    assert len(query(("a", "x," * 1000)).csv("a")) == 1000
    with pytest.raises(InvalidRequest, match="more than 1000 values"):
        query(("a", "x," * 1001)).csv("a")


@given(st.integers(1, 1000))
def test_every_limit_within_bounds_is_taken(limit: int) -> None:
    assert query(("limit", str(limit))).limit(25) == limit


@pytest.mark.parametrize("text", ["0", "1001", "-1", "1.0", "1e2", " 1", "+1", "٣", "x", "1" * 5000])
def test_any_other_limit_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="limit: a whole number from 1 to 1000"):
        query(("limit", text)).limit(25)


@given(st.integers(0, 2**63 - 1))
def test_every_instant_of_64_bits_is_taken(instant: int) -> None:
    assert query(("a", str(instant))).instant("a") == instant


def test_a_larger_instant_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        query(("a", str(2**63))).instant("a")


@pytest.mark.parametrize(("text", "descending"), [("SORT_ORDER_ASCENDING", False), ("SORT_ORDER_DESCENDING", True)])
def test_the_order_is_one_of_two(text: str, descending: bool) -> None:
    assert query(("sort_order", text)).descending() is descending


@pytest.mark.parametrize("text", ["ascending", "sort_order_ascending", "SORT_ORDER_UNSPECIFIED"])
def test_any_other_order_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="SORT_ORDER_ASCENDING, SORT_ORDER_DESCENDING"):
        query(("sort_order", text)).descending()


@given(st.text())
def test_no_value_ever_does_worse_than_be_refused(text: str) -> None:
    one = query(("a", text), ("limit", text), ("sort_order", text))
    for read in (lambda: one.csv("a"), lambda: one.instant("a"), lambda: one.limit(1), one.descending):
        with contextlib.suppress(InvalidRequest):
            read()
