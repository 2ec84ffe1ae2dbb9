"""Bodies as text: the one place where a JSON object becomes what is stored, and what is stored a JSON object."""

import json
from collections.abc import Mapping
from typing import Any, cast

from storage.documents import JsonObject
from storage.errors import StoreUnavailable

MAX_BODY_BYTES = 15_000_000
"""Every back end can hold one document of this size."""

_render = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def render_body(body: Mapping[str, Any]) -> str:
    """Write the body as compact JSON.

    Raises: ValueError when it is not JSON (other types, NaN, infinity, lone surrogates, endless nesting) or too big.
    """
    try:
        text = _render(dict(body))
        size = len(text.encode())
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(
            "a body holds only objects, lists, Unicode text, finite numbers, booleans and null, not nested too deep"
        ) from error
    if size > MAX_BODY_BYTES:
        raise ValueError(f"the body is {size} bytes as JSON; at most {MAX_BODY_BYTES} can be stored")
    return text


def parse_body(text: str) -> JsonObject:
    """Read what `render_body` wrote. Raises: StoreUnavailable when it was damaged since."""
    try:
        return cast(JsonObject, json.loads(text))
    except (ValueError, RecursionError) as error:
        raise StoreUnavailable("a stored body is damaged: restore it from a backup") from error
