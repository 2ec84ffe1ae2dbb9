"""The OpenAPI description of the administration API, made from the same table as its routes."""

import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from storage.documents import JsonObject


@dataclass(frozen=True, slots=True)
class Operation:
    """One route: what it takes, what it does, who does it. `query` maps a parameter to its description."""

    method: str
    path: str
    summary: str
    handler: Callable[[web.Request], Awaitable[web.Response]]
    success: int = 200
    query: tuple[tuple[str, str], ...] = ()
    body: JsonObject | None = None

    @property
    def route(self) -> web.RouteDef:
        """As aiohttp wants it."""
        return web.route(self.method, self.path, self.handler)


def openapi(operations: Sequence[Operation], *, version: str) -> JsonObject:
    """The OpenAPI 3.1 document of `operations`."""
    paths: dict[str, JsonObject] = {}
    for one in operations:
        path = re.sub(r"{(\w+):[^}]*}", r"{\1}", one.path)
        paths.setdefault(path, {})[one.method.lower()] = _operation(one, path)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Klantenregister administration", "version": version},
        "paths": paths,
        "components": {
            "schemas": {
                "Problem": {
                    "type": "object",
                    "properties": {
                        "type": {"type": "string"},
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                    },
                    "required": ["type", "title", "status", "detail"],
                }
            }
        },
    }


def _operation(one: Operation, path: str) -> JsonObject:
    parameters: list[JsonObject] = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"{(\w+)}", path)
    ]
    parameters += [
        {"name": name, "in": "query", "description": text, "schema": {"type": "string"}} for name, text in one.query
    ]
    problem = {"content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    described: JsonObject = {
        "summary": one.summary,
        "operationId": one.handler.__name__.strip("_"),
        "parameters": parameters,
        "responses": {
            str(one.success): {"description": one.summary},
            "default": {"description": "It was refused; `detail` says why and what to do.", **problem},
        },
    }
    if one.body is not None:
        described["requestBody"] = {"required": True, "content": {"application/json": {"schema": one.body}}}
    return described
