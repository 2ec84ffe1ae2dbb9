"""JSON from the environment, as strict as the file: no duplicate names, no NaN, bounded depth. Pure."""

import json
from typing import NoReturn, cast

from pydantic import JsonValue

from config.yaml_document import MAX_DEPTH


def parse_json(text: str) -> JsonValue:
    """Parse JSON.

    Raises: ValueError, which tells the place of a fault but repeats nothing of the text.
    """
    try:
        value = cast(JsonValue, json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant))
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error
    _check_depth(value)
    return value


_TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"


def _check_depth(value: JsonValue) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [child for parent in level for child in _children(parent)]
    if any(isinstance(item, list | dict) for item in level):
        raise ValueError(_TOO_DEEP)


def _children(value: JsonValue) -> list[JsonValue]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _unique(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("not JSON that we read: a name is there twice in one object")
    return found


def _no_constant(_: str) -> NoReturn:
    raise ValueError("not JSON: NaN and Infinity do not exist there")
