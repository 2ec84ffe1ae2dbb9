"""Every endpoint of the Manager over real mTLS; what others bring to /contracts is in test_receiving."""

import json
from dataclasses import replace
from urllib.parse import quote

import pytest

from certs.identity import PeerId, PeerName
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, ServiceName, TransactionId
from gateway.fsc.signature import SignatureType
from gateway.manager import pages
from storage.memory import MemoryDocuments, MemoryLog
from tests.gateway.harness import (
    FOREIGN,
    MAX_BODY_BYTES,
    OTHER,
    PROVIDER,
    SERVICE,
    Answer,
    Federation,
    content_hash_of,
    delegated_publication,
    grant_hash_of,
    make_group,
    publication,
)
from tests.gateway.manager.scene import Scene

# -- what every POST and PUT must bring


@pytest.mark.parametrize(
    "address",
    [
        None,
        "",
        "manager.example.test:8443",
        "http://manager.example.test:8443",
        "https://manager.example.test",
        "https://user@manager.example.test:8443",
        "https://manager.example.test:8443/v1",
        "https://manager.example.test:0",
        "https://manager.example.test:99999",
        "https://" + "a" * 300 + ":8443",
    ],
)
@pytest.mark.parametrize("path", ["/announce", "/contracts"])
async def test_the_address_of_the_calling_manager_is_needed(scene: Scene, address: str | None, path: str) -> None:
    method = "PUT" if path == "/announce" else "POST"
    url = f"{scene.peer.tenant.manager_address}/v1{path}"
    headers = {"Content-Type": "application/json"} | ({} if address is None else {"Fsc-Manager-Address": address})
    answer = await scene.foreign.call(method, url, headers=headers, data=b"{}")
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
    assert "Fsc-Manager-Address" in answer.json["message"]


async def test_the_ports_of_the_standard_are_demanded_where_the_group_says_so(group: Federation) -> None:
    hosted = await group.host(group=make_group(allow_any_port=False))
    foreign = await group.foreign()
    answer = await foreign.announce(hosted.peer)
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
    foreign.address = "https://manager.example.test:8443"
    assert (await foreign.announce(hosted.peer)).status == 200


NOT_JSON = {
    "nothing": b"",
    "text": b"hello",
    "half": b'{"contract_content": {',
    "list": b"[]",
    "null": b"null",
    "not UTF-8": b'{"contract_content": "\xff"}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"contract_content": NaN, "signature": ""}',
    "duplicate name": b'{"signature": "", "signature": "", "contract_content": {}}',
    "half a surrogate": b'{"contract_content": {"iv": "\\ud800"}, "signature": ""}',
    "number too large": b'{"contract_content": {"created_at": 9007199254740993}, "signature": ""}',
    "endless number": b'{"contract_content": {"created_at": 1' + b"0" * 5000 + b'}, "signature": ""}',
    "deep": b'{"contract_content": ' + b'{"a":' * 70 + b"1" + b"}" * 70 + b', "signature": ""}',
    "very deep": b'{"contract_content": ' + b"[" * 40_000,
    "no signature": b'{"contract_content": {}}',
    "no content": b'{"signature": ""}',
    "content is text": b'{"contract_content": "x", "signature": ""}',
    "content is empty": b'{"contract_content": {}, "signature": ""}',
    "too many grants": b'{"contract_content": {"grants": [' + b"1," * 101 + b'1]}, "signature": ""}',
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_cannot_be_understood_is_refused(scene: Scene, body: bytes) -> None:
    answer = await scene.foreign.send_body(scene.peer, "POST", "/contracts", body)
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


async def test_a_signature_that_is_not_even_text_is_refused(scene: Scene) -> None:
    answer = await scene.foreign.send(scene.peer, "POST", "/contracts", scene.content(), 5)
    assert answer.refusal == (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")


async def test_a_body_beyond_the_limit_is_refused(scene: Scene) -> None:
    answer = await scene.foreign.send_body(scene.peer, "POST", "/contracts", b" " * (MAX_BODY_BYTES + 1))
    assert answer.refusal == (413, "ERROR_CODE_REQUEST_TOO_LARGE")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "", "nonsense"])
