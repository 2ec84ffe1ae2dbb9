"""Grant properties: a JSON object that goes into a contract and is hashed there, so it must be I-JSON. Pure.

Standard: FSC Core, properties of a Grant; RFC 7493 (numbers, text); RFC 8785 cannot hash anything else.
"""

import json
import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

MAX_PROPERTIES_BYTES: Final = 1_048_576
_SAFE_INTEGER: Final = 2**53 - 1


def frozen_properties(value: Mapping[str, JsonValue]) -> Mapping[str, JsonValue]:
    """Take `value` as the properties of a Grant; the result cannot be changed.

    Raises: ValueError, when a value cannot be hashed or all of it is larger than a contract should carry.
    """
    properties = dict(value)
    _check_i_json(properties)
    if len(json.dumps(properties, ensure_ascii=False).encode()) > MAX_PROPERTIES_BYTES:
        raise ValueError(f"holds more than {MAX_PROPERTIES_BYTES} bytes")
    return MappingProxyType(properties)


def _check_i_json(value: JsonValue) -> None:
    match value:
        case dict():
            for key, item in value.items():
                _check_i_json(key)
                _check_i_json(item)
        case list():
            for item in value:
                _check_i_json(item)
        case str() if any("\ud800" <= character <= "\udfff" for character in value):
            raise ValueError("holds text that is not Unicode (half of a surrogate pair)")
        case float() if not math.isfinite(value):
            raise ValueError("holds a number that JSON does not have")
        case int() if not isinstance(value, bool) and abs(value) > _SAFE_INTEGER:
            raise ValueError("holds a whole number beyond 2^53, which loses digits on its way: write it as text")
