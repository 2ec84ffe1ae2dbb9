from collections.abc import Iterator
from typing import Any

import yaml
from jsonschema import Draft4Validator

from register.families.klantinteracties.family import KLANTINTERACTIES
from register.http.resource import Resource
from register.openapi import OpenApi
from tests.register.world import BSN, World, item

ROOT = "https://x.test/klantinteracties/api/v1"
DOCUMENT = OpenApi(KLANTINTERACTIES).as_json(ROOT)
SCHEMAS = DOCUMENT["components"]["schemas"]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


def test_every_reference_points_somewhere() -> None:
    assert {each.rsplit("/", 1)[-1] for each in references(DOCUMENT)} <= set(SCHEMAS)


def test_every_resource_has_its_paths_and_operations() -> None:
    assert set(DOCUMENT["paths"]["/maak-klantcontact"]) == {"post"}
    for resource in KLANTINTERACTIES.resources:
        if not isinstance(resource, Resource):
            continue
        assert set(DOCUMENT["paths"][f"/{resource.name}"]) == {"get", "post"}
        assert {"get", "put", "patch", "delete"} <= set(DOCUMENT["paths"][f"/{resource.name}/{{uuid}}"])
        assert (f"/{resource.name}/_zoek" in DOCUMENT["paths"]) == resource.searchable
        listed = {each["name"] for each in DOCUMENT["paths"][f"/{resource.name}"]["get"]["parameters"]}
        assert listed >= {*resource.parameters, "page", "pageSize"}


def test_operation_ids_are_unique_and_those_that_clients_know() -> None:
    ids = [
        operation["operationId"]
        for path in DOCUMENT["paths"].values()
        for operation in path.values()
        if isinstance(operation, dict)
    ]
    assert len(ids) == len(set(ids))
    assert {"partijenList", "partijenPartialUpdate", "digitaleadressenDestroy"} <= set(ids)


def test_yaml_says_the_same() -> None:
    assert yaml.safe_load(OpenApi(KLANTINTERACTIES).as_yaml(ROOT)) == DOCUMENT


async def test_answers_are_as_described(world: World) -> None:
    partij = await world.partij(item("bsn", BSN), bezoekadres={"stad": "Aadorp", "huisnummer": 1})
    await world.adres(partij["uuid"], "email", "a@example.nl")
    for path, schema in (("partijen", "Partij"), ("digitaleadressen", "DigitaalAdres")):
        page = (await world.call("GET", f"/{path}", query="expand=")).body
        for each in page["results"]:
            assert set(each) <= set(SCHEMAS[schema]["properties"])
            assert set(SCHEMAS[schema]["properties"]) - set(each) <= {"_expand"}
            check(each, SCHEMAS[schema])
    problem = (await world.call("POST", "/partijen", {})).body
    check(problem, SCHEMAS["Fout"])


def check(value: Any, schema: Any) -> None:
    """Validate against an OpenAPI 3.0 schema: as JSON Schema draft 4, with `nullable` read as another type."""
    Draft4Validator(nullable(schema)).validate(value)


def nullable(schema: Any) -> Any:
    if isinstance(schema, list):
        return [nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: nullable(each) for key, each in schema.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain
