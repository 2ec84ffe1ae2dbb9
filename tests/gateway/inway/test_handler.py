import asyncio
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.authority import DevelopmentAuthority
from clock import SystemClock
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.signature import SignatureType
from tests.certs.wire import plain_client
from tests.gateway.dataplane import DataPlane, inway_name, refusal
from tests.gateway.echo import answering
from tests.gateway.material import (
    CONSUMER,
    DELEGATOR,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    STRANGER,
    authority,
    connection_grant,
    key_pair,
    uuid7,
    with_signature,
)
from tests.gateway.wire import Message, Wire, connection, listening

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


async def test_a_trusted_certificate_that_names_no_peer_is_denied(plane: DataPlane) -> None:
    twice = [x509.NameAttribute(NameOID.SERIAL_NUMBER, STRANGER)]
    pair = authority().issue(peer_id=CONSUMER, name="Peer", dns_names=["outway.example.test"], extra_subject=twice)
    tls = plain_client(pair, authority().anchors_pem().decode())
    async with connection(plane.tls_port, tls=tls, name=inway_name(PROVIDER)) as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(), b"\r\n")
    assert refusal(answer, "INWAY") == INVALID
    assert plane.service.received == []


async def test_a_tenant_that_is_hosted_no_more_has_no_inway(plane: DataPlane) -> None:
    async with plane.inway() as wire:
        plane.is_hosted = False
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(), b"\r\n")
    assert refusal(answer, "INWAY") == (404, "ERROR_CODE_SERVICE_NOT_FOUND")


# -- the token


@pytest.mark.fsc("Inway-Incoming-Request-2")
async def test_without_a_token_nothing_passes(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(f"Fsc-Transaction-Id: {uuid7()}\r\n".encode()), "INWAY") == MISSING
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
    assert refusal(await plane.ask_inway(lines), "INWAY") == expected
    assert plane.service.received == []
    assert await plane.provider_records() == []


async def test_a_token_given_twice_is_refused_though_both_are_good(plane: DataPlane) -> None:
    again = f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode()
    assert refusal(await plane.ask_inway(plane.authorized(), again), "INWAY") == INVALID


@pytest.mark.fsc("Inway-Incoming-Request-6")
async def test_an_expired_token_is_refused_and_the_log_has_nothing(plane: DataPlane) -> None:
    token = plane.token()
    plane.clock.advance(600)
    assert refusal(await plane.ask_inway(plane.authorized(token)), "INWAY") == EXPIRED
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
    assert refusal(answer, "INWAY") == INVALID
    assert plane.service.received == []


async def test_a_token_of_another_peer_is_refused(plane: DataPlane) -> None:
    stranger = key_pair(STRANGER)
    token = plane.token(certificate_thumbprint=stranger.thumbprint)
    async with plane.inway(stranger) as wire:
        answer = await wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", plane.authorized(token), b"\r\n")
    assert refusal(answer, "INWAY") == INVALID


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
    assert refusal(await plane.ask_inway(plane.authorized(plane.token(**changes))), "INWAY") == expected
    assert plane.service.received == []
    assert await plane.provider_records() == []


async def test_a_token_signed_by_a_stranger_is_refused(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(plane.authorized(plane.token(signer=key_pair(STRANGER)))), "INWAY") == INVALID


async def test_a_service_without_anything_behind_it_is_not_found(plane: DataPlane) -> None:
    plane.has_upstream = False
    refused = refusal(await plane.ask_inway(plane.authorized()), "INWAY")
    assert refused == (404, "ERROR_CODE_SERVICE_NOT_FOUND")
    assert await plane.provider_records() == []


async def test_a_service_that_is_offered_no_more_is_not_found(plane: DataPlane) -> None:
    other = ServiceName("other")
    record = await plane.add_contract(connection_grant(name=other))
    tenant = plane.provider.tenant
    plane.provider.tenant = replace(tenant, services={other: tenant.services[ECHO]})
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    plane.provider.tenant = replace(tenant, services={ECHO: tenant.services[ECHO]})
    refused = refusal(await plane.ask_inway(plane.authorized(plane.token(record))), "INWAY")
    assert refused == (404, "ERROR_CODE_SERVICE_NOT_FOUND")


async def test_a_revoked_contract_is_refused_at_once_though_the_token_lives(plane: DataPlane) -> None:
    lines = plane.authorized()
    async with plane.inway() as wire:
        request = (b"GET / HTTP/1.1\r\nHost: inway\r\n", lines, b"\r\n")
        assert (await wire.ask(*request)).status == 200
        await plane.revoke(plane.contract, at=[plane.provider])
        assert refusal(await wire.ask(*request), "INWAY") == INVALID
    assert len(plane.service.received) == 1


async def test_a_rejected_contract_is_no_contract(plane: DataPlane) -> None:
    await plane.provider.contracts.update(
        plane.contract.content_hash,
        lambda one: with_signature(one, CONSUMER, SignatureType.REJECT, plane.clock.now()),
    )
    assert refusal(await plane.ask_inway(plane.authorized()), "INWAY") == INVALID


async def test_a_token_asked_for_by_an_alias_of_the_grant_hash_is_good(plane: DataPlane) -> None:
    (alias,) = set(plane.contract.all_grant_hashes) - set(plane.contract.grant_hashes)
    assert (await plane.ask_inway(plane.authorized(plane.token(grant_hash=alias)))).status == 200


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
async def test_the_scheme_may_be_in_any_case(plane: DataPlane, scheme: str) -> None:
    lines = plane.authorized().replace(b"Bearer", scheme.encode())
    assert (await plane.ask_inway(lines)).status == 200


# -- the Service


async def test_a_service_that_is_down_is_unreachable(plane: DataPlane) -> None:
    async with listening(plane.service.serve) as port:
        plane.upstream_at(port)
    answer = await plane.ask_inway(plane.authorized())
    assert refusal(answer, "INWAY") == (502, "ERROR_CODE_SERVICE_UNREACHABLE")
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
    assert refusal(await plane.ask_inway(plane.authorized()), "INWAY") == (502, "ERROR_CODE_SERVICE_UNREACHABLE")


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
    assert refusal(await plane.ask_inway(plane.authorized(), start=start), "INWAY") == (
        400,
        "ERROR_CODE_INVALID_REQUEST",
    )
    assert plane.service.connections == 0
    assert await plane.provider_records() == []


async def test_no_refusal_repeats_the_token(plane: DataPlane) -> None:
    token = plane.token(signer=key_pair(STRANGER))
    answer = await plane.ask_inway(plane.authorized(token))
    assert refusal(answer, "INWAY") == INVALID
    assert not [part for part in token.split(".") if part.encode() in answer.body]
