"""The description is made from the routes, so that neither can lack what the other has."""

import re

import pytest
from aiohttp import web

from clock import SystemClock
from gateway.admin.accounts import COLLECTIONS, Accounts
from gateway.admin.api import AdminApi
from gateway.admin.openapi import Operation, openapi
from storage.memory import MemoryDocuments


async def _handler(_: web.Request) -> web.Response:
    return web.Response()


def test_an_operation_tells_its_parameters_body_and_answers() -> None:
    body = {"type": "object"}
    operation = Operation(
        "POST",
        "/a/{slug}/{kind:b|c}",
        "Do it",
        _handler,
        success=201,
        query=(("limit", "How many"),),
        body=body,
    )
    document = openapi([operation], version="1.2.3")
    assert document["info"]["version"] == "1.2.3"
    described = document["paths"]["/a/{slug}/{kind}"]["post"]
    assert (described["summary"], described["operationId"]) == ("Do it", "handler")
    assert [(one["name"], one["in"]) for one in described["parameters"]] == [
        ("slug", "path"),
        ("kind", "path"),
        ("limit", "query"),
    ]
    assert set(described["responses"]) == {"201", "default"}
    assert described["requestBody"]["content"] == {"application/json": {"schema": body}}
    reference = described["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"]
    assert reference.removeprefix("#/components/schemas/") in document["components"]["schemas"]


@pytest.fixture
async def api() -> AdminApi:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return AdminApi(dict, Accounts(store), SystemClock(), "1.2.3")


async def test_the_description_lists_exactly_the_routes(api: AdminApi) -> None:
    document = openapi(api.operations, version="1")
    described = {(method.upper(), path) for path, one in document["paths"].items() for method in one}
    routes = {
        (route.method, re.sub(r"{(\w+):[^}]*}", r"{\1}", resource.canonical))
        for resource in api.app(sign_in=True).router.resources()
        for route in resource
        if route.method != "HEAD"  # comes with every GET
    }
    assert described == routes
    assert len(described) == len(api.operations)


async def test_operations_have_names_of_their_own(api: AdminApi) -> None:
    document = openapi(api.operations, version="1")
    names = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(names)) == len(names)
