import json
import math
from typing import Any

import pytest
from pydantic import JsonValue

from config.properties import MAX_PROPERTIES_BYTES, frozen_properties


def test_properties_cannot_be_changed_and_do_not_follow_their_source() -> None:
    source: dict[str, JsonValue] = {"a": [1, {"b": None}], "c": 1.5, "d": True}
    properties: Any = frozen_properties(source)
    source["a"] = 2
    assert json.loads(json.dumps(dict(properties))) == {"a": [1, {"b": None}], "c": 1.5, "d": True}
    with pytest.raises(TypeError):
        properties["e"] = 1


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"a": [math.inf]}, "a number that JSON does not have"),
        ({"a": {"b": math.nan}}, "a number that JSON does not have"),
        ({"a": 2**53}, r"beyond 2\^53"),
        ({"a": -(2**53)}, r"beyond 2\^53"),
        ({"a": "\ud800"}, "not Unicode"),
        ({"\udfff": 1}, "not Unicode"),
        ({"a": "x" * MAX_PROPERTIES_BYTES}, "more than 1048576 bytes"),
    ],
)
def test_what_cannot_be_hashed_or_carried_is_refused(value: dict[str, JsonValue], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        frozen_properties(value)


def test_the_largest_safe_integer_is_fine() -> None:
    assert frozen_properties({"a": 2**53 - 1})["a"] == 2**53 - 1
