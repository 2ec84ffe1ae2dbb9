"""What passes from an application to the Service and back, through Outway and Inway; and with which certificate."""

import asyncio
import ssl
from dataclasses import replace

import pytest

from certs.handshake import PeerConnection
from certs.thumbprint import CertificateThumbprint
from gateway.fsc.grants import Outway, PublicKeyIdentification, Service, ServiceConnectionGrant
from gateway.fsc.names import InwayAddress
from tests.gateway.dataplane import GET, START, DataPlane, inway_name, refusal
from tests.gateway.echo import answering
from tests.gateway.material import CONSUMER, ECHO, PROVIDER, authority, key_pair
from tests.gateway.wire import Message, Wire


def inway_handshakes(plane: DataPlane) -> list[tuple[bool, CertificateThumbprint]]:
    return [(resumed, whose) for name, resumed, whose in plane.handshakes if name == inway_name(PROVIDER)]


def grant_for_key(number: int) -> ServiceConnectionGrant:
    key = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER, number).public_key_thumbprint)
    outway = Outway(peer_id=CONSUMER, identification=key)
    return ServiceConnectionGrant(outway=outway, service=Service(peer_id=PROVIDER, name=ECHO))


def change_key(plane: DataPlane) -> None:
    """The consumer gets another key; the earlier one is still valid."""
    old, new = key_pair(CONSUMER), key_pair(CONSUMER, 1)
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=(new,), replaced_pairs=(old,))


async def ask_at_once(plane: DataPlane, number: int) -> list[Message]:
    """So many requests of which none is answered before all have arrived: each needs a connection."""
    arrived = asyncio.Barrier(number)

    async def behave(request: Message, wire: Wire) -> None:
        del request
        async with asyncio.timeout(10):
            await arrived.wait()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    plane.service.behaviour = behave
    async with asyncio.TaskGroup() as tasks:
        asked = [tasks.create_task(plane.ask_outway()) for _ in range(number)]
    return [one.result() for one in asked]


# -- messages of every shape


