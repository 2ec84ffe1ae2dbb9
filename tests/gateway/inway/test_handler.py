import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from certs.authority import DevelopmentAuthority
from clock import SystemClock
from gateway.fsc.external_contract import CONNECTION_REFERENCE
from gateway.fsc.grants import Grant
from gateway.fsc.logrecord import Direction
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.signature import SignatureType
from gateway.txlog.log import TransactionLog
from tests.certs.wire import plain_client
from tests.gateway.dataplane import DataPlane, HeldLog, answering, inway_name
from tests.gateway.material import (
    CONSUMER,
    DELEGATOR,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    STRANGER,
    authority,
    connection_grant,
    delegated_grant,
    doubly_delegated_grant,
    grant_on_delegated_service,
    key_pair,
    uuid7,
    with_signature,
)
from tests.gateway.wire import Message, Wire, connection, listening


def refusal(answer: Message) -> tuple[int, str]:
    """Status and code, once the answer is seen to be a well formed error of an Inway."""
    body = json.loads(answer.body)
    assert set(body) == {"message", "domain", "code"}
    assert body["message"]
    assert body["domain"] == "ERROR_DOMAIN_INWAY"
    assert answer.head.get("Fsc-Error-Code") == body["code"]
    assert (answer.head.get("WWW-Authenticate") == "Bearer") is (answer.status == 401)
    return answer.status, body["code"]


MISSING = (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")
INVALID = (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
EXPIRED = (401, "ERROR_CODE_ACCESS_TOKEN_EXPIRED")


# -- the connection


@pytest.mark.fsc("Inway-Incoming-Request-4")
async def test_a_certificate_outside_the_group_does_not_get_through_the_handshake(plane: DataPlane) -> None:
    elsewhere = DevelopmentAuthority.create("elsewhere", now=SystemClock().now())
    pair = elsewhere.issue(peer_id=CONSUMER, name="Peer", dns_names=["outway.example.test"])
    tls = plain_client(pair, authority().anchors_pem().decode())

    async def ask() -> None:
        async with connection(plane.tls_port, tls=tls, name=inway_name(PROVIDER)) as wire:
            await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(), b"\r\n")

    with pytest.raises((OSError, asyncio.IncompleteReadError)):  # alert, reset or end of file, as the moment has it
        await ask()
    assert plane.service.received == []


async def test_a_tenant_that_is_hosted_no_more_has_no_inway(plane: DataPlane) -> None:
    async with plane.inway() as wire:
        plane.is_hosted = False
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(), b"\r\n")
    assert refusal(answer) == (404, "ERROR_CODE_SERVICE_NOT_FOUND")


# -- the token


@pytest.mark.fsc("Inway-Incoming-Request-2")
async def test_without_a_token_nothing_passes(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(f"Fsc-Transaction-Id: {uuid7()}\r\n".encode())) == MISSING
    assert plane.service.received == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", MISSING),
        ("Bearer", MISSING),
        ("Bearer ", MISSING),
        ("Basic dXNlcjpwdw==", INVALID),
        ("Bearer garbage", INVALID),
        ("Bearer a.b.c", INVALID),
        ("Bearer e30.e30.", INVALID),
        ("Bearer ....", INVALID),
        ("Bearer " + "a" * 1_500_000, INVALID),
    ],
    ids=lambda value: str(value)[:20],
)
async def test_what_is_no_token_is_refused(plane: DataPlane, value: str, expected: tuple[int, str]) -> None:
    lines = f"Fsc-Authorization: {value}\r\nFsc-Transaction-Id: {uuid7()}\r\n".encode()
    assert refusal(await plane.ask_inway(lines)) == expected
    assert plane.service.received == []
    assert await plane.provider_records() == []


async def test_a_token_given_twice_is_refused_though_both_are_good(plane: DataPlane) -> None:
    again = f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode()
    assert refusal(await plane.ask_inway(plane.authorized(), again)) == INVALID


@pytest.mark.fsc("Inway-Incoming-Request-6")
async def test_an_expired_token_is_refused_and_the_log_has_nothing(plane: DataPlane) -> None:
    token = plane.token()
    plane.clock.advance(600)
    assert refusal(await plane.ask_inway(plane.authorized(token))) == EXPIRED
    assert plane.service.received == []
    assert await plane.provider_records() == []