async def test_a_body_of_another_type_is_refused(scene: Scene, content_type: str) -> None:
    body = json.dumps({"contract_content": scene.content(), "signature": ""}).encode()
    answer = await scene.foreign.send_body(scene.peer, "POST", "/contracts", body, **{"Content-Type": content_type})
    assert answer.refusal == (415, "ERROR_CODE_UNSUPPORTED_MEDIA_TYPE")


async def test_a_body_that_is_not_what_its_encoding_says_is_refused(scene: Scene) -> None:
    answer = await scene.foreign.send_body(
        scene.peer, "POST", "/contracts", b"not compressed", **{"Content-Encoding": "gzip"}
    )
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/announce"),
        ("POST", "/contracts"),
        ("GET", "/contracts"),
        ("PUT", "/contracts/$1$1$a/accept"),
        ("GET", "/peer"),
        ("GET", "/peers"),
        ("GET", "/services"),
        ("GET", "/.well-known/jwks.json"),
        ("GET", "/logs"),
    ],
)
async def test_an_unknown_query_parameter_is_refused_everywhere(scene: Scene, method: str, path: str) -> None:
    answer = await scene.foreign.send_body(scene.peer, method, f"{path}?surprise=1", b"{}")
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
    assert "query parameter" in answer.json["message"]


async def test_a_store_that_is_away_is_told_as_such(scene: Scene) -> None:
    documents = scene.group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    content = scene.content()
    documents.available = False
    answer = await scene.foreign.submit(scene.peer, content)
    assert answer.refusal == (503, "ERROR_CODE_STORE_UNAVAILABLE")
    documents.available = True
    assert (await scene.foreign.submit(scene.peer, content)).status == 201


# -- PUT /announce


@pytest.mark.fsc("Manager-Peers-1")
async def test_a_peer_that_announced_itself_is_listed(scene: Scene) -> None:
    assert (await scene.foreign.announce(scene.peer)).status == 200
    listed = (await scene.foreign.get(scene.peer, "/peers")).json
    expected = {"id": FOREIGN, "name": f"Peer {FOREIGN}", "manager_address": scene.foreign.address}
    assert listed == {"peers": [expected], "pagination": {"next_cursor": ""}}


async def test_a_new_address_replaces_the_old_one(scene: Scene) -> None:
    await scene.foreign.announce(scene.peer)
    scene.foreign.address = "https://new.example.test:8443"
    await scene.foreign.announce(scene.peer)
    listed = (await scene.foreign.get(scene.peer, "/peers")).json["peers"]
    assert [one["manager_address"] for one in listed] == ["https://new.example.test:8443"]


# -- GET /contracts


async def _three_contracts(scene: Scene) -> list[JsonObject]:
    """Three that name the foreign Peer, oldest first."""
    now = scene.group.clock.now()
    contents = [
        scene.content(created_at=now - 300),
        scene.content(publication(PROVIDER, FOREIGN), created_at=now - 200),
        scene.content(created_at=now - 100),
    ]
    for content in contents:
        assert (await scene.foreign.submit(scene.peer, content)).status == 201
    return contents


async def _listed(scene: Scene, query: str) -> list[str]:
    answer = await scene.foreign.get(scene.peer, f"/contracts?{query}")
    assert answer.status == 200, answer.text
    return [content_hash_of(one["content"]) for one in answer.json["contracts"]]


@pytest.mark.fsc("Manager-Contracts-1")
async def test_contracts_are_listed_newest_first_unless_asked_otherwise(scene: Scene) -> None:
    hashes = [content_hash_of(one) for one in await _three_contracts(scene)]
    assert await _listed(scene, "") == hashes[::-1]
    assert await _listed(scene, "sort_order=SORT_ORDER_DESCENDING") == hashes[::-1]
    assert await _listed(scene, "sort_order=SORT_ORDER_ASCENDING") == hashes


