import asyncio
import json
from dataclasses import replace

import pytest
from aiohttp import web

from gateway.errors import ServiceNotFound
from gateway.fsc.names import InwayAddress, ServiceName
from gateway.relay.exchange import MAX_KEPT_BYTES
from tests.gateway.dataplane import DataPlane, inway_name, refusal
from tests.gateway.echo import answering
from tests.gateway.material import (
    CONSUMER,
    ECHO,
    PROVIDER,
    STRANGER,
    authority,
    connection_grant,
    key_pair,
)
from tests.gateway.wire import Message, Wire, listening


def message_of(answer: Message) -> str:
    message: str = json.loads(answer.body)["message"]
    return message


# -- selecting


@pytest.mark.fsc("Outway-IncomingRequest-1")
@pytest.mark.fsc("Integration-ConsumeService-1")
async def test_an_application_reaches_the_service_by_host_name(plane: DataPlane) -> None:
    answer = await plane.ask_outway(start=b"GET /path?query HTTP/1.1")
    assert (answer.status, answer.body) == (200, b"ok")
    (received,) = plane.service.received
    assert (received.head.method, received.head.target) == ("GET", "/path?query")


@pytest.mark.parametrize("host", ["klant.outway:8081", "KLANT.Outway.Test", "klant"])
async def test_a_host_name_with_port_or_in_upper_case(plane: DataPlane, host: str) -> None:
    async with plane.outway() as wire:
        answer = await wire.ask(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.status == 200


async def test_a_program_that_takes_the_outway_for_its_proxy(plane: DataPlane) -> None:
    async with plane.outway() as wire:
        answer = await wire.ask(b"GET http://klant.outway:8081/path?query HTTP/1.1\r\nHost: other\r\n\r\n")
    assert answer.status == 200
    assert plane.service.received[0].head.target == "/path?query"


async def test_every_alias_of_a_grant_hash_selects_it(plane: DataPlane) -> None:
    for grant_hash in plane.contract.all_grant_hashes:
        answer = await plane.ask_outway(f"Fsc-Grant-Hash: {grant_hash}\r\n".encode())
        assert answer.status == 200
    assert [record.grant_hash for record in await plane.consumer_records()][::-1] == [*plane.contract.all_grant_hashes]


async def test_a_service_by_peer_and_name(plane: DataPlane) -> None:
    async with plane.outway() as wire:
        answer = await wire.ask(f"GET / HTTP/1.1\r\nHost: x\r\nFsc-Service: {PROVIDER}/{ECHO}\r\n\r\n".encode())
    assert answer.status == 200


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Fsc-Grant-Hash: $1$3$dW5rbm93bg", (400, "UNKNOWN_GRANT_HASH_IN_HEADER")),
        ("Fsc-Grant-Hash:", (400, "UNKNOWN_GRANT_HASH_IN_HEADER")),
        ("Fsc-Grant-Hash: a\r\nFsc-Grant-Hash: a", (400, "ERROR_CODE_INVALID_REQUEST")),
        ("Fsc-Service: {PROVIDER}/unknown", (400, "ERROR_CODE_NO_VALID_GRANT")),
        ("Fsc-Service: echo", (400, "ERROR_CODE_INVALID_REQUEST")),
        ("Fsc-Service: a/b\r\nFsc-Service: a/b", (400, "ERROR_CODE_INVALID_REQUEST")),
    ],
)
async def test_the_first_selector_that_is_present_decides(
    plane: DataPlane, line: str, expected: tuple[int, str]
) -> None:
    answer = await plane.ask_outway(f"{line}\r\n".encode())
    assert refusal(answer, "OUTWAY") == expected
    assert plane.manager.requests == 0


async def test_a_refusal_names_the_candidates(plane: DataPlane) -> None:
    answer = await plane.ask_outway(b"Fsc-Grant-Hash: unknown\r\n")
    assert message_of(answer).endswith(f"Candidates: klant, {PROVIDER}/{ECHO} = {plane.grant_hash}")
    answer = await plane.ask_outway(b"Fsc-Service: a/b\r\n")
    assert message_of(answer).endswith(f"Candidates: klant, {PROVIDER}/{ECHO}")


async def test_the_hash_of_the_contract_is_answered_with_those_of_its_grants(plane: DataPlane) -> None:
    answer = await plane.ask_outway(f"Fsc-Grant-Hash: {plane.contract.content_hash}\r\n".encode())
    assert refusal(answer, "OUTWAY") == (400, "UNKNOWN_GRANT_HASH_IN_HEADER")
    assert f"has the hash of a contract, not of a grant. The grants in it are {plane.grant_hash}" in message_of(answer)
    assert plane.manager.requests == 0