async def test_a_token_lives_to_its_last_second(plane: DataPlane) -> None:
    token = plane.token()
    plane.clock.advance(599)
    assert (await plane.ask_inway(plane.authorized(token))).status == 200


@pytest.mark.fsc("Inway-Incoming-Request-3")
async def test_a_token_bound_to_another_certificate_of_the_same_peer_is_refused(plane: DataPlane) -> None:
    async with plane.inway(key_pair(CONSUMER, 1)) as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(), b"\r\n")
    assert refusal(answer) == INVALID
    assert plane.service.received == []


async def test_a_token_of_another_peer_is_refused(plane: DataPlane) -> None:
    stranger = key_pair(STRANGER)
    token = plane.token(certificate_thumbprint=stranger.thumbprint)
    async with plane.inway(stranger) as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(token), b"\r\n")
    assert refusal(answer) == INVALID


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"not_before": 2**40, "expires_at": 2**41}, INVALID),
        ({"outway_peer_id": STRANGER}, INVALID),
        ({"service_peer_id": STRANGER}, INVALID),
        ({"audience": "https://inway.elsewhere.test:443"}, INVALID),
        ({"grant_hash": "$1$3$bm90IG91cnM"}, INVALID),
        ({"delegator_peer_id": DELEGATOR}, INVALID),
        ({"service_delegator_peer_id": SERVICE_DELEGATOR}, INVALID),
        ({"group_id": GroupId("another.group")}, (403, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN")),
        ({"service_name": ServiceName("unknown")}, (404, "ERROR_CODE_SERVICE_NOT_FOUND")),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
async def test_claims_that_do_not_fit_are_refused(
    plane: DataPlane, changes: dict[str, Any], expected: tuple[int, str]
) -> None:
    assert refusal(await plane.ask_inway(plane.authorized(plane.token(**changes)))) == expected
    assert plane.service.received == []
    assert await plane.provider_records() == []


async def test_a_token_signed_by_a_stranger_is_refused(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(plane.authorized(plane.token(signer=key_pair(STRANGER))))) == INVALID


async def test_a_service_without_anything_behind_it_is_not_found(plane: DataPlane) -> None:
    other = ServiceName("other")
    record = await plane.add_contract(connection_grant(name=other))
    tenant = plane.provider.tenant
    plane.provider.tenant = replace(tenant, services={other: tenant.services[ECHO]})
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    plane.provider.tenant = replace(tenant, services={ECHO: tenant.services[ECHO]})
    refused = refusal(await plane.ask_inway(plane.authorized(plane.token(record))))
    assert refused == (404, "ERROR_CODE_SERVICE_NOT_FOUND")


async def test_a_revoked_contract_is_refused_at_once_though_the_token_lives(plane: DataPlane) -> None:
    lines = plane.authorized()
    async with plane.inway() as wire:
        request = (b"GET / HTTP/1.1\r\nHost: inway\r\n", lines, b"\r\n")
        assert (await wire.ask(*request)).status == 200
        await plane.revoke(plane.contract, at=[plane.provider])
        assert refusal(await wire.ask(*request)) == INVALID
    assert len(plane.service.received) == 1


async def test_a_rejected_contract_is_no_contract(plane: DataPlane) -> None:
    await plane.provider.contracts.update(
        plane.contract.content_hash,
        lambda one: with_signature(one, CONSUMER, SignatureType.REJECT, plane.clock.now()),
    )
    assert refusal(await plane.ask_inway(plane.authorized())) == INVALID


async def test_a_token_asked_for_by_an_alias_of_the_grant_hash_is_good(plane: DataPlane) -> None:
    (alias,) = set(plane.contract.all_grant_hashes) - set(plane.contract.grant_hashes)
    assert (await plane.ask_inway(plane.authorized(plane.token(grant_hash=alias)))).status == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_scheme_may_be_in_any_case(plane: DataPlane, scheme: str) -> None:
    lines = plane.authorized().replace(b"Bearer", scheme.encode())
    assert (await plane.ask_inway(lines)).status == 200


# -- the transaction id


@pytest.mark.fsc("Inway-TransactionLog-3")
async def test_without_a_transaction_id_nothing_passes(plane: DataPlane) -> None:
    answer = await plane.ask_inway(f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode())
    assert refusal(answer) == (400, "MISSING_LOG_RECORD_ID")
    assert plane.service.received == []


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["1"],
        ["not-a-uuid-at-all-but-36-characters-x"],
        ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"],
        ["01a20966-5068-77ca-a1b0-299c54a3a583", "01a20966-5068-77ca-a1b0-299c54a3a583"],
        ["01a20966-5068-77ca-a1b0-299c54a3a583, 01a20966-5068-77ca-a1b0-299c54a3a583"],
    ],
)
async def test_any_other_transaction_id_than_one_uuid7_is_refused(plane: DataPlane, values: Sequence[str]) -> None:
    lines = [f"Fsc-Transaction-Id: {value}\r\n".encode() for value in values]
    answer = await plane.ask_inway(f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode(), *lines)
    assert refusal(answer) == (400, "INVALID_LOG_RECORD_ID")
    assert plane.service.received == []


