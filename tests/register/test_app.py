import logging
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn
from uuid import UUID

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from register.access import FederatedCaller
from register.app import Register
from register.tenancy import Federated, Internal, Tenants
from storage.sqlite_documents import SqliteDocuments
from tests.register.world import (
    API,
    BSN,
    CONSUMER,
    KVK,
    NOBODY,
    PEER_A,
    World,
    adres_body,
    item,
    open_world,
    persoon,
)

FSC = {"fsc-authorization": "good"}


def federated(world: World) -> Federated:
    world.verifier.allow("good", PEER_A, FederatedCaller(CONSUMER, "$1$3$hash"))
    arrival = world.register.federated(PEER_A, "klantinteracties")
    assert arrival is not None
    return arrival


async def test_every_answer_has_the_headers_that_all_have(world: World) -> None:
    for path in ("/partijen", "/onbekend", "/", f"/partijen/{NOBODY}"):
        answered = await world.call("GET", path)
        assert answered.headers["Cache-Control"] == "no-store"
        assert answered.headers["X-Content-Type-Options"] == "nosniff"
        assert answered.headers["X-Frame-Options"] == "DENY"
        assert "Content-Security-Policy" in answered.headers
        assert "Strict-Transport-Security" in answered.headers
        assert answered.headers["API-version"] == "0.9.0"


async def test_a_transaction_is_named_again(world: World) -> None:
    transaction = "01980000-0000-7000-8000-000000000000"
    answered = await world.call("GET", "/partijen", headers={"fsc-transaction-id": transaction})
    assert answered.headers["Fsc-Transaction-Id"] == transaction
    junk = await world.call("GET", "/partijen", headers={"fsc-transaction-id": "x\r\ny"})
    assert "Fsc-Transaction-Id" not in junk.headers


@pytest.mark.parametrize("path", ["/klantinteracties", "/klantinteracties/api/v1", "/klanten/api/v1/klanten", "/klant"])
async def test_other_paths_are_not_found(world: World, path: str) -> None:
    assert (await world.call("GET", path)).status == 404


async def test_no_credential_and_a_bad_one(world: World) -> None:
    for token, code in ((None, "not_authenticated"), ("wrong", "authentication_failed")):
        refused = await world.call("GET", "/partijen", token=token)
        assert (refused.status, refused.body["code"]) == (401, code)
        assert refused.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/partijen", persoon()),
        ("PUT", f"/partijen/{NOBODY}", persoon()),
        ("PATCH", f"/digitaleadressen/{NOBODY}", {}),
        ("DELETE", f"/partij-identificatoren/{NOBODY}", None),
    ],
)
async def test_each_operation_needs_its_scope(world: World, method: str, path: str, body: Any) -> None:
    refused = await world.call(method, path, body, token="aadorp-lezer")
    assert (refused.status, refused.body["code"]) == (403, "permission_denied")


async def test_another_method_is_not_allowed(world: World) -> None:
    refused = await world.call("DELETE", "/partijen")
    assert (refused.status, refused.headers["Allow"]) == (405, "GET, HEAD, POST")


async def test_another_format_is_not_acceptable_and_not_supported(world: World) -> None:
    assert (await world.call("GET", "/partijen", headers={"accept": "text/html"})).status == 406
    assert (await world.call("POST", "/partijen", {}, headers={"content-type": "text/plain"})).status == 415


async def test_a_body_that_is_no_json(world: World) -> None:
    refused = await world.call("POST", "/partijen", raw=b"{")
    assert (refused.status, refused.body["code"]) == (400, "parse_error")


async def test_a_body_has_a_limit(world: World) -> None:
    world.register.max_body_bytes = 100
    refused = await world.call("POST", "/partijen", raw=b" " * 101)
    assert (refused.status, refused.body["code"]) == (413, "content_too_large")


async def test_head_is_get_without_the_body(world: World) -> None:
    partij = await world.partij()
    for path in ("/partijen", f"/partijen/{partij['uuid']}", "/openapi.json"):
        got, head = await world.call("GET", path), await world.call("HEAD", path)
        assert (head.status, head.raw) == (200, b"")
        assert head.headers.get("ETag") == got.headers.get("ETag")
        assert head.headers["Content-Length"] == str(len(got.raw))
    missing = await world.call("HEAD", f"/partijen/{NOBODY}")
    assert (missing.status, missing.raw) == (404, b"")


