"""Every answer of the Manager, refusals included, against the schemas of the standard."""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from jsonschema import Draft202012Validator

from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, TransactionId
from gateway.fsc.signature import SignatureType
from tests.gateway.harness import (
    FOREIGN,
    PROVIDER,
    SERVICE,
    Answer,
    connection,
    content_hash_of,
    delegated_connection,
    delegated_publication,
    grant_hash_of,
    key_pair,
    publication,
)
from tests.gateway.manager.scene import Scene

SCHEMAS = json.loads((Path(__file__).parents[2] / "vectors" / "manager_responses.json").read_text())
SIGNING = "PUT /contracts/{hash}/accept 422"


@cache
def _validator(operation: str) -> Any:
    return Draft202012Validator({**SCHEMAS["responses"][operation], "$defs": SCHEMAS["$defs"]})


def follows(answer: Answer, operation: str) -> JsonObject:
    """The body, which follows the schema of `operation` (method, path and status)."""
    assert answer.status == int(operation.rsplit(" ", 1)[1]), answer.text
    assert answer.headers["Content-Type"].startswith("application/json")
    body: JsonObject = answer.json
    _validator(operation).validate(body)
    return body


def test_the_schemas_are_schemas_and_refuse_something() -> None:
    for operation in SCHEMAS["responses"]:
        Draft202012Validator.check_schema(_validator(operation).schema)
    assert not _validator("GET /peer 200").is_valid({"peer_id": PROVIDER})
    wrong = {"services": [{"type": "SERVICE_TYPE_SERVICE", "data": {}}], "pagination": {}}
    assert not _validator("GET /services 200").is_valid(wrong)


async def _all_kinds(scene: Scene) -> list[JsonObject]:
    """A Contract of each kind, that all who matter accepted."""
    pair = scene.foreign.pair
    grants: list[Grant] = [
        connection(pair, FOREIGN, PROVIDER),
        delegated_connection(pair, FOREIGN, PROVIDER, on_behalf_of=FOREIGN, delegator=PROVIDER),
        publication(PROVIDER, FOREIGN).model_copy(update={"properties": {"a": [1, None]}}),
        delegated_publication(PROVIDER, FOREIGN, PROVIDER),
    ]
    contents = [scene.content(grant) for grant in grants]
    for content in contents:
        assert (await scene.foreign.submit(scene.peer, content)).status == 201
    return contents


async def test_lists_follow_the_schema(agreeable: Scene) -> None:
    contents = await _all_kinds(agreeable)
    await agreeable.foreign.put(agreeable.peer, contents[0], SignatureType.REVOKE)
    listed = follows(await agreeable.foreign.get(agreeable.peer, "/contracts"), "GET /contracts 200")
    assert {content_hash_of(one["content"]) for one in listed["contracts"]} == {
        content_hash_of(one) for one in contents
    }
    services = follows(await agreeable.foreign.get(agreeable.peer, "/services"), "GET /services 200")
    assert [one["type"] == one["data"]["type"] for one in services["services"]] == [True, True]
    assert follows(await agreeable.foreign.get(agreeable.peer, "/peers"), "GET /peers 200")["peers"]
    follows(await agreeable.foreign.get(agreeable.peer, "/contracts?limit=1"), "GET /contracts 200")
    follows(await agreeable.foreign.get(agreeable.peer, "/services?limit=1"), "GET /services 200")


async def test_what_we_tell_of_ourselves_follows_the_schema(scene: Scene) -> None:
    follows(await scene.foreign.get(scene.peer, "/peer"), "GET /peer 200")


@pytest.mark.parametrize("algorithm", ["ec", "rsa"])
async def test_keys_follow_the_schema(scene: Scene, algorithm: str) -> None:
    pairs = (key_pair(PROVIDER, host=f"manager-{PROVIDER}.localhost", algorithm=algorithm),)
    hosted = await scene.group.host(PROVIDER, key_pairs=pairs)
    keys = follows(await scene.foreign.get(hosted.peer, "/.well-known/jwks.json"), "GET /.well-known/jwks.json 200")
    assert {"x5c", "x5t", "x5t#s256", "kid", "alg", "use"} <= set(keys["keys"][0])


async def test_tokens_and_their_refusals_follow_the_schema(agreeable: Scene) -> None:
    content = (await _all_kinds(agreeable))[0]
    form = {"grant_type": "client_credentials", "scope": grant_hash_of(content), "client_id": FOREIGN}
    follows(await agreeable.foreign.token(agreeable.peer, urlencode(form)), "POST /token 200")
    for changed in ({"scope": "x"}, {"client_id": ""}, {"grant_type": "x"}, {"client_id": PROVIDER}):
        refused = await agreeable.foreign.token(agreeable.peer, urlencode({**form, **changed}))
        follows(refused, "POST /token 400")


async def test_refused_contracts_follow_the_schema(scene: Scene) -> None:
    content = scene.content()
    refused = await scene.foreign.submit(scene.peer, {**content, "group_id": "other"})
    assert follows(refused, "POST /contracts 422")["code"] == "ERROR_CODE_INCORRECT_GROUP_ID"
    refused = await scene.foreign.put(scene.peer, content, SignatureType.ACCEPT, "not.a.jws")
    assert follows(refused, SIGNING)["code"] == "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"
    refused = await scene.foreign.put(scene.peer, content, SignatureType.ACCEPT, url_hash="$1$1$other")
    assert follows(refused, SIGNING)["code"] == "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"


async def test_log_records_follow_the_schema(scene: Scene) -> None:
    for number, delegators in enumerate(((None, None), (FOREIGN, None), (None, FOREIGN), (FOREIGN, PROVIDER))):
        record = LogRecord(
            transaction_id=TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
            direction=Direction.INCOMING,
            grant_hash=GrantHash("$1$3$aaaa"),
            outway_peer_id=FOREIGN,
            service_peer_id=PROVIDER,
            service_name=SERVICE,
            created_at=scene.group.clock.now(),
            delegator_peer_id=delegators[0],
            service_delegator_peer_id=delegators[1],
        )
        await scene.peer.log.append(record)
    page = follows(await scene.foreign.get(scene.peer, "/logs"), "GET /logs 200")
    assert len(page["records"]) == 4
