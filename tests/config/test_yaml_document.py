import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from config.errors import ConfigError, Location
from config.yaml_document import MAX_DEPTH, MAX_VALUES, parse_yaml

NAME = "kr.yaml"


def value_of(text: str) -> JsonValue:
    return parse_yaml(text, name=NAME).value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# only a comment\n", None),
        ("~", None),
        ("a:", {"a": None}),
        ("a: [1, -2, 0, 1.5, 1e3, -1.0e+3]", {"a": [1, -2, 0, 1.5, 1000.0, -1000.0]}),
        ("a: [0x1F, 0o17, .5, +1, 1.]", {"a": ["0x1F", "0o17", ".5", "+1", "1."]}),
        ("a: [true, False, TRUE]", {"a": [True, False, True]}),
        ("a: [yes, no, on, off, y]", {"a": ["yes", "no", "on", "off", "y"]}),
        ("a: [2026-01-31, 12:30:45, 1_000, .nan, .inf]", {"a": ["2026-01-31", "12:30:45", "1_000", ".nan", ".inf"]}),
        ("a: [007, 00000001823288444000]", {"a": ["007", "00000001823288444000"]}),
        ("a: ['007', \"true\", 'null', '']", {"a": ["007", "true", "null", ""]}),
        ("1: x\ntrue: y\n", {"1": "x", "true": "y"}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("a: &x {b: 1}\nc: *x\nd: [*x, *x]", {"a": {"b": 1}, "c": {"b": 1}, "d": [{"b": 1}, {"b": 1}]}),
        ("a: &x 1\nb: &x 2\nc: *x", {"a": 1, "b": 2, "c": 2}),
        ("a: https://h:1/#x", {"a": "https://h:1/#x"}),
        ("%YAML 1.2\n---\na: 1\n...\n", {"a": 1}),
    ],
)
def test_plain_values(text: str, value: JsonValue) -> None:
    assert value_of(text) == value


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**63)
        | st.text(st.characters(codec="ascii", min_codepoint=32)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_-", min_size=1), inner, max_size=4),
        max_leaves=15,
    )
)
def test_json_is_yaml(value: Any) -> None:
    assert value_of(json.dumps(value)) == value


def test_every_value_knows_its_line() -> None:
    document = parse_yaml(
        "group:\n  id: x\ntenants:\n  - slug: a\n    rsin: [1,\n      2]\n  - &t\n    slug: b\n  - *t\n", name=NAME
    )
    lines: dict[Location, int] = {
        ("group",): 1,
        ("group", "id"): 2,
        ("tenants",): 3,
        ("tenants", 0): 4,
        ("tenants", 0, "slug"): 4,
        ("tenants", 0, "rsin"): 5,
        ("tenants", 0, "rsin", 1): 6,
        ("tenants", 1, "slug"): 8,
        ("tenants", 2): 9,
    }
    assert {location: document.lines[location] for location in lines} == lines
    assert ("tenants", 2, "slug") not in document.lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: [1\n", "kr.yaml: line 3, column 1: not YAML"),
        ("a: 1\n b: 2\n", "kr.yaml: line 2, column 3: not YAML"),
        ("a: \x07", "kr.yaml: holds characters that YAML does not allow"),
        ("a: 1\n---\nb: 2\n", "kr.yaml: a second document begins: put everything in one [line 2]"),
        ("a: 1\nb: 2\na: 3\n", "a: this key is there twice, first on line 1: keep one [line 3]"),
        ("x: [{a: 1, a: 2}]", "x[0].a: this key is there twice, first on line 1: keep one [line 1]"),
        ("a: !!python/object/apply:os.system [ls]", "a: tags (words that begin with !) are not read"),
        ("a: !!str 1", "a: tags (words that begin with !) are not read"),
        ("a: !secret x", "a: tags (words that begin with !) are not read"),
        ("a: &x {b: 1}\nc:\n  <<: *x\n", "merge keys are not read: write the keys out [line 3]"),
        ("? [a, b]\n: 1\n", "kr.yaml: a key must be plain text [line 1]"),
        ("a: &x k\n*x : 1\n", "kr.yaml: a key must be plain text, not an alias [line 2]"),
        ("a: *nothing", "this alias names no value that is complete here"),
        ("a: &x [*x]", "a: this alias names no value that is complete here"),
        ("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"nested more than {MAX_DEPTH} levels deep [line 1]"),
        ("[" * 200_000, f"nested more than {MAX_DEPTH} levels deep"),
        ("{a: " * 200_000, f"nested more than {MAX_DEPTH} levels deep"),
    ],
)
def test_what_is_not_plain_is_refused(text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_yaml(text, name=NAME)
    assert expected in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_all_duplicates_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n", name=NAME)
    assert [problem.path for problem in refusal.value.problems] == ["a", "b.c"]


def test_aliases_cannot_grow_beyond_the_limit() -> None:
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
    bomb += "".join(f"a{level}: &a{level} [{','.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 12))
    with pytest.raises(ConfigError, match=f"more than {MAX_VALUES} values, aliases counted in full"):
        parse_yaml(bomb, name=NAME)


def test_a_syntax_error_does_not_repeat_the_text() -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_yaml("token: 'geheim\nother: x\n", name=NAME)
    assert "geheim" not in str(refusal.value)


@given(st.text(st.sampled_from("ab:-?[]{}\\u#&*!|>'\"%@`, \n\t~01.<\ud800\x00"), max_size=60) | st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        value = value_of(text)
    except ConfigError:
        return
    assert json.loads(json.dumps(value)) == value