async def test_the_hash_of_a_revoked_contract_says_who_revoked_it(plane: DataPlane) -> None:
    await plane.revoke(plane.contract, at=[plane.consumer])
    answer = await plane.ask_outway(f"Fsc-Grant-Hash: {plane.grant_hash}\r\n".encode())
    assert refusal(answer, "OUTWAY") == (400, "UNKNOWN_GRANT_HASH_IN_HEADER")
    assert f"the contract of the grant in Fsc-Grant-Hash was revoked by {CONSUMER}" in message_of(answer)


@pytest.mark.fsc("Integration-ConsumeService-2")
async def test_without_a_contract_there_is_no_connection(plane: DataPlane) -> None:
    await plane.revoke(plane.contract, at=[plane.consumer])
    assert refusal(await plane.ask_outway(), "OUTWAY") == (400, "ERROR_CODE_NO_VALID_GRANT")
    assert plane.manager.requests == 0
    assert plane.service.connections == 0


@pytest.mark.parametrize("target", [b"klant.outway:443", b"klant.outway", b"[::1]:443", b"/path", b"*"])
async def test_connect_is_not_supported(plane: DataPlane, target: bytes) -> None:
    answer = await plane.ask_outway(start=b"CONNECT " + target + b" HTTP/1.1")
    assert refusal(answer, "OUTWAY") == (405, "ERROR_CODE_METHOD_UNSUPPORTED")
    assert answer.head.get("allow") == "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"
    assert plane.manager.requests == 0


async def test_a_target_that_could_not_be_sent_on_as_it_is(plane: DataPlane) -> None:
    answer = await plane.ask_outway(start=b"GET /#fragment HTTP/1.1")
    assert refusal(answer, "OUTWAY") == (400, "ERROR_CODE_INVALID_REQUEST")
    assert await plane.consumer_records() == []


# -- what is sent


async def test_selectors_and_tokens_of_the_application_are_not_sent_on(plane: DataPlane) -> None:
    answer = await plane.ask_outway(
        f"Fsc-Grant-Hash: {plane.grant_hash}\r\nFsc-Service: a/b\r\nFsc-Authorization: Bearer mine\r\n".encode(),
        b"Authorization: Bearer of-the-service\r\nX-Mine: 1\r\n",
    )
    assert answer.status == 200
    (received,) = plane.service.received
    names = received.head.names()
    assert "fsc-grant-hash" not in names
    assert "fsc-service" not in names
    (authorization,) = received.head.all("Fsc-Authorization")
    assert authorization.startswith("Bearer ey")
    assert received.head.all("Authorization") == ["Bearer of-the-service"]
    assert received.head.all("X-Mine") == ["1"]


# -- the token


async def test_one_token_serves_many_requests(plane: DataPlane) -> None:
    for _ in range(3):
        assert (await plane.ask_outway()).status == 200
    assert plane.manager.requests == 1
    assert len({message.head.get("Fsc-Authorization") for message in plane.service.received}) == 1


@pytest.mark.fsc("Outway-IncomingRequest-2")
async def test_what_the_manager_refuses_is_told_and_nothing_is_sent(plane: DataPlane) -> None:
    await plane.revoke(plane.contract, at=[plane.provider])
    answer = await plane.ask_outway()
    assert refusal(answer, "OUTWAY") == (502, "ERROR_CODE_TOKEN_REQUEST_FAILED")
    assert "invalid_grant: the contract of this grant has been revoked" in message_of(answer)
    assert await plane.consumer_records() == []
    assert plane.service.connections == 0


async def test_a_manager_that_cannot_be_reached(plane: DataPlane) -> None:
    plane.served_with.clear()
    answer = await plane.ask_outway()
    assert refusal(answer, "OUTWAY") == (502, "ERROR_CODE_TOKEN_REQUEST_FAILED")
    assert PROVIDER in message_of(answer)


async def test_an_outway_without_a_valid_certificate_can_ask_for_nothing(plane: DataPlane) -> None:
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=())
    assert refusal(await plane.ask_outway(), "OUTWAY") == (502, "ERROR_CODE_TOKEN_REQUEST_FAILED")