@pytest.mark.fsc("Manager-Contracts-2")
async def test_a_contract_is_never_listed_to_a_peer_outside_it(scene: Scene) -> None:
    contents = await _three_contracts(scene)
    other = await scene.group.foreign(OTHER)
    hashes = ",".join(grant_hash_of(one) for one in contents)
    for query in ("", f"?grant_hash={quote(hashes)}", "?limit=1000"):
        assert (await other.get(scene.peer, f"/contracts{query}")).json["contracts"] == []


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
async def test_pages_follow_each_other_and_the_last_has_no_cursor(scene: Scene, order: str) -> None:
    hashes = [content_hash_of(one) for one in await _three_contracts(scene)]
    seen, cursor, sizes = list[str](), "", list[int]()
    while True:
        path = f"/contracts?limit=2&sort_order=SORT_ORDER_{order}&cursor={quote(cursor)}"
        page = (await scene.foreign.get(scene.peer, path)).json
        sizes.append(len(page["contracts"]))
        seen += [content_hash_of(one["content"]) for one in page["contracts"]]
        cursor = page["pagination"]["next_cursor"]
        if not cursor:
            break
    assert sizes == [2, 1]
    assert seen == (hashes if order == "ASCENDING" else hashes[::-1])


async def test_contracts_are_found_by_the_type_of_a_grant(scene: Scene) -> None:
    connection_1, listing, connection_2 = [content_hash_of(one) for one in await _three_contracts(scene)]
    assert await _listed(scene, "grant_type=GRANT_TYPE_SERVICE_PUBLICATION") == [listing]
    assert await _listed(scene, "grant_type=GRANT_TYPE_SERVICE_CONNECTION") == [connection_2, connection_1]
    assert await _listed(scene, "grant_type=GRANT_TYPE_DELEGATED_SERVICE_CONNECTION") == []


async def test_grant_hashes_overrule_page_and_type(scene: Scene) -> None:
    contents = await _three_contracts(scene)
    wanted = quote(",".join(grant_hash_of(one) for one in (contents[0], contents[2])))
    query = f"grant_hash={wanted}&limit=1&grant_type=GRANT_TYPE_SERVICE_PUBLICATION"
    assert await _listed(scene, query) == [content_hash_of(contents[2]), content_hash_of(contents[0])]


async def test_what_grant_hashes_name_comes_in_pages_when_it_is_large(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "MAX_PAGE_BYTES", 1)
    monkeypatch.setattr(pages, "_FIRST_READ", 2)
    contents = await _three_contracts(scene)
    wanted = quote(",".join(grant_hash_of(one) for one in contents))
    first = (await scene.foreign.get(scene.peer, f"/contracts?grant_hash={wanted}")).json
    following = quote(first["pagination"]["next_cursor"])
    second = (await scene.foreign.get(scene.peer, f"/contracts?grant_hash={wanted}&cursor={following}")).json
    listed = [one["content"]["iv"] for page in (first, second) for one in page["contracts"]]
    assert listed == [one["iv"] for one in reversed(contents)]
    assert second["pagination"]["next_cursor"] == ""


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=1001",
        "limit=ten",
        "limit=-1",
        "limit=1&limit=2",
        "sort_order=UP",
        "cursor=nonsense",
        "cursor=%00",
        "cursor=%ED%A0%80",
        "grant_type=GRANT_TYPE_OTHER",
        "grant_hash=" + "a," * 1001,
    ],
)
async def test_a_query_that_does_not_fit_is_refused(scene: Scene, query: str) -> None:
    answer = await scene.foreign.get(scene.peer, f"/contracts?{query}")
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


@pytest.mark.parametrize("value", ["%00", "%ED%A0%80", "%FF", "é", "$1$3$unknown", "a" * 5000, "%F0%9F%92%A9"])
@pytest.mark.parametrize(
    "path",
    ["/contracts?grant_hash=", "/peers?peer_id=", "/peers?peer_name=", "/services?peer_id=", "/services?service_name=",
     "/logs?transaction_ids=", "/logs?grant_hash=", "/logs?service_name="],
)  # fmt: skip
async def test_a_value_that_names_nothing_finds_nothing(scene: Scene, path: str, value: str) -> None:
    answer = await scene.foreign.get(scene.peer, path + value)
    assert answer.status == 200, answer.text
    assert answer.json["pagination"] == {"next_cursor": ""}


