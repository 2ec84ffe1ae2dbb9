"""Members of a JSON object."""

from typing import Any

import pytest

from gateway.fsc.members import (
    instant_member,
    object_member,
    optional_object_member,
    optional_text_member,
    text_member,
)
from gateway.fsc.names import parse_service_name


@pytest.mark.parametrize("source", [{}, {"svc": None}, {"svc": 1}, {"svc": ["brp"]}, {"svc": {}}])
def test_a_text_must_be_there(source: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has no svc that is a string"):
        text_member(source, "svc", parse_service_name)


def test_a_text_must_have_its_form() -> None:
    with pytest.raises(ValueError, match="has a malformed svc: must be 1 to 100"):
        text_member({"svc": "a b"}, "svc", parse_service_name)
    assert text_member({"svc": "brp"}, "svc", parse_service_name) == "brp"


def test_an_optional_text_may_be_absent_or_null_but_not_wrong() -> None:
    assert optional_text_member({}, "svc", parse_service_name) is None
    assert optional_text_member({"svc": None}, "svc", parse_service_name) is None
    assert optional_text_member({"svc": "brp"}, "svc", parse_service_name) == "brp"
    for wrong in (1, "", False):
        with pytest.raises(ValueError, match="svc"):
            optional_text_member({"svc": wrong}, "svc", parse_service_name)


def test_an_object_must_be_an_object() -> None:
    assert optional_object_member({"cnf": None}, "cnf") is None
    assert object_member({"cnf": {"a": 1}}, "cnf") == {"a": 1}
    with pytest.raises(ValueError, match="has no cnf"):
        object_member({}, "cnf")
    wrongs: list[Any] = [[], "x", 0, False]
    for wrong in wrongs:
        with pytest.raises(ValueError, match="cnf that is not an object"):
            object_member({"cnf": wrong}, "cnf")


@pytest.mark.parametrize("value", [None, "1", 1.0, True, -1, 2**53, [1]])
def test_an_instant_is_a_whole_number_of_seconds(value: Any) -> None:
    with pytest.raises(ValueError, match="has no exp in whole Unix seconds"):
        instant_member({"exp": value}, "exp")
    assert instant_member({"exp": 0}, "exp") == 0
