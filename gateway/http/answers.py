"""Answers in JSON, written straight as UTF-8: lists of Contracts are large, tokens many."""

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web
from pydantic_core import to_json

from storage.documents import JsonObject

_NONE: Mapping[str, str] = MappingProxyType({})


def json_answer(body: JsonObject, headers: Mapping[str, str] = _NONE) -> web.Response:
    """200 with `body`, all of whose texts are well-formed: they came through `parse_json` or are ours."""
    return web.Response(body=to_json(body), headers={"Content-Type": "application/json; charset=utf-8", **headers})
