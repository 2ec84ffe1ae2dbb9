import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.errors import ValidatieFout
from register.http.query import MAX_PARAMETERS, check_known, parse_query, parse_search


@pytest.mark.parametrize(
    ("raw", "values"),
    [
        ("", {}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2", {"a": "2"}),
        ("expand=a&expand=b,c", {"expand": "a,b,c"}),
        ("a=", {"a": ""}),
        ("a", {"a": ""}),
        ("a=%2B31+6%C3%A9", {"a": "+31 6é"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("=x", {"": "x"}),
    ],
)
def test_a_query_is_read(raw: str, values: dict[str, str]) -> None:
    assert parse_query(raw) == values


def test_there_is_an_end_to_the_parameters() -> None:
    assert len(parse_query("&".join(f"a{each}=1" for each in range(MAX_PARAMETERS)))) == MAX_PARAMETERS
    with pytest.raises(ValidatieFout):
        parse_query("a=1&" * (MAX_PARAMETERS + 1))


@given(st.text(st.characters(max_codepoint=0x7F), max_size=80))
def test_any_query_is_read(raw: str) -> None:
    assert all(isinstance(value, str) for value in parse_query(raw).values())


def test_unknown_parameters_are_refused_without_repeating_them() -> None:
    check_known(["a"], {"a", "b"})
    with pytest.raises(ValidatieFout) as caught:
        check_known(["a", "999990019"], {"a", "b"})
    (param,) = caught.value.params
    assert (param.name, param.code) == ("nonFieldErrors", "unknown-parameters")
    assert "999990019" not in param.reason
    assert "a, b" in param.reason


def test_a_search_body_says_what_a_query_could() -> None:
    body = {"a": "x", "b": True, "c": False, "d": 12, "expand": ["p", "q"]}
    assert parse_search(body) == {"a": "x", "b": "true", "c": "false", "d": "12", "expand": "p,q"}


def test_other_values_in_a_search_body_are_all_told() -> None:
    with pytest.raises(ValidatieFout) as caught:
        parse_search({"a": None, "b": {}, "c": ["x"], "d": 1.5, "expand": [1], "e": 10**20, "f": "good"})
    assert [each.name for each in caught.value.params] == ["a", "b", "c", "d", "expand", "e"]