# -- GET /peer, /peers


@pytest.mark.fsc("Manager-PeerInfo-1")
async def test_we_tell_about_ourselves(scene: Scene) -> None:
    assert (await scene.foreign.get(scene.peer, "/peer")).json == {
        "peer_id": PROVIDER,
        "peer_name": f"Peer {PROVIDER}",
        "fsc_version": "2.0.0",
        "enabled_extensions": {"EXTENSION_DELEGATION": "1.0.0", "EXTENSION_TRANSACTION_LOGGING": "1.0.0"},
    }


async def test_peers_are_filtered_and_paged(scene: Scene) -> None:
    now = scene.group.clock.now()
    names = ["Gemeente Almelo", "GEMEENTE Zwolle", "Waterschap"]
    for number, name in enumerate(names):
        address = scene.peer.tenant.manager_address
        await scene.peer.peers.remember(PeerId(f"{number:020}"), PeerName(name), address, now=now + number)

    async def listed(query: str) -> list[str]:
        return [one["name"] for one in (await scene.foreign.get(scene.peer, f"/peers?{query}")).json["peers"]]

    assert await listed("") == names[::-1]
    assert await listed("sort_order=SORT_ORDER_ASCENDING") == names
    assert await listed("peer_name=gemeente&sort_order=SORT_ORDER_ASCENDING") == names[:2]
    assert await listed(f"peer_id={2:020},{0:020},{7:020}&peer_name=nobody&limit=1") == [names[2], names[0]]
    first = (await scene.foreign.get(scene.peer, "/peers?limit=2")).json
    assert await listed(f"limit=2&cursor={quote(first['pagination']['next_cursor'])}") == names[:1]


# -- GET /services


async def _publish(scene: Scene, *grants: Grant) -> list[JsonObject]:
    """Publish each in a Contract of its own, at our Directory, the first the oldest."""
    now = scene.group.clock.now()
    contents = [scene.content(one, created_at=now - 300 + number) for number, one in enumerate(grants)]
    for content in contents:
        assert (await scene.foreign.submit(scene.peer, content)).status == 201
    return contents


def _service_names(answer: Answer) -> list[str]:
    return [one["data"]["name"] for one in answer.json["services"]]


@pytest.mark.fsc("Manager-Services-1")
async def test_a_published_service_is_listed_until_it_is_revoked(agreeable: Scene) -> None:
    (content,) = await _publish(agreeable, publication(PROVIDER, FOREIGN, "brp"))
    assert (await agreeable.foreign.get(agreeable.peer, "/services")).json == {
        "services": [
            {
                "type": "SERVICE_TYPE_SERVICE",
                "data": {
                    "type": "SERVICE_TYPE_SERVICE",
                    "peer": {
                        "id": FOREIGN,
                        "name": f"Peer {FOREIGN}",
                        "manager_address": agreeable.foreign.address,
                    },
                    "name": "brp",
                    "protocol": "PROTOCOL_TCP_HTTP_1.1",
                },
            }
        ],
        "pagination": {"next_cursor": ""},
    }
    await agreeable.foreign.put(agreeable.peer, content, SignatureType.REVOKE)
    assert (await agreeable.foreign.get(agreeable.peer, "/services")).json["services"] == []


async def test_a_publication_that_is_not_accepted_or_over_is_not_listed(scene: Scene, agreeable: Scene) -> None:
    content = agreeable.content(publication(PROVIDER, FOREIGN), valid_s=120)
    await agreeable.foreign.submit(agreeable.peer, content)
    assert _service_names(await agreeable.foreign.get(agreeable.peer, "/services")) == [SERVICE]
    agreeable.group.clock.advance(120)
    assert _service_names(await agreeable.foreign.get(agreeable.peer, "/services")) == []


