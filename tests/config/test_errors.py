import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.errors import ConfigError, Location, Problem, path_text


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ((), ""),
        (("tenants", 0, "services", 1, "name"), "tenants[0].services[1].name"),
        (("x-y.z",), "x-y.z"),
        (("a b",), '["a b"]'),
        (("group", "new\nline"), 'group["new\\nline"]'),
        (("k" * 500,), f'["{"k" * 40}"]'),
    ],
)
def test_path_reads_as_a_person_writes_it(location: Location, text: str) -> None:
    assert path_text(location) == text


@given(st.lists(st.one_of(st.integers(min_value=0), st.text(st.characters())), max_size=6))
def test_path_is_one_printable_line(location: list[str | int]) -> None:
    assert path_text(tuple(location)).isprintable()


def test_problem_names_place_message_and_origin() -> None:
    assert str(Problem("group.id", "is required", "line 3")) == "group.id: is required [line 3]"
    assert str(Problem("group.id", "is required")) == "group.id: is required"
    assert str(Problem("", "is empty")) == "is empty"


def test_error_renders_a_line_for_each_problem() -> None:
    error = ConfigError([Problem("a", "one"), Problem("b", "two")])
    assert str(error) == "a: one\nb: two"
    assert [problem.path for problem in error.problems] == ["a", "b"]
