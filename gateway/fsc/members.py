"""Read the members of a JSON object by the type that they must have.

Every function raises ValueError with a text that reads after the name of the whole: "the access token " + text.
"""

from collections.abc import Callable
from typing import TypeVar

from gateway.fsc.jcs import MAX_NUMBER, JsonObject

_T = TypeVar("_T")


def text_member(source: JsonObject, name: str, parse: Callable[[str], _T]) -> _T:
    """A string that must be there, parsed."""
    value = source.get(name)
    if not isinstance(value, str):
        raise ValueError(f"has no {name} that is a string")
    try:
        return parse(value)
    except ValueError as error:
        raise ValueError(f"has a malformed {name}: {error}") from error


def optional_text_member(source: JsonObject, name: str, parse: Callable[[str], _T]) -> _T | None:
    """A string that may be absent or null, parsed."""
    return None if source.get(name) is None else text_member(source, name, parse)


def optional_object_member(source: JsonObject, name: str) -> JsonObject | None:
    """An object that may be absent or null."""
    value = source.get(name)
    if value is None or isinstance(value, dict):
        return value
    raise ValueError(f"has a {name} that is not an object")


def object_member(source: JsonObject, name: str) -> JsonObject:
    """An object that must be there."""
    value = optional_object_member(source, name)
    if value is None:
        raise ValueError(f"has no {name}")
    return value


def instant_member(source: JsonObject, name: str) -> int:
    """An instant in whole Unix seconds that must be there."""
    value = source.get(name)
    if type(value) is int and 0 <= value <= MAX_NUMBER:
        return value
    raise ValueError(f"has no {name} in whole Unix seconds")