@pytest.mark.fsc("Manager-Services-2")
async def test_a_delegated_service_is_listed_with_its_delegator(agreeable: Scene) -> None:
    await agreeable.foreign.announce(agreeable.peer)
    other = await agreeable.group.foreign(OTHER)
    content = agreeable.content(delegated_publication(PROVIDER, OTHER, FOREIGN, "brp"))
    await agreeable.foreign.submit(agreeable.peer, content)
    assert _service_names(await other.get(agreeable.peer, "/services")) == []
    await other.put(agreeable.peer, content, SignatureType.ACCEPT)
    (listed,) = (await other.get(agreeable.peer, "/services")).json["services"]
    assert listed["data"]["type"] == "SERVICE_TYPE_DELEGATED_SERVICE"
    assert listed["data"]["peer"]["id"] == OTHER
    assert listed["data"]["delegator"] == {"peer_id": FOREIGN, "peer_name": f"Peer {FOREIGN}"}


@pytest.mark.fsc("Manager-Services-3")
@pytest.mark.fsc("Manager-Services-4")
@pytest.mark.parametrize("delegated", [False, True])
async def test_services_are_listed_with_their_properties(agreeable: Scene, delegated: bool) -> None:
    properties = {"documentation": {"url": "https://example.test"}}
    grant = delegated_publication(PROVIDER, PROVIDER, FOREIGN) if delegated else publication(PROVIDER, FOREIGN)
    await _publish(agreeable, grant.model_copy(update={"properties": properties}))
    (listed,) = (await agreeable.foreign.get(agreeable.peer, "/services")).json["services"]
    assert listed["data"]["properties"] == properties


async def test_services_are_filtered_and_paged(agreeable: Scene) -> None:
    names = ["brp-a", "BRP-b", "kvk"]
    await _publish(agreeable, *(publication(PROVIDER, FOREIGN, name) for name in names))

    async def listed(query: str) -> list[str]:
        return _service_names(await agreeable.foreign.get(agreeable.peer, f"/services?{query}"))

    assert await listed("") == names[::-1]
    assert await listed("sort_order=SORT_ORDER_ASCENDING") == names
    assert await listed("service_name=brp") == names[1::-1]
    assert await listed(f"peer_id={FOREIGN}") == names[::-1]
    assert await listed(f"peer_id={OTHER}") == []
    assert await listed(f"peer_id={OTHER}&service_name=kvk") == ["kvk"]
    for order in ("ASCENDING", "DESCENDING"):
        seen, cursor, pages = list[str](), "", 0
        while pages == 0 or cursor:
            path = f"/services?limit=2&sort_order=SORT_ORDER_{order}&cursor={cursor}"
            page = await agreeable.foreign.get(agreeable.peer, path)
            seen += _service_names(page)
            cursor, pages = page.json["pagination"]["next_cursor"], pages + 1
        assert (seen, pages) == (names if order == "ASCENDING" else names[::-1], 2)


@pytest.mark.parametrize("cursor", ["nonsense", "é", "%00", "MTIz", "YTpi", "=", "a" * 3000])
async def test_a_cursor_of_something_else_is_refused(scene: Scene, cursor: str) -> None:
    answer = await scene.foreign.get(scene.peer, f"/services?cursor={cursor}")
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


# -- GET /.well-known/jwks.json


@pytest.mark.fsc("Manager-JSONWebKeySet-1")
async def test_the_keys_that_sign_are_published_in_both_spellings(scene: Scene) -> None:
    (key,) = (await scene.foreign.get(scene.peer, "/.well-known/jwks.json")).json["keys"]
    pair = scene.peer.signing_pair()
    assert key["x5t#S256"] == key["x5t#s256"] == key["kid"] == pair.thumbprint
    assert (key["kty"], key["use"], key["alg"]) == ("EC", "sig", "ES256")
    assert len(key["x5c"]) == len(pair.chain)


async def test_an_overwritten_certificate_stays_published(scene: Scene) -> None:
    old = scene.peer.signing_pair()
    hosted = await scene.group.host(PROVIDER)
    assert hosted.peer.signing_pair().thumbprint != old.thumbprint
    keys = (await scene.foreign.get(hosted.peer, "/.well-known/jwks.json")).json["keys"]
    assert {key["kid"] for key in keys} == {old.thumbprint, hosted.peer.signing_pair().thumbprint}


