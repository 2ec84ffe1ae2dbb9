"""How a request to the Manager may be spelled, and the limits of the configuration on what it holds."""

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import aiohttp
import pytest
from multidict import CIMultiDict

from config.models.installation import LimitsSettings
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, TransactionId
from gateway.fsc.signature import SignatureType
from gateway.http.resolver import LocalhostResolver
from gateway.manager.handlers import STANDARD_DEPTH
from tests.gateway.harness import (
    FOREIGN,
    PROVIDER,
    SERVICE,
    Answer,
    connection,
    content_hash_of,
    federation,
    make_content,
    memory_stores,
    offering,
    publication,
    signed,
)
from tests.gateway.manager.scene import Scene


def body_of(scene: Scene, content: JsonObject, kind: SignatureType = SignatureType.ACCEPT) -> bytes:
    jws = signed(scene.foreign.pair, content, kind, at=scene.group.clock.now())
    return json.dumps({"contract_content": content, "signature": jws}).encode()


async def ask(scene: Scene, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
    return await scene.foreign.send_body(scene.peer, method, path, body, **headers)


# -- the hash in the path


@pytest.mark.parametrize("spelled", [lambda text: text, lambda text: quote(text, safe=""), lambda text: quote(text)])
async def test_the_hash_in_the_path_may_have_its_dollars_plain_or_encoded(scene: Scene, spelled: Any) -> None:
    content = scene.content()
    path = f"/contracts/{spelled(content_hash_of(content))}/accept"
    assert (await ask(scene, "PUT", path, body_of(scene, content))).status == 201
    assert await scene.signers(content, SignatureType.ACCEPT) == {FOREIGN}


@pytest.mark.parametrize("hash_", ["a%2Fb", "%00", "%FF", "..%2F..", "%2524", "$1$1$" + "a" * 5000, "é", "%20"])
async def test_any_other_text_in_the_path_is_not_the_hash(scene: Scene, hash_: str) -> None:
    content = scene.content()
    answer = await ask(scene, "PUT", f"/contracts/{hash_}/accept", body_of(scene, content))
    assert answer.refusal in {(422, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"), (404, "ERROR_CODE_NOT_FOUND")}
    assert await scene.state(content) is None


async def test_a_hash_of_an_unknown_algorithm_in_the_path_is_told_as_such(scene: Scene) -> None:
    content = scene.content()
    path = f"/contracts/{quote(content_hash_of(content).replace('$1$1$', '$2$1$'), safe='')}/accept"
    answer = await ask(scene, "PUT", path, body_of(scene, content))
    assert answer.refusal == (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")


# -- methods, paths, types


@pytest.mark.parametrize("path", ["/contracts", "/peer", "/peers", "/services", "/.well-known/jwks.json", "/logs"])
async def test_head_is_answered_as_get_without_the_body(scene: Scene, path: str) -> None:
    url = f"{scene.peer.tenant.manager_address}/v1{path}"
    head, whole = await scene.foreign.call("HEAD", url), await scene.foreign.call("GET", url)
    assert (head.status, head.text) == (200, "")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"]


@pytest.mark.parametrize("path", ["/announce", "/contracts", "/token", "/peer", "/contracts/x/accept"])
async def test_options_are_told_by_what_is_allowed(scene: Scene, path: str) -> None:
    answer = await ask(scene, "OPTIONS", path)
    assert answer.refusal == (405, "ERROR_CODE_METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/contracts/", "/token/", "/announce/", "//contracts", "/contracts/x/accept/"])
async def test_a_slash_too_many_is_another_path(scene: Scene, path: str) -> None:
    answer = await ask(scene, "POST", path, body_of(scene, scene.content()))
    assert answer.refusal == (404, "ERROR_CODE_NOT_FOUND")


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json;"])
async def test_the_type_of_a_body_may_have_a_charset_and_any_case(scene: Scene, content_type: str) -> None:
    answer = await ask(scene, "POST", "/contracts", body_of(scene, scene.content()), **{"Content-Type": content_type})
    assert answer.status == 201


async def test_a_body_without_a_type_is_refused(scene: Scene) -> None:
    url = f"{scene.peer.tenant.manager_address}/v1/contracts"
    headers = {"Fsc-Manager-Address": scene.foreign.address}
    async with scene.foreign.session.post(
        url,
        data=body_of(scene, scene.content()),
        headers=headers,
        ssl=scene.foreign.context,
        skip_auto_headers=("Content-Type",),
    ) as answer:
        assert answer.status == 415
        assert answer.headers["Fsc-Error-Code"] == "ERROR_CODE_UNSUPPORTED_MEDIA_TYPE"


# -- Fsc-Manager-Address


@pytest.mark.parametrize(
    "address",
    ["https://MANAGER.example.test:8443", "https://manager.example.test:8443/", "https://[::1]:8443", "https://a:443"],
)
async def test_spellings_of_an_address_that_mean_one_thing_are_accepted(scene: Scene, address: str) -> None:
    answer = await ask(scene, "PUT", "/announce", b"", **{"Fsc-Manager-Address": address})
    assert answer.status == 200
    known = await scene.peer.peers.get(FOREIGN)
    assert known is not None
    assert known.manager_address == address.lower().rstrip("/")


@pytest.mark.parametrize(
    "address",
    [
        "https://manager.example.test:8443?x=1",
        "https://manager.example.test:8443#x",
        "https://manager.example.test:",
        "https://:8443",
        "https://[::g]:8443",
        "https://::1:8443",
        "https://manager..example.test:8443",
        "https://manager_example.test:8443 ",
        "https://m:84430",
        "ftp://manager.example.test:8443",
        "https://a:443, https://b:443",
    ],
)
async def test_other_spellings_are_refused(scene: Scene, address: str) -> None:
    answer = await ask(scene, "PUT", "/announce", b"", **{"Fsc-Manager-Address": address})
    if address.endswith(" "):  # white space around a header is no part of it
        assert answer.status == 200
    else:
        assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


async def test_two_addresses_are_none(scene: Scene) -> None:
    headers = CIMultiDict([("Fsc-Manager-Address", scene.foreign.address)] * 2)
    url = f"{scene.peer.tenant.manager_address}/v1/announce"
    async with scene.foreign.session.put(url, headers=headers, ssl=scene.foreign.context) as answer:
        assert answer.status == 400
    assert await scene.peer.peers.get(FOREIGN) is None


# -- cursors


async def _cursors(scene: Scene) -> dict[str, str]:
    """A cursor of each list, newest first."""
    now = scene.group.clock.now()
    for number in range(2):
        for content in (
            scene.content(publication(PROVIDER, FOREIGN, f"service-{number}"), created_at=now - number),
            scene.content(created_at=now - number),
        ):
            assert (await scene.foreign.submit(scene.peer, content)).status == 201
        record = LogRecord(
            TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
            Direction.INCOMING,
            GrantHash("$1$3$aaaa"),
            FOREIGN,
            PROVIDER,
            SERVICE,
            now - number,
        )
        await scene.peer.log.append(record)
    found = {}
    for path in ("/contracts", "/services", "/logs"):
        page = (await scene.foreign.get(scene.peer, f"{path}?limit=1")).json
        found[path] = page["pagination"]["next_cursor"]
        assert found[path]
    return found


async def test_a_cursor_is_good_for_its_own_list_and_order_only(agreeable: Scene) -> None:
    cursors = await _cursors(agreeable)
    for path in (*cursors, "/peers"):
        for source, cursor in cursors.items():
            for order in ("ASCENDING", "DESCENDING"):
                query = f"{path}?cursor={quote(cursor)}&sort_order=SORT_ORDER_{order}"
                answer = await agreeable.foreign.get(agreeable.peer, query)
                if (path, order) == (source, "DESCENDING"):
                    assert answer.status == 200
                else:
                    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST"), query


@pytest.mark.parametrize("path", ["/contracts", "/services", "/logs", "/peers"])
async def test_an_empty_cursor_is_the_first_page(agreeable: Scene, path: str) -> None:
    await _cursors(agreeable)
    whole, empty = [(await agreeable.foreign.get(agreeable.peer, f"{path}{query}")).json for query in ("", "?cursor=")]
    assert whole == empty
    assert whole["pagination"] == {"next_cursor": ""}


@pytest.mark.parametrize("limit", ["1", "1000"])
@pytest.mark.parametrize("path", ["/contracts", "/services", "/logs", "/peers"])
async def test_the_limit_is_1_to_1000(scene: Scene, path: str, limit: str) -> None:
    assert (await scene.foreign.get(scene.peer, f"{path}?limit={limit}")).status == 200
    for wrong in ("0", "1001", "-1", "1.0", "1e2", "%2B1", "%201", "%D9%A1", "9" * 30):
        answer = await scene.foreign.get(scene.peer, f"{path}?limit={wrong}")
        assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


# -- limits of the configuration


@contextlib.asynccontextmanager
async def limited(**limits: int) -> AsyncIterator[Scene]:
    """Our Peer and a foreign one, in a Group whose Managers have these limits."""
    async with federation(limits=LimitsSettings.model_validate(limits)) as group:
        yield Scene(group, await group.host(PROVIDER, services=offering(SERVICE)), await group.foreign())


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value


async def submitted(scene: Scene, **properties: Any) -> Answer:
    grant = connection(scene.foreign.pair, FOREIGN, PROVIDER).model_copy(update={"properties": properties})
    return await scene.foreign.submit(scene.peer, scene.content(grant))


@pytest.mark.parametrize(("configured", "effective"), [(1, STANDARD_DEPTH), (16, 16), (32, 32), (60, 60)])
async def test_the_depth_is_limited_but_never_below_what_the_standard_needs(configured: int, effective: int) -> None:
    room = effective - 6  # body, content, grants, grant, data, properties
    async with limited(max_json_depth=configured) as scene:
        assert (await submitted(scene, a=nested(room))).status == 201
        answer = await submitted(scene, a=nested(room + 1))
        assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
        assert f"deeper than {effective} levels" in answer.json["message"]


async def test_lists_are_limited_the_one_of_grants_included() -> None:
    async with limited(max_list_items=3) as scene:
        assert (await submitted(scene, a=[1, 2, 3])).status == 201
        assert (await submitted(scene, a=[1, 2, 3, 4])).refusal == (400, "ERROR_CODE_INVALID_REQUEST")
        grants = [connection(scene.foreign.pair, FOREIGN, PROVIDER, service=f"s-{number}") for number in range(4)]
        assert (await scene.foreign.submit(scene.peer, scene.content(*grants[:3]))).status == 201
        answer = await scene.foreign.submit(scene.peer, scene.content(*grants))
        assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
        assert "'/contract_content/grants'" in answer.json["message"]


async def test_a_contract_that_was_read_stays_readable_under_a_lower_limit() -> None:
    stores = await memory_stores()
    async with federation(stores) as group:
        hosted, foreign = await group.host(PROVIDER), await group.foreign()
        grants = [connection(foreign.pair, FOREIGN, PROVIDER, service=f"s-{number}") for number in range(150)]
        content = make_content(*grants, now=group.clock.now())
        assert (await foreign.submit(hosted.peer, content)).status == 201
    async with federation(stores, LimitsSettings(max_list_items=3)) as group:
        hosted, again = await group.host(PROVIDER), await group.foreign()
        (listed,) = (await again.get(hosted.peer, "/contracts")).json["contracts"]
        assert listed["content"] == content


async def test_more_grants_than_one_can_count_are_refused_before_they_are_read(scene: Scene) -> None:
    body = json.dumps({"contract_content": {**scene.content(), "grants": [1] * 1001}, "signature": "x"}).encode()
    answer = await ask(scene, "POST", "/contracts", body)
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


async def test_a_connection_that_is_kept_serves_after_each_refusal(scene: Scene) -> None:
    """A refusal never costs the next request its connection or its answer."""
    connector = aiohttp.TCPConnector(resolver=LocalhostResolver(), limit=1)
    async with aiohttp.ClientSession(connector=connector) as session:
        scene.foreign.session = session
        for path in ("/peers?limit=0", "/nowhere", "/logs?after=x", "/contracts?cursor=x"):
            assert (await scene.foreign.get(scene.peer, path)).status in (400, 404)
            assert (await scene.foreign.get(scene.peer, "/peer")).status == 200
