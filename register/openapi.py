"""The OpenAPI document of a family, made from its declarations: what is described is what works (OpenAPI 3.0.3)."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import yaml

from register.http.family import Family
from register.http.operations import CASCADE
from register.http.pages import PARAMETERS
from register.http.resource import Maker, Resource
from register.http.routing import ACTIONS, SEARCH_SEGMENT, Operation
from storage.documents import JsonObject

_TEXT: JsonObject = {"type": "string"}
_FOUT: JsonObject = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "code": _TEXT,
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
        "instance": {"type": "string", "format": "uri"},
    },
    "required": ["type", "code", "title", "status", "detail", "instance"],
}
_INVALID_PARAM: JsonObject = {
    "type": "object",
    "properties": dict.fromkeys(("name", "code", "reason"), _TEXT),
    "required": ["name", "code", "reason"],
}
_VALIDATIE_FOUT: JsonObject = {
    "allOf": [
        {"$ref": "#/components/schemas/Fout"},
        {"type": "object", "properties": {"invalidParams": {"type": "array", "items": _INVALID_PARAM}}},
    ]
}
_UUID: JsonObject = {"name": "uuid", "in": "path", "required": True, "schema": {"type": "string", "format": "uuid"}}
_PROBLEMS = {"400": "ValidatieFout", "default": "Fout"}


class OpenApi:
    """The documents of one family, each made when it is first asked for."""

    def __init__(self, family: Family) -> None:
        self._family = family

    @cached_property
    def _document(self) -> JsonObject:
        return _document(self._family)

    @cached_property
    def _yaml(self) -> str:
        return yaml.dump(self._document, Dumper=_Dumper, sort_keys=False, allow_unicode=True)

    def as_json(self, root: str) -> JsonObject:
        """The document for a caller whose URLs of this family start with `root`."""
        return {**self._document, "servers": [{"url": root}]}

    def as_yaml(self, root: str) -> str:
        """The same as YAML."""
        return self._yaml + yaml.safe_dump({"servers": [{"url": root}]}, allow_unicode=True)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _document(family: Family) -> JsonObject:
    schemas: JsonObject = {"Fout": _FOUT, "ValidatieFout": _VALIDATIE_FOUT}
    paths: JsonObject = {}
    for resource in family.resources:
        schemas[resource.schema_name] = _shape(resource)
        if not isinstance(resource, Resource):
            described = _Describer(family, resource).operation(
                "Create", Operation.CREATE, "201", resource.schema_name, body=resource.schema_name
            )
            paths[f"/{resource.name}"] = {"post": described}
            continue
        schemas[f"Patched{resource.schema_name}"] = {**_shape(resource), "required": []}
        schemas[f"Paginated{resource.schema_name}List"] = _page_of(resource.schema_name)
        paths.update(_paths(family, resource))
    for schema in schemas.values():
        if schema.get("required") == []:
            del schema["required"]
    return {
        "openapi": "3.0.3",
        "info": {"title": family.title, "version": family.version, "license": {"name": "EUPL-1.2"}},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {"tokenAuth": {"type": "apiKey", "in": "header", "name": "Authorization"}},
        },
        "security": [{"tokenAuth": []}],
    }


def _shape(resource: Maker[Any]) -> JsonObject:
    schema = resource.shape.schema()
    if isinstance(resource, Resource) and resource.expand:
        schema["properties"]["_expand"] = {"type": "object", "readOnly": True}
    return schema


def _page_of(name: str) -> JsonObject:
    link = {"type": "string", "format": "uri", "nullable": True}
    results = {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}
    return {
        "type": "object",
        "required": ["count", "next", "previous", "results"],
        "properties": {"count": {"type": "integer"}, "next": link, "previous": link, "results": results},
    }


def _paths(family: Family, resource: Resource[Any]) -> JsonObject:
    collection, item = f"/{resource.name}", f"/{resource.name}/{{uuid}}"
    expand = _expand(resource)
    one, page = resource.schema_name, f"Paginated{resource.schema_name}List"
    filters = [_in_query(name, schema) for name, schema in {**resource.parameters, **PARAMETERS}.items()]
    described = _Describer(family, resource)
    paths: JsonObject = {
        collection: {
            "get": described.operation("List", Operation.LIST, "200", page, parameters=[*filters, *expand]),
            "post": described.operation("Create", Operation.CREATE, "201", one, body=one),
        },
        item: {
            "parameters": [_UUID],
            "get": described.operation("Retrieve", Operation.RETRIEVE, "200", one, parameters=expand),
            "put": described.operation("Update", Operation.REPLACE, "200", one, body=one),
            "patch": described.operation("PartialUpdate", Operation.PATCH, "200", one, body=f"Patched{one}"),
            "delete": _removal(resource, described),
        },
    }
    if resource.searchable:
        keys = {**resource.parameters, **PARAMETERS, **{each["name"]: each["schema"] for each in expand}}
        search = described.operation("Zoek", Operation.SEARCH, "200", page)
        content = {"application/json": {"schema": {"type": "object", "properties": keys}}}
        search["requestBody"] = {"required": True, "content": content}
        paths[f"{collection}/{SEARCH_SEGMENT}"] = {"post": search}
    return paths


def _removal(resource: Resource[Any], described: "_Describer") -> JsonObject:
    if resource.cascade is None:
        return described.operation("Destroy", Operation.REMOVE, "204", "")
    parameters = [_in_query(name, schema) for name, schema in CASCADE.parameters.items()]
    operation = described.operation("Destroy", Operation.REMOVE, "204", "", parameters=parameters)
    told = {"application/json": {"schema": {"type": "object"}}}
    operation["responses"]["200"] = {**operation["responses"]["204"], "content": told}
    return operation


def _expand(resource: Resource[Any]) -> list[JsonObject]:
    if not resource.expand:
        return []
    schema = {"type": "array", "items": {"type": "string", "enum": list(resource.expand)}}
    return [{**_in_query("expand", schema), "explode": False, "style": "form"}]


def _in_query(name: str, schema: Mapping[str, Any]) -> JsonObject:
    return {"name": name, "in": "query", "required": False, "schema": dict(schema)}


class _Describer:
    """Writes the operations of one resource."""

    def __init__(self, family: Family, resource: Maker[Any]) -> None:
        self._family, self._resource = family, resource

    def operation(
        self,
        name: str,
        operation: Operation,
        status: str,
        answer: str,
        *,
        body: str = "",
        parameters: list[JsonObject] | None = None,
    ) -> JsonObject:
        version = {"API-version": {"schema": {"type": "string"}}}
        done: JsonObject = {"description": "Gelukt.", "headers": version}
        if answer:
            done["content"] = _content("application/json", answer)
        responses = {status: done}
        for key, schema in _PROBLEMS.items():
            content = _content("application/problem+json", schema)
            responses[key] = {"description": "Niet gelukt.", "headers": version, "content": content}
        described: JsonObject = {
            "operationId": f"{self._resource.name.replace('-', '')}{name}",
            "description": f"Benodigde scope: {self._family.name}.{ACTIONS[operation]}.",
            "tags": [self._resource.name],
            "responses": responses,
        }
        if parameters:
            described["parameters"] = parameters
        if body:
            described["requestBody"] = {"required": True, "content": _content("application/json", body)}
        return described


def _content(media_type: str, schema: str) -> JsonObject:
    return {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
