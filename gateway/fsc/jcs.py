"""JSON that can be hashed: strict I-JSON in, the canonical form out.

Standard: FSC Core, JSON; RFC 8259, RFC 7493 (I-JSON), RFC 8785 (JCS).

What is parsed here is one value for every reader: no duplicate names, no lone surrogates, no number that a double
cannot hold. Numbers beyond 2^53-1 are refused whether written as integer or not, because the canonical form writes
both alike: so `parse_json(canonicalise(x)) == x` for everything that parses, whatever store it went through.
"""

import json
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, NoReturn, TypeAlias

import rfc8785

from gateway.errors import InvalidRequest, quoted

JsonObject: TypeAlias = dict[str, Any]

MAX_DEPTH = 64
MAX_NUMBER = 2**53 - 1
MAX_CONTAINERS = 200_000
"""Objects and lists in one text: each takes some hundred bytes of memory, and two of text."""
MAX_MEMBERS = 500_000
"""Commas in one text, those within its strings included: how long it takes to read and to hash."""

_MAX_INTEGER_LENGTH = len(str(-MAX_NUMBER))
_MAX_DECIMAL_LENGTH = 400
_NUMBERS_AND_LITERALS = (int, float, bool, type(None))
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
_SURROGATE = re.compile("[\ud800-\udfff]")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class _Members(list[tuple[str, Any]]):
    """The members of one object as they stand in the text, duplicates included."""


class _Limits(NamedTuple):
    """How deep and how long what is read may be."""

    depth: int
    items: int


def parse_json(data: bytes, *, max_depth: int = MAX_DEPTH, max_items: int = MAX_MEMBERS) -> JsonObject:
    """Read one JSON object that obeys I-JSON.

    Shape: the object itself is depth 1; no list has more than `max_items` items. The caller has limited the size of
    `data`.
    Raises: InvalidRequest, naming the line and column, or the JSON pointer.
    """
    if data.startswith(_BYTE_ORDER_MARK):
        raise InvalidRequest("the JSON starts with a byte order mark; send UTF-8 without one")
    _check_count(data)
    try:
        value = json.loads(
            data.decode(),
            object_pairs_hook=_Members,
            parse_int=_parse_integer,
            parse_float=_parse_decimal,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"the JSON is not UTF-8: see byte {error.start}") from error
    except json.JSONDecodeError as error:
        text = f"the JSON is malformed at line {error.lineno}, column {error.colno}: {error.msg}"
        raise InvalidRequest(text) from error
    except RecursionError as error:
        raise InvalidRequest(f"the JSON is nested deeper than {max_depth} levels") from error
    if not isinstance(value, _Members):
        raise InvalidRequest("the JSON must be an object")
    return _object(value, (), _Limits(max_depth, max_items))


def canonicalise(value: JsonObject) -> bytes:
    """The one spelling of `value` that hashes are taken over.

    Standard: RFC 8785.
    Raises: InvalidRequest for a value that did not come from `parse_json` and is no I-JSON.
    """
    try:
        return _encode(value).encode() if _is_plain((value,)) else rfc8785.dumps(value)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"the value has no canonical JSON form: {error}") from error


def json_pointer(path: tuple[str | int, ...]) -> str:
    """The JSON pointer (RFC 6901) of a place, cut short where a Peer chose an endless name."""
    pointer = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return quoted(pointer, limit=200)


def _is_plain(values: Iterable[object]) -> bool:
    """Whether Python's own encoder, which is many times faster, spells these values as RFC 8785 does.

    It sorts names by code point and writes the decimals of Python, so names are ASCII and there are no decimals.
    """
    for value in values:
        kind = type(value)
        if kind is str or kind is bool or value is None:
            continue
        if isinstance(value, dict):
            if not all(type(name) is str and name.isascii() for name in value) or not _is_plain(value.values()):
                return False
        elif isinstance(value, list):
            if not _is_plain(value):
                return False
        elif kind is not int or not -MAX_NUMBER <= value <= MAX_NUMBER:  # type: ignore[operator]
            return False
    return True


def _check_count(data: bytes) -> None:
    """Refuse, before it is read, what would take memory and time out of all proportion to its size."""
    if data.count(b"{") + data.count(b"[") > MAX_CONTAINERS:
        raise InvalidRequest(f"the JSON has more than {MAX_CONTAINERS} objects and lists")
    if data.count(b",") > MAX_MEMBERS:
        raise InvalidRequest(f"the JSON has more than {MAX_MEMBERS} members and items")


def _object(members: _Members, path: tuple[str | int, ...], limits: _Limits) -> JsonObject:
    _check_depth(path, limits.depth)
    result: JsonObject = {}
    for name, value in members:
        here = (*path, name)
        if name in result:
            raise InvalidRequest(f"the JSON has the name at {json_pointer(here)} twice")
        _check_text(name, here)
        result[name] = _value(value, here, limits)
    return result


def _value(value: Any, path: tuple[str | int, ...], limits: _Limits) -> Any:
    if isinstance(value, _Members):
        return _object(value, path, limits)
    if isinstance(value, list):
        _check_depth(path, limits.depth)
        if len(value) > limits.items:
            raise InvalidRequest(
                f"the JSON has {len(value)} items in the list at {json_pointer(path)}; at most {limits.items} are read"
            )
        return [
            item if isinstance(item, _NUMBERS_AND_LITERALS) else _value(item, (*path, index), limits)
            for index, item in enumerate(value)
        ]
    if isinstance(value, str):
        _check_text(value, path)
    return value


def _check_depth(path: tuple[str | int, ...], max_depth: int) -> None:
    if len(path) >= max_depth:
        raise InvalidRequest(f"the JSON is nested deeper than {max_depth} levels at {json_pointer(path)}")


def _check_text(text: str, path: tuple[str | int, ...]) -> None:
    if _SURROGATE.search(text):
        raise InvalidRequest(f"the JSON has half a surrogate pair at {json_pointer(path)}")


def _parse_integer(literal: str) -> int:
    if len(literal) <= _MAX_INTEGER_LENGTH:
        number = int(literal)
        if -MAX_NUMBER <= number <= MAX_NUMBER:
            return number
    raise _too_large(literal)


def _parse_decimal(literal: str) -> float:
    if len(literal) <= _MAX_DECIMAL_LENGTH:
        number = float(literal)
        if abs(number) <= MAX_NUMBER:
            return number
    raise _too_large(literal)


def _too_large(literal: str) -> InvalidRequest:
    return InvalidRequest(
        f"the JSON has the number {quoted(literal, 40)}: larger or longer than a double can hold exactly"
    )


def _refuse_constant(literal: str) -> NoReturn:
    raise InvalidRequest(f"the JSON has {literal}, which is no JSON number")
