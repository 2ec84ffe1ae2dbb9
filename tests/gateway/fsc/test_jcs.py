"""I-JSON in, canonical JSON out."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.fsc.jcs import MAX_CONTAINERS, MAX_MEMBERS, MAX_NUMBER, canonicalise, json_pointer, parse_json

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "jcs_numbers.json").read_text())["numbers"]

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
numbers = st.integers(-MAX_NUMBER, MAX_NUMBER) | st.floats(-MAX_NUMBER, MAX_NUMBER, allow_nan=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=15,
)
objects = st.dictionaries(texts, values, max_size=5)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "malformed at line 1, column 1"),
        (b"{", "malformed at line 1, column 2"),
        (b'{"a": 1,}', "malformed at line 1"),
        (b'{\n "a": 01}', "malformed at line 2, column 8"),
        (b"{'a': 1}", "malformed"),
        (b'{"a": 1} x', "malformed at line 1, column 10"),
        (b'{"a": "\n"}', "malformed"),
        (b'{"a": "\\x"}', "malformed"),
        (b"[]", "must be an object"),
        (b"null", "must be an object"),
        (b'"text"', "must be an object"),
        (b"\xef\xbb\xbf{}", "byte order mark"),
        (b'{"a": "\xff"}', "not UTF-8: see byte 7"),
        (b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8"),
        (b'{"a": 1, "a": 1}', "the name at '/a' twice"),
        (b'{"a": [0, {"b/c~d": 1, "b\\u002fc~d": 2}]}', "'/a/1/b~1c~0d' twice"),
        (b'{"a": ["\\ud83d"]}', "half a surrogate pair at '/a/0'"),
        (b'{"\\udE00": 1}', "half a surrogate pair"),
        (b'{"a": NaN}', "has NaN"),
        (b'{"a": -Infinity}', "has -Infinity"),
        (b'{"a": 9007199254740992}', "the number '9007199254740992'"),
        (b'{"a": -9007199254740992}', "the number"),
        (b'{"a": 9007199254740993}', "the number"),
        (b'{"a": 9007199254740992.0}', "the number"),
        (b'{"a": 1e16}', "the number '1e16'"),
        (b'{"a": 1e400}', "the number '1e400'"),
        (b'{"a": 1E9999999999}', "the number"),
        (b'{"a": ' + b"9" * 100_000 + b"}", "larger or longer"),
        (b'{"a": 0.' + b"1" * 100_000 + b"}", "larger or longer"),
        (b'{"a":' * 100_000, "nested deeper"),
        (b"[" * 100_000, "nested deeper"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "nested deeper than 64 levels"),
        (b'{"a":' + b"[" * 64 + b"]" * 64 + b"}", "nested deeper than 64 levels"),
    ],
)
def test_what_is_not_i_json_is_refused_with_its_place(data: bytes, problem: str) -> None:
    with pytest.raises(InvalidRequest, match="(?i)" + problem.replace("(", r"\(")):
        parse_json(data)


def test_the_deepest_that_is_allowed() -> None:
    assert parse_json(b'{"a":' + b"[" * 63 + b"]" * 63 + b"}")
    assert parse_json(b'{"a":{}}', max_depth=2) == {"a": {}}
    with pytest.raises(InvalidRequest, match="deeper than 2 levels at '/a/0'"):
        parse_json(b'{"a":[[]]}', max_depth=2)


def test_a_list_is_as_long_as_the_caller_allows_wherever_it_stands() -> None:
    assert parse_json(b'{"a": [1, 2, {"b": [3, 4, 5]}]}', max_items=3)
    for text in (b'{"a": [1, 2, 3]}', b'{"a": [{"b": [1, 2, 3]}]}', b'{"a": {"b": ["", "", ""]}}'):
        with pytest.raises(InvalidRequest, match=r"has 3 items in the list at '/a.*; at most 2 are read"):
            parse_json(text, max_items=2)
    assert parse_json(b'{"a": 1, "b": 2, "c": 3}', max_items=2)


@pytest.mark.parametrize(
    ("item", "most"), [(b"{},", MAX_CONTAINERS), (b"[],", MAX_CONTAINERS), (b"1,", MAX_MEMBERS), (b'"",', MAX_MEMBERS)]
)
def test_what_would_take_memory_out_of_proportion_is_refused_unread(item: bytes, most: int) -> None:
    with pytest.raises(InvalidRequest, match=f"more than {most} "):
        parse_json(b'{"a":[' + item * (most + 1) + b"0]")  # not even JSON: that is not looked at


def test_commas_in_a_text_are_no_list() -> None:
    assert parse_json(b'{"a":"' + b"," * MAX_MEMBERS + b'"}')


def test_the_refusal_does_not_repeat_an_endless_name() -> None:
    name = b"x" * 100_000
    with pytest.raises(InvalidRequest) as refusal:
        parse_json(b'{"' + name + b'": 1, "' + name + b'": 1}')
    assert len(str(refusal.value)) < 400


def test_numbers_keep_their_value() -> None:
    parsed = parse_json(b'{"a": 9007199254740991, "b": -0, "c": 1.0, "d": 1E2, "e": 9007199254740991.0, "f": 1e-400}')
    assert parsed == {"a": MAX_NUMBER, "b": 0, "c": 1, "d": 100, "e": MAX_NUMBER, "f": 0}
    assert canonicalise(parsed) == b'{"a":9007199254740991,"b":0,"c":1,"d":100,"e":9007199254740991,"f":0}'


def test_surrogate_pairs_are_one_character() -> None:
    assert parse_json(b'{"a": "\\ud83d\\ude02"}') == {"a": "😂"}


@pytest.mark.parametrize(("bits", "text"), VECTORS)
def test_the_numbers_of_the_rfc(bits: str, text: str | None) -> None:
    (number,) = struct.unpack(">d", bytes.fromhex(bits))
    if text is None:
        with pytest.raises(InvalidRequest, match="no canonical JSON form"):
            canonicalise({"n": number})
    else:
        assert canonicalise({"n": number}) == b'{"n":%s}' % text.encode()


def test_the_example_of_the_rfc() -> None:
    # RFC 8785 section 3.2.2; its first number is left out: it lies beyond what I-JSON allows.
    source = rb"""{
      "numbers": [1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
      "literals": [null, true, false]
    }"""
    canonical = (
        rb'{"literals":[null,true,false],"numbers":[4.5,0.002,1e-27],"string":"'
        + "€$".encode()
        + rb"\u000f\nA"
        + b"'"
        + rb'B\"\\\\\"/"}'
    )
    assert canonicalise(parse_json(source.replace(b"1E30, ", b""))) == canonical


def test_names_sort_by_utf_16_code_unit() -> None:
    # RFC 8785 section 3.2.3: the emoji comes before U+FB33, although its code point is larger.
    source = {"€": 1, "\r": 2, "\ufb33": 3, "1": 4, "😂": 5, "\x80": 6, "ö": 7}
    assert list(json.loads(canonicalise(source))) == ["\r", "1", "\x80", "ö", "€", "😂", "\ufb33"]


@pytest.mark.parametrize("value", [{"a": 2**53}, {"a": float("nan")}, {"a": "\ud800"}, {"\ud800": 1}, {"a": object()}])
def test_a_value_of_our_own_that_is_no_i_json_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="no canonical JSON form"):
        canonicalise(value)


def test_a_value_that_contains_itself_is_refused() -> None:
    value: dict[str, Any] = {}
    value["a"] = value
    with pytest.raises(InvalidRequest, match="no canonical JSON form"):
        canonicalise(value)


def test_the_pointer_of_a_place() -> None:
    assert json_pointer(("grants", 0, "a/b~c")) == "'/grants/0/a~1b~0c'"


@given(objects)
def test_the_canonical_form_says_the_same_and_stays_itself(value: dict[str, Any]) -> None:
    canonical = canonicalise(value)
    assert parse_json(canonical) == value
    assert canonicalise(parse_json(canonical)) == canonical


@given(objects)
def test_neither_spelling_nor_order_changes_the_canonical_form(value: dict[str, Any]) -> None:
    other = dict(reversed(value.items()))
    spelled = json.dumps(other, ensure_ascii=True, indent=3).encode()
    assert canonicalise(parse_json(spelled)) == canonicalise(value)


@given(
    st.binary(max_size=60)
    | st.text(st.sampled_from('{}[]",:0123eE+-.\\u d8truefalsn\x00é😂'), max_size=60).map(lambda text: text.encode())
)
@example(b'{"a":1e}')
def test_no_input_makes_the_parser_fail_otherwise(data: bytes) -> None:
    try:
        parsed = parse_json(data)
    except InvalidRequest:
        return
    assert parse_json(canonicalise(parsed)) == parsed


@given(objects)
def test_the_fast_way_spells_as_the_library_does(value: dict[str, Any]) -> None:
    assert canonicalise(value) == rfc8785.dumps(value)