async def test_a_refused_token_is_renewed_once_without_the_application_noticing(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    await plane.lose_earlier_keys()
    answer = await plane.ask_outway()
    assert (answer.status, answer.body) == (200, b"ok")
    assert plane.manager.requests == 2
    assert len(await plane.consumer_records()) == 2


async def test_a_renewed_token_that_is_refused_too_is_not_renewed_again(plane: DataPlane) -> None:
    forged = plane.token(signer=key_pair(STRANGER))
    plane.manager.answer = lambda: web.json_response({"access_token": forged})
    answer = await plane.ask_outway()
    assert refusal(answer, "INWAY") == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert plane.manager.requests == 2
    assert plane.service.received == []


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 4\r\n\r\nbody", b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("method", [b"POST", b"PUT", b"GET"])
async def test_a_small_body_is_sent_again_with_the_renewed_token(
    plane: DataPlane, method: bytes, framing: bytes
) -> None:
    assert (await plane.ask_outway()).status == 200
    await plane.lose_earlier_keys()
    async with plane.outway() as wire:
        answer = await wire.ask(method + b" / HTTP/1.1\r\nHost: klant.x\r\n" + framing)
    assert answer.status == 200
    assert [one.body for one in plane.service.received] == [b"", b"body"]
    assert plane.manager.requests == 2
    assert len(await plane.consumer_records()) == 2


async def test_a_large_body_is_never_sent_again_without_its_beginning(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    await plane.lose_earlier_keys()
    body = b"x" * (MAX_KEPT_BYTES + 1)
    request = b"POST / HTTP/1.1\r\nHost: klant.x\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with plane.outway() as wire:
        answer = await wire.ask(request, body)
    assert refusal(answer, "INWAY") == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
    assert len(plane.service.received) == 1
    # The refused token is gone all the same: the application's own second attempt succeeds.
    async with plane.outway() as wire:
        answer = await wire.ask(request, body)
    assert answer.status == 200
    assert plane.service.received[-1].body == body


async def test_a_small_body_that_comes_after_the_refusal_is_sent_whole(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    await plane.lose_earlier_keys()
    async with plane.outway() as wire:
        await wire.send(b"POST / HTTP/1.1\r\nHost: klant.x\r\nContent-Length: 4\r\n\r\nbo")
        await asyncio.sleep(0.1)
        await wire.send(b"dy")
        answer = await wire.message()
    assert answer.status == 200
    assert plane.service.received[-1].body == b"body"


async def test_a_401_of_the_service_itself_is_no_reason_to_renew(plane: DataPlane) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await plane.ask_outway()
    assert (answer.status, answer.head.get("WWW-Authenticate")) == (401, "Basic")
    assert plane.manager.requests == 1
    assert len(plane.service.received) == 1


# -- the Inway


@pytest.mark.fsc("Outway-IncomingRequest-3")
async def test_an_inway_that_does_not_answer(plane: DataPlane) -> None:
    async with listening(plane.service.serve) as port:
        pass
    elsewhere = InwayAddress(f"https://{inway_name(PROVIDER)}:{port}")
    plane.provider.tenant = replace(plane.provider.tenant, inway_address=elsewhere)
    answer = await plane.ask_outway()
    assert refusal(answer, "OUTWAY") == (502, "ERROR_CODE_INWAY_UNREACHABLE")
    assert PROVIDER in message_of(answer)
    assert len(await plane.consumer_records()) == 1


async def test_after_an_inway_that_does_not_answer_the_next_token_says_where_it_is(plane: DataPlane) -> None:
    present = plane.provider.tenant
    async with listening(plane.service.serve) as port:
        pass
    elsewhere = InwayAddress(f"https://{inway_name(PROVIDER)}:{port}")
    plane.provider.tenant = replace(present, inway_address=elsewhere)
    assert (await plane.ask_outway()).status == 502
    plane.provider.tenant = present
    assert (await plane.ask_outway()).status == 200
    assert plane.manager.requests == 2


async def test_an_inway_with_the_certificate_of_another_peer_is_told_nothing(plane: DataPlane) -> None:
    names = [inway_name(PROVIDER)]
    stranger = authority().issue(peer_id=STRANGER, name="Stranger", dns_names=names)
    plane.served_with[inway_name(PROVIDER)] = stranger
    answer = await plane.ask_outway()
    assert refusal(answer, "OUTWAY") == (502, "ERROR_CODE_INWAY_UNREACHABLE")
    assert f"reached Peer {STRANGER} where Peer {PROVIDER} was meant" in message_of(answer)
    assert await plane.provider_records() == []


async def test_what_the_inway_refuses_passes_unaltered(plane: DataPlane) -> None:
    other = ServiceName("other")
    record = await plane.add_contract(connection_grant(name=other))
    token = plane.token(record)
    plane.manager.answer = lambda: web.json_response({"access_token": token})
    answer = await plane.ask_outway(f"Fsc-Grant-Hash: {record.grant_hashes[0]}\r\n".encode())
    assert refusal(answer, "INWAY") == (404, ServiceNotFound.code)


async def test_a_service_that_is_down_is_told_by_the_inway(plane: DataPlane) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        del request
        wire.hang_up()

    plane.service.behaviour = behave
    answer = await plane.ask_outway()
    assert refusal(answer, "INWAY") == (502, "ERROR_CODE_SERVICE_UNREACHABLE")
    assert answer.head.get("Fsc-Transaction-Id") is not None