async def test_the_index_and_the_documents_are_for_everybody(world: World) -> None:
    index = await world.call("GET", "/", token=None)
    assert index.body["partijen"] == f"https://klant.aadorp.test{API}/partijen"
    as_json = await world.call("GET", "/openapi.json", token=None)
    as_yaml = await world.call("GET", "/schema/openapi.yaml", token=None)
    assert as_json.body == yaml.safe_load(as_yaml.raw)
    assert as_json.body["servers"] == [{"url": f"https://klant.aadorp.test{API}"}]
    assert (await world.call("POST", "/openapi.json", {}, token=None)).status == 405


async def test_through_the_inway_urls_are_those_of_the_inway(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    arrival = federated(any_world)
    read = await any_world.call("GET", f"/partijen/{partij['uuid']}", headers=FSC, token=None, arrival=arrival)
    assert read.body["url"] == f"https://inway.aadorp.test{API}/partijen/{partij['uuid']}"
    assert read.body["partijIdentificatoren"][0]["url"].startswith("https://inway.aadorp.test/")
    assert "klant.aadorp.test" not in read.raw.decode()


async def test_through_the_inway_the_policy_decides(world: World) -> None:
    arrival = federated(world)
    query = {"partijIdentificator__codeSoortObjectId": "bsn", "partijIdentificator__objectId": BSN}
    allowed = await world.call("GET", "/partijen", query=query, headers=FSC, token=None, arrival=arrival)
    assert (allowed.status, allowed.body["count"]) == (200, 0)
    refused = await world.call("POST", "/partijen", persoon(), headers=FSC, token=None, arrival=arrival)
    assert refused.status == 403
    nobody = await world.call("GET", "/partijen", token=None, arrival=arrival)
    assert nobody.status == 401
    narrowed = await world.call("GET", "/partijen", query=query, headers=FSC, token="aadorp-lezer", arrival=arrival)
    assert narrowed.status == 403
    foreign = await world.call("GET", "/partijen", headers=FSC, token="beestad-alles", arrival=arrival)
    assert (foreign.status, foreign.body["code"]) == (403, "tenant-mismatch")


async def test_a_service_serves_its_own_family_only(world: World) -> None:
    federated(world)
    taken = world.register.federated(PEER_A, "taken")
    assert (await world.call("GET", "/partijen", headers=FSC, token=None, arrival=taken)).status == 404
    assert world.register.federated(PEER_A, "nothing") is None
    assert world.register.federated("nobody", "klantinteracties") is None


async def test_tenants_can_be_replaced_while_serving(world: World) -> None:
    closed = replace(world.a, applications=())
    world.register.use(Tenants([closed]))
    assert world.register.tenants.resolve("", "/t/aadorp/")[0] is closed
    assert (await world.call("GET", "/partijen", arrival=Internal(closed))).status == 401


async def test_a_store_that_is_down_is_a_503_without_detail(world: World) -> None:
    await world.partij()
    await world.store.close()
    refused = await world.call("GET", "/partijen")
    assert (refused.status, refused.body["code"]) == (503, "service_unavailable")
    assert refused.headers["Retry-After"] == "5"


async def test_what_goes_wrong_inside_stays_inside(world: World, caplog: pytest.LogCaptureFixture) -> None:
    async def broken(tenant: str) -> NoReturn:
        raise TypeError(f"cannot use {BSN} of {tenant}")

    world.keyring.keys = broken  # type: ignore[method-assign]
    with caplog.at_level(logging.INFO, "register"):
        refused = await world.call("GET", "/partijen")
    assert (refused.status, refused.body["code"]) == (500, "error")
    assert BSN not in refused.raw.decode() + caplog.text
    assert "TypeError" not in refused.raw.decode()
    cause = next(each for each in caplog.records if each.message == "register_unexpected_error")
    assert cause.__dict__["instance"] == refused.body["instance"]
    assert cause.__dict__["error"] == "TypeError"
    assert "app.py" in cause.__dict__["frames"]


async def test_each_request_is_one_line_without_content(world: World, caplog: pytest.LogCaptureFixture) -> None:
    await world.partij(item("bsn", BSN))
    with caplog.at_level(logging.INFO, "register"):
        refused = await world.call("POST", "/partijen", persoon(partijIdentificatoren=[item("bsn", BSN)]))
        await world.call("GET", "/partijen", query={"partijIdentificator__objectId": BSN})
    created, listed = caplog.records
    assert created.message == listed.message == "register_request"
    fields = created.__dict__
    assert (fields["tenant"], fields["resource"], fields["status"]) == ("aadorp", "/partijen", 400)
    assert (fields["reason"], fields["instance"]) == ("invalid", refused.body["instance"])
    assert (fields["application"], fields["peer_id"]) == ("alles", None)
    assert BSN not in str([each.__dict__ for each in caplog.records])


async def test_each_problem_has_its_own_instance(world: World) -> None:
    instances = {(await world.call("GET", "/onbekend")).body["instance"] for _ in range(3)}
    assert len(instances) == 3
    assert all(UUID(each.removeprefix("urn:uuid:")).version == 4 for each in instances)


def everything_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


async def test_no_bsn_reaches_the_disk_in_clear(tmp_path: Path) -> None:
    world = await open_world(SqliteDocuments(tmp_path / "register.db"))
    partij = await world.partij(item("bsn", BSN), item("kvk_nummer", KVK))
    await world.adres(partij["uuid"], "email", "zichtbaar@example.nl")
    own = partij["partijIdentificatoren"][0]["uuid"]
    await world.call("PATCH", f"/partij-identificatoren/{own}", {"anderePartijIdentificator": "x"})
    on_disk = everything_in(tmp_path)
    await world.store.close()
    on_disk += everything_in(tmp_path)
    assert b"zichtbaar@example.nl" in on_disk
    assert BSN.encode() not in on_disk
    assert KVK.encode() not in on_disk


async def test_no_bsn_is_in_headers_or_urls(world: World) -> None:
    partij = await world.partij(item("bsn", BSN))
    made = await world.call("GET", f"/partijen/{partij['uuid']}")
    listed = await world.call("GET", "/partijen", query={"partijIdentificator__objectId": BSN})
    assert BSN not in str(made.headers) + str(listed.headers)
    assert made.raw.decode().count(BSN) == 1


methods = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "", "get"])
paths = st.sampled_from(
    [f"{API}/partijen", f"{API}/partijen/_zoek", f"{API}/partijen/{NOBODY}", f"{API}/digitaleadressen", f"{API}/", "/"]
) | st.text(max_size=20).map(lambda text: f"{API}/{text}")
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.sampled_from([NOBODY, BSN, "persoon", "bsn"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["uuid", "adres", "x", "partijIdentificator"]), inner, max_size=3)
    ),
    max_leaves=6,
)
known_keys = st.sampled_from(
    [
        *persoon(),
        *adres_body(None, "", ""),
        *item("bsn", BSN),
        *(
            "partijIdentificatoren",
            "digitaleAdressen",
            "partijIdentificatie",
            "bezoekadres",
            "nummer",
            "expand",
            "page",
        ),
    ]
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(methods, paths, st.text(max_size=30), st.dictionaries(known_keys, json_values, max_size=4))
async def test_no_request_leads_to_a_500(world: World, method: str, path: str, query: str, body: Any) -> None:
    answered = await world.call(method, path, body, query=query, headers={"content-type": "application/json"})
    assert answered.status < 500, answered.raw
    if answered.status >= 400 and method != "HEAD":
        assert answered.headers["Content-Type"] == "application/problem+json"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["/partijen", "/digitaleadressen", "/partij-identificatoren"]),
    st.dictionaries(known_keys, json_values, max_size=5),
)
async def test_no_body_leads_to_a_500(world: World, path: str, body: Any) -> None:
    answered = await world.call("POST", path, {**persoon(), **body})
    assert answered.status in (201, 400), answered.raw


def test_the_register_keeps_its_limits(world: World) -> None:
    assert isinstance(world.register, Register)
    assert world.register.max_body_bytes == 10 * 1024 * 1024


async def test_a_tenant_may_refuse_a_bsn_in_a_url(world: World) -> None:
    strict = Internal(replace(world.a, bsn_in_urls=False))
    path, name = "/partijen", "partijIdentificator__objectId"
    refused = await world.call("GET", path, query={name: BSN}, arrival=strict)
    assert (refused.status, refused.body["code"]) == (403, "permission_denied")
    assert "/partijen/_zoek" in refused.body["detail"]
    assert BSN.encode() not in refused.raw
    assert (await world.call("POST", f"{path}/_zoek", {name: BSN}, arrival=strict)).status == 200
    assert (await world.call("GET", path, query={"nummer": "1"}, arrival=strict)).status == 200