async def test_the_token_is_judged_before_the_transaction_id(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(b"Fsc-Transaction-Id: 1\r\n")) == MISSING


# -- the log


@pytest.mark.fsc("Inway-TransactionLog-1")
async def test_the_record_is_durable_before_the_service_sees_the_request(plane: DataPlane) -> None:
    assert isinstance(plane.provider.log, TransactionLog)
    held = HeldLog(plane.provider.log)
    plane.provider.log = held
    transaction_id = uuid7()
    records_at_the_service = []

    async def behave(request: Message, wire: Wire) -> None:
        records_at_the_service.extend(await plane.provider_records())
        await answering(b"HTTP/1.1 204 No Content\r\n\r\n")(request, wire)

    plane.service.behaviour = behave
    async with plane.inway() as wire, asyncio.TaskGroup() as tasks:
        lines = plane.authorized(transaction_id=transaction_id)
        asked = tasks.create_task(wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", lines, b"\r\n"))
        await held.waiting.wait()
        assert plane.service.connections == 0
        held.release.set()
        assert (await asked).status == 204
    assert [record.transaction_id for record in records_at_the_service] == [transaction_id]


@pytest.mark.fsc("Inway-TransactionLog-6")
async def test_a_log_that_cannot_be_written_stops_the_request(plane: DataPlane) -> None:
    plane.provider_log.available = False
    assert refusal(await plane.ask_inway(plane.authorized())) == (500, "TRANSACTION_LOG_WRITE_ERROR")
    assert plane.service.connections == 0


@pytest.mark.fsc("Inway-TransactionLog-2")
@pytest.mark.fsc("Inway-Incoming-Request-1")
@pytest.mark.fsc("Inway-Incoming-Request-5")
async def test_token_and_transaction_id_reach_the_service(plane: DataPlane) -> None:
    token, transaction_id = plane.token(), uuid7()
    answer = await plane.ask_inway(plane.authorized(token, transaction_id), start=b"GET /path?query HTTP/1.1")
    assert (answer.status, answer.body) == (200, b"ok")
    (received,) = plane.service.received
    assert (received.head.method, received.head.target) == ("GET", "/path?query")
    assert received.head.all("Fsc-Authorization") == [f"Bearer {token}"]
    assert received.head.all("Fsc-Transaction-Id") == [transaction_id]


async def test_the_record_names_both_peers_service_and_grant(plane: DataPlane) -> None:
    transaction_id = uuid7()
    await plane.ask_inway(plane.authorized(transaction_id=transaction_id))
    (record,) = await plane.provider_records()
    assert record.to_json() == {
        "transaction_id": transaction_id,
        "direction": Direction.INCOMING.value,
        "grant_hash": plane.grant_hash,
        "source": {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER},
        "destination": {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER},
        "service_name": ECHO,
        "created_at": plane.clock.now(),
    }


SOURCE = {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER}
DELEGATED_SOURCE = {
    "type": "SOURCE_TYPE_DELEGATED_SOURCE",
    "outway_peer_id": CONSUMER,
    "delegator_peer_id": DELEGATOR,
}
DESTINATION = {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER}
DELEGATED_DESTINATION = {
    "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
    "service_peer_id": PROVIDER,
    "delegator_peer_id": SERVICE_DELEGATOR,
}


@pytest.mark.fsc("Inway-TransactionLog-4")
@pytest.mark.fsc("Inway-TransactionLog-5")
@pytest.mark.parametrize(
    ("grant", "source", "destination"),
    [
        (delegated_grant(), DELEGATED_SOURCE, DESTINATION),
        (grant_on_delegated_service(), SOURCE, DELEGATED_DESTINATION),
        (doubly_delegated_grant(), DELEGATED_SOURCE, DELEGATED_DESTINATION),
    ],
)
async def test_the_record_names_the_delegators(
    plane: DataPlane, grant: Grant, source: dict[str, str], destination: dict[str, str]
) -> None:
    record = await plane.add_contract(grant)
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    (logged,) = await plane.provider_records()
    assert (logged.to_json()["source"], logged.to_json()["destination"]) == (source, destination)


async def test_the_record_has_the_reference_to_an_external_contract_and_no_other_property(plane: DataPlane) -> None:
    reference = {"reference": "2026-1", "delegator_id": "1", "delegator_name": "Stichting"}
    record = await plane.add_contract(connection_grant(properties={CONNECTION_REFERENCE: reference, "other": "secret"}))
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    (logged,) = await plane.provider_records()
    assert logged.additional_data == {CONNECTION_REFERENCE: reference}


# -- the Service


async def test_a_service_that_is_down_is_unreachable(plane: DataPlane) -> None:
    async with listening(plane.service.serve) as port:
        plane.upstream_at(port)
    answer = await plane.ask_inway(plane.authorized())
    assert refusal(answer) == (502, "ERROR_CODE_SERVICE_UNREACHABLE")
    assert str(port).encode() not in answer.body
    assert len(await plane.provider_records()) == 1


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"SSH-2.0-server\r\n\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n"],
)
async def test_a_service_that_does_not_answer_in_http_is_unreachable(plane: DataPlane, said: bytes) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        await answering(said)(request, wire)
        raise ConnectionResetError

    plane.service.behaviour = behave
    assert refusal(await plane.ask_inway(plane.authorized())) == (502, "ERROR_CODE_SERVICE_UNREACHABLE")


