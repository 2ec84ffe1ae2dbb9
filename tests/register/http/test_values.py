from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.errors import Faults
from register.http.values import Moment, Texts, parse_day, parse_uuid


def faults_of(field: Moment | Texts, value: Any) -> dict[str, str]:
    faults = Faults()
    field.read(value, "veld", faults)
    return {each.name: each.code for each in faults.params}


@given(st.text(max_size=40))
def test_days_and_ids_are_read_or_not(text: str) -> None:
    assert parse_day(text) in (None, text)
    assert parse_uuid(text) in (None, text.lower())


def test_an_instant_is_read_in_utc() -> None:
    assert Moment().read("2026-03-01T12:00:00+01:00", "veld", Faults()) == "2026-03-01T11:00:00Z"
    for wrong in ("2026-03-01", "nu", 5, None, ["2026-03-01T12:00:00Z"]):
        assert faults_of(Moment(), wrong) == {"veld": "invalid"}
    assert Moment().schema()["format"] == "date-time"


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({}, {}),
        ({"a": "b", "c": ""}, {}),
        (["a"], {"veld": "not_a_dict"}),
        ({"a": 1}, {"veld": "invalid", "veld.a": "invalid"}),
        ({"a": {"b": "c"}}, {"veld": "invalid", "veld.a": "invalid"}),
        ({"": "b"}, {"veld": "invalid"}),
        ({"a": "x" * 6}, {"veld": "invalid", "veld.a": "max_length"}),
        ({"a": "", "b": "", "c": ""}, {"veld": "max_length"}),
    ],
)
def test_texts_by_names_of_the_callers_own(value: Any, faults: dict[str, str]) -> None:
    assert faults_of(Texts(5, 2), value) == faults
    if not faults:
        assert Texts(5, 2).read(value, "veld", Faults()) == value