# -- GET /logs


def _logged(number: int, at: int, **changes: object) -> LogRecord:
    fields: dict[str, object] = {
        "transaction_id": TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
        "direction": Direction.INCOMING,
        "grant_hash": GrantHash("$1$3$aaaa"),
        "outway_peer_id": FOREIGN,
        "service_peer_id": PROVIDER,
        "service_name": SERVICE,
        "created_at": at,
    }
    return LogRecord(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.fsc("Manager-TransactionLogRecord-1")
async def test_a_record_is_seen_by_the_peers_that_it_names_and_nobody_else(scene: Scene) -> None:
    now = scene.group.clock.now()
    records = [
        _logged(1, now),
        _logged(2, now, outway_peer_id=OTHER),
        _logged(3, now, outway_peer_id=OTHER, delegator_peer_id=FOREIGN),
        _logged(4, now, outway_peer_id=OTHER, service_delegator_peer_id=FOREIGN),
        _logged(5, now, outway_peer_id=OTHER, service_peer_id=FOREIGN, direction=Direction.OUTGOING),
    ]
    for record in records:
        await scene.peer.log.append(record)
    answer = (await scene.foreign.get(scene.peer, "/logs")).json
    assert answer["records"] == [record.to_json() for record in reversed(records) if record.transaction_id[-1] != "2"]
    by_id = await scene.foreign.get(scene.peer, f"/logs?transaction_ids={records[1].transaction_id}")
    assert by_id.json["records"] == []


async def test_records_are_filtered_and_paged(scene: Scene) -> None:
    now = scene.group.clock.now()
    other_hash, other_name = GrantHash("$1$3$bbbb"), ServiceName("kvk")
    for number in range(30):
        record = _logged(number, now + number)
        if number == 1:
            record = replace(record, grant_hash=other_hash)
        if number == 2:
            record = replace(record, service_name=other_name)
        await scene.peer.log.append(record)

    async def listed(query: str) -> list[int]:
        answer = await scene.foreign.get(scene.peer, f"/logs?{query}")
        return [int(one["transaction_id"][-12:]) for one in answer.json["records"]]

    assert await listed("") == list(range(29, 4, -1))
    assert await listed("sort_order=SORT_ORDER_ASCENDING&limit=3") == [0, 1, 2]
    assert await listed(f"after={now + 10}&before={now + 13}") == [12, 11]
    assert await listed(f"grant_hash={quote(other_hash)}") == [1]
    assert await listed(f"service_name={other_name}") == [2]
    assert await listed(f"grant_hash={quote(other_hash)}&service_name={other_name}") == [2, 1]
    ids = ",".join(f"0190a2b4-0000-7000-8000-{number:012}" for number in (3, 1))
    assert await listed(f"transaction_ids={ids}&limit=1&service_name={other_name}&after={now + 20}") == [3, 1]
    first = (await scene.foreign.get(scene.peer, "/logs?limit=29")).json
    assert await listed(f"limit=29&cursor={quote(first['pagination']['next_cursor'])}") == [0]
    assert await listed(f"after={2**63 - 1}") == []
    assert len(await listed(f"before={2**63 - 1}&limit=1000")) == 30


@pytest.mark.parametrize("query", ["after=now", "before=-1", f"after={2**63}", "limit=1001", "cursor=x", "after=1.5"])
async def test_a_query_for_logs_that_does_not_fit_is_refused(scene: Scene, query: str) -> None:
    answer = await scene.foreign.get(scene.peer, f"/logs?{query}")
    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")


async def test_a_log_that_is_away_is_told_as_such(scene: Scene) -> None:
    logs = scene.group.stores.logs
    assert isinstance(logs, MemoryLog)
    logs.available = False
    answer = await scene.foreign.get(scene.peer, "/logs")
    assert answer.refusal == (503, "ERROR_CODE_STORE_UNAVAILABLE")