async def test_what_the_service_refuses_passes_unaltered(plane: DataPlane) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 418 Own Words\r\nContent-Type: application/problem+json\r\nFsc-Error-Code: OF_THE_SERVICE\r\n"
        b'Content-Length: 10\r\n\r\n{"a": 418}'
    )
    answer = await plane.ask_inway(plane.authorized())
    assert answer.head.start == "HTTP/1.1 418 Own Words"
    assert answer.head.headers == (
        ("Content-Type", "application/problem+json"),
        ("Fsc-Error-Code", "OF_THE_SERVICE"),
        ("Content-Length", "10"),
    )
    assert answer.body == b'{"a": 418}'


async def test_what_the_service_is_told_of_the_client_comes_from_us(plane: DataPlane) -> None:
    forged = (
        b"X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: http\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Port: 1\r\n"
        b"X_Forwarded_For: 198.51.100.8\r\nForwarded: for=198.51.100.9\r\nX-Real-IP: 198.51.100.10\r\n"
        b"Connection: x-forwarded-for\r\n"
    )
    assert (await plane.ask_inway(plane.authorized(), forged)).status == 200
    (received,) = plane.service.received
    told = [(name, value) for name, value in received.head.headers if "orwarded" in name or "eal" in name]
    address = plane.provider.tenant.inway_address.removeprefix("https://")
    assert told == [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", address),
    ]


async def test_connection_cannot_take_the_fsc_headers_away(plane: DataPlane) -> None:
    naming = b"Connection: fsc-authorization, Fsc-Transaction-Id, X-Mine\r\nX-Mine: 1\r\n"
    assert (await plane.ask_inway(plane.authorized(), naming)).status == 200
    (received,) = plane.service.received
    assert {"fsc-authorization", "fsc-transaction-id"} <= set(received.head.names())
    assert "x-mine" not in received.head.names()


@pytest.mark.parametrize("start", [b"CONNECT 0:80 HTTP/1.1", b"CONNECT elsewhere.test:443 HTTP/1.1"])
async def test_a_target_that_could_lead_elsewhere_is_refused_and_not_logged(plane: DataPlane, start: bytes) -> None:
    assert refusal(await plane.ask_inway(plane.authorized(), start=start)) == (400, "ERROR_CODE_INVALID_REQUEST")
    assert plane.service.connections == 0
    assert await plane.provider_records() == []


async def test_no_refusal_repeats_the_token(plane: DataPlane) -> None:
    token = plane.token(signer=key_pair(STRANGER))
    answer = await plane.ask_inway(plane.authorized(token))
    assert refusal(answer) == INVALID
    assert not [part for part in token.split(".") if part.encode() in answer.body]
