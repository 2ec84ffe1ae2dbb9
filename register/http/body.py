"""Reads a JSON request body: strictly, and within limits."""

import json
from collections.abc import Mapping
from typing import Any

from register.errors import NON_FIELD, Faults, ParseError, UnsupportedMediaType
from register.http.messages import JSON
from storage.documents import JsonObject

MAX_DEPTH = 16
_MERGE_PATCH = "application/merge-patch+json"


def read_object(method: str, headers: Mapping[str, str], body: bytes) -> JsonObject:
    """The JSON object that was sent.

    Refused: another media type, text that is not UTF-8, a key that occurs twice, NaN and Infinity, deep nesting.
    Raises: UnsupportedMediaType, ParseError, ValidatieFout when it is JSON but no object.
    """
    check_media_type(method, headers)
    value = _parse(body)
    if not isinstance(value, dict):
        faults = Faults()
        faults.add(NON_FIELD, "invalid", "Een JSON-object werd verwacht.")
        faults.check()
    assert isinstance(value, dict)
    return value


def check_media_type(method: str, headers: Mapping[str, str]) -> None:
    """Raise UnsupportedMediaType unless the body is declared as JSON."""
    media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    accepted = (JSON, _MERGE_PATCH) if method == "PATCH" else (JSON,)
    if media_type not in accepted:
        raise UnsupportedMediaType


def _parse(body: bytes) -> Any:
    try:
        text = body.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_without_duplicates, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ParseError from error
    if _depth_exceeds(value, MAX_DEPTH):
        raise ParseError(f"De inhoud is dieper genest dan {MAX_DEPTH} niveaus.")
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> JsonObject:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key occurs twice")
    return result


def _no_constant(_name: str) -> Any:
    raise ValueError("not a JSON value")


def _depth_exceeds(value: Any, limit: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    if limit == 0:
        return True
    children = value.values() if isinstance(value, dict) else value
    return any(_depth_exceeds(child, limit - 1) for child in children)