async def test_another_protocol_passes_both_ways(plane: DataPlane) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        assert request.head.all("Upgrade") == ["websocket"]
        await wire.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhello ")
        while said := await wire.some():
            await wire.send(said.upper())

    plane.service.behaviour = behave
    async with plane.outway() as wire:
        await wire.send(b"GET / HTTP/1.1\r\nHost: klant.x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
        head = await wire.head()
        assert head.status == 101
        assert head.get("Fsc-Transaction-Id") is not None
        await wire.send(b"world")
        heard = b""
        while len(heard) < len(b"hello WORLD"):
            heard += await wire.some()
        assert heard == b"hello WORLD"
    assert len(await plane.consumer_records()) == len(await plane.provider_records()) == 1


async def test_trailers_pass_both_ways(plane: DataPlane) -> None:
    plane.service.reads_body = False
    heard: list[bytes] = []

    async def behave(request: Message, wire: Wire) -> None:
        del request
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            raw += await wire.some()
        heard.append(raw)
        await wire.send(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"2\r\nok\r\n0\r\nX-Sum: 2\r\nFsc-Grant-Hash: x\r\n\r\n",
        )

    plane.service.behaviour = behave
    async with plane.outway() as wire:
        await wire.send(START, b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n")
        head = await wire.head()
        raw = b""
        while not raw.endswith(b"\r\n\r\n"):
            raw += await wire.some()
    assert head.status == 200
    assert raw == b"2\r\nok\r\n0\r\nX-Sum: 2\r\n\r\n"
    assert heard == [b"4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n"]


async def test_a_client_that_waits_for_100_continue_is_told_to_go_on(plane: DataPlane) -> None:
    async with plane.outway() as wire:
        await wire.send(START, b"Content-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert (await wire.head()).status == 100
        await wire.send(b"body")
        assert (await wire.message()).status == 200
    assert plane.service.received[0].body == b"body"


async def test_an_answer_to_head_keeps_its_length_and_has_no_body(plane: DataPlane) -> None:
    plane.service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n")
    async with plane.outway() as wire:
        for _ in range(2):
            answer = await wire.ask(GET.replace(b"GET", b"HEAD", 1))
            assert (answer.status, answer.head.get("Content-Length")) == (200, "1234")


async def test_pipelined_requests_are_each_logged_and_answered_in_order(plane: DataPlane) -> None:
    async with plane.outway() as wire:
        await wire.send(*(GET.replace(b"GET /", b"GET /%d" % number) for number in range(5)))
        answers = [await wire.message() for _ in range(5)]
    assert [one.head.target for one in plane.service.received] == [f"/{number}" for number in range(5)]
    assert len({answer.head.get("Fsc-Transaction-Id") for answer in answers}) == 5
    assert len(await plane.consumer_records()) == 5


async def test_an_application_that_hangs_up_while_the_token_is_fetched_harms_nobody(plane: DataPlane) -> None:
    plane.manager.gate.clear()
    async with plane.outway() as wire:
        await wire.send(GET)
        async with asyncio.timeout(10):
            while not plane.manager.requests:  # noqa: ASYNC110 - it does not tell
                await asyncio.sleep(0.005)
        wire.reset()
        await asyncio.sleep(0.1)
    plane.manager.gate.set()
    assert (await plane.ask_outway()).status == 200
    assert len(plane.service.received) == 1


async def test_a_body_that_never_comes_whole_after_a_refusal_does_not_hold_the_outway_up(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    await plane.lose_earlier_keys()
    async with plane.outway() as wire:
        await wire.send(START, b"Content-Length: 10\r\n\r\nbo")
        assert (await plane.ask_outway()).status == 200
        wire.hang_up()
    assert (await plane.ask_outway()).status == 200


# -- with which certificate


async def test_after_a_change_of_key_the_earlier_one_serves_until_there_is_a_contract_for_the_new(
    plane: DataPlane,
) -> None:
    old, new = key_pair(CONSUMER).thumbprint, key_pair(CONSUMER, 1).thumbprint
    change_key(plane)
    assert (await plane.ask_outway()).status == 200
    assert {whose for _, _, whose in plane.handshakes} == {old}  # to the Manager too

    successor = await plane.add_contract(grant_for_key(1))
    assert (await plane.ask_outway()).status == 200
    assert [(name, whose) for name, _, whose in plane.handshakes[2:]] == [
        (plane.provider.tenant.manager_address.removeprefix("https://").partition(":")[0], new),
        (inway_name(PROVIDER), new),
    ]
    assert (await plane.consumer_records())[0].grant_hash == successor.grant_hashes[0]


async def test_an_earlier_contract_is_still_reached_by_hash_with_the_earlier_key(plane: DataPlane) -> None:
    await plane.add_contract(grant_for_key(1))
    change_key(plane)
    assert (await plane.ask_outway(f"Fsc-Grant-Hash: {plane.grant_hash}\r\n".encode())).status == 200
    assert inway_handshakes(plane) == [(False, key_pair(CONSUMER).thumbprint)]


async def test_with_a_contract_for_no_key_of_ours_the_refusal_says_so(plane: DataPlane) -> None:
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=(key_pair(CONSUMER, 1),))
    answer = await plane.ask_outway(f"Fsc-Service: {PROVIDER}/{ECHO}\r\n".encode())
    assert refusal(answer, "OUTWAY") == (400, "ERROR_CODE_NO_VALID_GRANT")
    assert b"is for an Outway with another key" in answer.body


# -- TLS sessions


async def test_connections_are_kept_and_new_ones_resume_the_session(plane: DataPlane) -> None:
    for _ in range(3):
        assert (await plane.ask_outway()).status == 200
    ours = key_pair(CONSUMER).thumbprint
    assert inway_handshakes(plane) == [(False, ours)]
    assert [answer.status for answer in await ask_at_once(plane, 3)] == [200] * 3
    assert inway_handshakes(plane) == [(False, ours), (True, ours), (True, ours)]


async def test_a_session_is_never_resumed_with_another_certificate_of_ours(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    change_key(plane)
    await plane.add_contract(grant_for_key(1))
    assert (await plane.ask_outway()).status == 200
    assert inway_handshakes(plane) == [
        (False, key_pair(CONSUMER).thumbprint),
        (False, key_pair(CONSUMER, 1).thumbprint),
    ]


async def test_a_session_is_never_resumed_at_another_address(plane: DataPlane) -> None:
    assert (await plane.ask_outway()).status == 200
    elsewhere = f"else.{PROVIDER}.localhost"
    pair = authority().issue(peer_id="00000000000000000098", name="Other", dns_names=[elsewhere])
    plane.served_with[elsewhere] = pair
    plane.provider.tenant = replace(
        plane.provider.tenant, inway_address=InwayAddress(f"https://{elsewhere}:{plane.tls_port}")
    )
    await plane.lose_earlier_keys()  # so that the Outway asks where the Inway is
    answer = await plane.ask_outway()
    assert refusal(answer, "OUTWAY") == (502, "ERROR_CODE_INWAY_UNREACHABLE")
    assert len(plane.service.received) == 1


async def test_the_session_is_looked_at_once_for_each_connection(
    plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[ssl.SSLObject] = []

    def session(connection: ssl.SSLObject) -> ssl.SSLSession | None:
        looked.append(connection)
        found: ssl.SSLSession | None = vars(ssl.SSLObject)["session"].fget(connection)
        return found

    monkeypatch.setattr(PeerConnection, "session", property(session), raising=False)
    for _ in range(5):
        assert (await plane.ask_outway()).status == 200
    assert len(looked) == 1  # it costs as much as ten requests
