"""gateway.http.answers: what goes in is what a Peer reads."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fsc.jcs import MAX_NUMBER, parse_json
from gateway.http.answers import json_answer

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_NUMBER = st.integers(-MAX_NUMBER, MAX_NUMBER) | st.floats(-MAX_NUMBER, MAX_NUMBER)
_VALUE: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | _NUMBER | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(st.dictionaries(_TEXT, _VALUE, max_size=4))
@settings(max_examples=100, deadline=None)
def test_what_a_peer_reads_is_what_went_in(value: dict[str, Any]) -> None:
    body = json_answer(value).body
    assert isinstance(body, bytes)
    assert parse_json(body) == value


def test_an_answer_says_that_it_is_json_and_what_else_it_was_told_to_say() -> None:
    answer = json_answer({"naam": "Súdwest-Fryslân"}, {"Cache-Control": "no-store"})
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.body == '{"naam":"Súdwest-Fryslân"}'.encode()
