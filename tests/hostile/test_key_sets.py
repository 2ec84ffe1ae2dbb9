"""Key sets that lie, and addresses that lead where a Manager must not go: the caller chooses both."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import TypeAlias

import pytest

from certs.tls import server_context
from clock import SystemClock
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jwks import build_jwks
from tests.gateway.harness import RULE, ForeignPeer, key_pair, make_group
from tests.gateway.wire import Wire, listening
from tests.hostile.stage import KEY_SET, PEER_TIMEOUT_S, Stage, content_for, sign, stage

FAILED = (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
INVALID = (400, "ERROR_CODE_INVALID_REQUEST")
GROWTH_BYTES = 200_000_000
ISSUED = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def key_of(peer: ForeignPeer, **changes: object) -> JsonObject:
    """The one key of `peer` as it should be published, with `changes`."""
    [key] = build_jwks([peer.pair.chain])["keys"]
    return {**key, **changes}


def only(**changes: object) -> Callable[[ForeignPeer], bytes]:
    """A key set of the one key with `changes`."""
    return lambda peer: json.dumps({"keys": [key_of(peer, **changes)]}).encode()


def another_under_our_name(peer: ForeignPeer) -> bytes:
    """The certificate of a key that did not sign, under the thumbprint of the one that did."""
    key = key_of(peer)
    [other] = build_jwks([key_pair(peer.peer_id).chain])["keys"]
    names = {name: key[name] for name in ("x5t", "x5t#S256", "x5t#s256", "kid")}
    return json.dumps({"keys": [{**other, **names}]}).encode()


def with_issuers(change: Callable[[list[str]], list[str]]) -> Callable[[ForeignPeer], bytes]:
    """A key set of the one key with another `x5c`."""
    return lambda peer: json.dumps({"keys": [key_of(peer, x5c=change(key_of(peer)["x5c"]))]}).encode()


LIES: dict[str, Callable[[ForeignPeer], bytes]] = {
    "nothing": lambda peer: b"",
    "a page": lambda peer: b"<html></html>",
    "null": lambda peer: b"null",
    "a list": lambda peer: b"[]",
    "an empty object": lambda peer: b"{}",
    "keys null": lambda peer: b'{"keys":null}',
    "keys an object": lambda peer: b'{"keys":{}}',
    "keys of anything": lambda peer: b'{"keys":[1,"a",null,[],{"x5c":{}},{"x5c":[[]]}]}',
    "no certificates": only(x5c=[]),
    "a certificate outside a list": lambda peer: only(x5c=key_of(peer)["x5c"][0])(peer),
    "a certificate that is a number": only(x5c=[1]),
    "a certificate that is not base64": only(x5c=["!" * 99]),
    "a certificate cut off": with_issuers(lambda chain: [chain[0][:400]]),
    "a certificate with 4 MB behind it": with_issuers(lambda chain: [chain[0] + "A" * 4_000_000]),
    "another certificate under our thumbprint": another_under_our_name,
    "no issuer": with_issuers(lambda chain: chain[:1]),
    "issuer first": with_issuers(lambda chain: chain[::-1]),
    "a thousand times the leaf as issuer": with_issuers(lambda chain: chain[:1] * 1_000),
    "the key behind 100,000 others": lambda peer: json.dumps({"keys": [{}] * 100_000 + [key_of(peer)]}).encode(),
    "100,000 certificates": lambda peer: json.dumps({"keys": [{"x5c": ["MIIB"]}] * 50_000}).encode(),
    "more than the limit": lambda peer: b" " * 11_000_000 + only()(peer),
    "deep": lambda peer: b'{"keys":' + b"[" * 100_000,
    "a name twice": lambda peer: only()(peer)[:-1] + b',"keys":[]}',
}


@pytest.mark.parametrize("name", LIES)
def test_a_key_set_that_lies_is_not_believed(stage: Stage, attacker: ForeignPeer, name: str) -> None:
    attacker.pages[KEY_SET] = LIES[name](attacker)
    content = content_for(attacker)
    with stage.bounded_memory(GROWTH_BYTES):
        answer = stage.submit(attacker, content, sign(attacker, content))
    assert answer.refusal == FAILED


def test_a_key_set_of_10_mb_with_the_key_in_it_is_read(stage: Stage) -> None:
    """The control for the others: size alone is no lie, and the same signature is good."""
    peer = stage.peer()
    peer.pages[KEY_SET] = b" " * 9_000_000 + only()(peer)
    content = content_for(peer)
    assert stage.submit(peer, content, sign(peer, content)).status == 201


# -- a Manager that answers by hand


Behaviour: TypeAlias = Callable[[Wire], Awaitable[None]]


@contextlib.asynccontextmanager
async def answering(peer: ForeignPeer, behave: Behaviour) -> AsyncIterator[None]:
    """`peer` answers every request of a connection so, at an address that it tells from here on."""

    async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            await behave(Wire(reader, writer))
        writer.transport.abort()

    tls = server_context(peer.pair, make_group().trust, RULE, clock=SystemClock())
    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=tls)
    peer.address = f"https://{peer.peer_id}.localhost:{server.sockets[0].getsockname()[1]}"
    try:
        yield
    finally:
        server.close()


async def silent(wire: Wire) -> None:
    await wire.is_closed_by_peer()


async def dripping(wire: Wire) -> None:
    await wire.send(ISSUED, b"Content-Length: 100000\r\n\r\n")
    while True:
        await wire.send(b" ")
        await asyncio.sleep(0.05)


async def _for_ever(wire: Wire, part: bytes) -> None:
    while True:
        await wire.send(part)
        await asyncio.sleep(0)  # nothing else on this loop would have its turn


async def endless_body(wire: Wire) -> None:
    await wire.send(ISSUED, b"Transfer-Encoding: chunked\r\n\r\n")
    await _for_ever(wire, b"10000\r\n" + b" " * 65_536 + b"\r\n")


async def endless_header(wire: Wire) -> None:
    await wire.send(ISSUED)
    await _for_ever(wire, b"X-Padding: " + b"x" * 4_000 + b"\r\n")


async def endless_continue(wire: Wire) -> None:
    await _for_ever(wire, b"HTTP/1.1 100 Continue\r\n\r\n")


async def hanging_up(wire: Wire) -> None:
    wire.hang_up()


async def nonsense(wire: Wire) -> None:
    await wire.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def bomb(wire: Wire) -> None:
    await wire.send(ISSUED, b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")


async def cut_off(wire: Wire) -> None:
    await wire.send(ISSUED, b'Content-Length: 1000\r\n\r\n{"keys":[')


async def error(wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n")


BEHAVIOURS = (
    silent,
    dripping,
    endless_body,
    endless_header,
    endless_continue,
    hanging_up,
    nonsense,
    bomb,
    cut_off,
    error,
)


@pytest.mark.parametrize("behave", BEHAVIOURS, ids=lambda behave: behave.__name__)
def test_a_manager_that_does_not_give_its_keys_is_given_up(
    stage: Stage, attacker: ForeignPeer, behave: Behaviour
) -> None:
    stage.loop.enter(answering(attacker, behave))
    content = content_for(attacker)
    began_at = time.monotonic()
    with stage.bounded_memory(GROWTH_BYTES):
        answer = stage.submit(attacker, content, sign(attacker, content))
    assert answer.refusal == FAILED
    assert time.monotonic() - began_at < PEER_TIMEOUT_S + 2


def test_whoever_waits_for_keys_keeps_nobody_waiting(stage: Stage, attacker: ForeignPeer) -> None:
    stage.loop.enter(answering(attacker, silent))

    async def both() -> list[float]:
        began_at = time.monotonic()
        content = content_for(attacker)
        async with asyncio.TaskGroup() as tasks:
            for _ in range(50):
                tasks.create_task(stage.asked(attacker, content, sign(attacker, content)))
            await asyncio.sleep(0.3)
            await attacker.call("GET", stage.url("/peer"))
            served_at = time.monotonic()
        return [served_at - began_at, time.monotonic() - began_at]

    served_s, done_s = stage.run(both())
    assert served_s < PEER_TIMEOUT_S < done_s


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(stage: Stage, attacker: ForeignPeer, status: int) -> None:
    trap = stage.peer()

    async def redirect(wire: Wire) -> None:
        line = f"HTTP/1.1 {status} Elsewhere\r\nLocation: {trap.address}{KEY_SET}\r\nContent-Length: 0\r\n\r\n"
        await wire.send(line.encode())

    stage.loop.enter(answering(attacker, redirect))
    content = content_for(attacker)
    assert stage.submit(attacker, content, sign(attacker, content)).refusal == FAILED
    assert trap.received == []


# -- addresses


def test_a_service_of_this_machine_sees_no_request(stage: Stage, attacker: ForeignPeer) -> None:
    """A plain service on a port of loopback gets the beginning of a TLS handshake and not a word of HTTP."""
    seen: list[bytes] = []

    async def keep(wire: Wire) -> None:
        seen.append(await wire.some())

    port = stage.loop.enter(listening(keep))
    content = content_for(attacker)
    for host in ("127.0.0.1", "localhost", "anything.localhost"):
        attacker.address = f"https://{host}:{port}"
        assert stage.submit(attacker, content, sign(attacker, content)).refusal == FAILED
    assert len(seen) == 3
    assert all(data.startswith(b"\x16\x03") and b"HTTP/" not in data for data in seen)


def test_another_peer_sees_no_request(stage: Stage, attacker: ForeignPeer) -> None:
    """Nor does a Manager of the Group that is not the caller's, or the program's own."""
    victim = stage.peer()
    content = content_for(attacker)
    for address in (victim.address, stage.program.manager, stage.program.inway):
        attacker.address = address
        assert stage.submit(attacker, content, sign(attacker, content)).refusal == FAILED
    assert victim.received == []


@pytest.mark.parametrize(
    "address",
    [
        "",
        "manager.example.test:8443",
        "http://manager.example.test:8443",
        "https://manager.example.test",
        "https://manager.example.test:",
        "https://manager.example.test:0",
        "https://manager.example.test:65536",
        "https://manager.example.test:99999999999",
        "https://manager.example.test:8443/v1",
        "https://manager.example.test:8443/?x",
        "https://manager.example.test:8443#x",
        "https://user@manager.example.test:8443",
        "https://user:secret@127.0.0.1:8443",
        "https://manager.example.test:8443@evil.test:443",
        "https://evil.test\\@manager.example.test:8443",
        "https://manager.example.test:8443, https://evil.test:443",
        "https://[::1:8443",
        "https://[nonsense]:8443",
        "https://-manager.example.test:8443",
        "https://a..b:8443",
        "https://%6c%6fcalhost:8443",
        "https://h\xf6st.example.test:8443",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379",
        "https://" + "a" * 5_000 + ":8443",
    ],
)
def test_an_address_that_is_none_is_refused(stage: Stage, attacker: ForeignPeer, address: str) -> None:
    content = content_for(attacker)
    answer = stage.submit(attacker, content, sign(attacker, content), Fsc_Manager_Address=address)
    assert answer.refusal == INVALID
    assert stage.call(attacker, "PUT", "/announce", headers={"Fsc-Manager-Address": address}).refusal == INVALID


@pytest.fixture(scope="module", name="strict")
def _strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """A program of a Group that keeps to the ports of the standard."""
    with stage(tmp_path_factory.mktemp("strict"), allow_any_port=False) as running:
        yield running


@pytest.mark.parametrize("port", [22, 80, 2375, 5432, 6379, 8080, 8500, 9200, 27017])
def test_a_port_that_fsc_does_not_have_is_refused(strict: Stage, port: int) -> None:
    peer = strict.peer()
    address = f"https://127.0.0.1:{port}"
    content = content_for(peer)
    answer = strict.submit(peer, content, sign(peer, content), Fsc_Manager_Address=address)
    assert answer.refusal == INVALID
    assert strict.call(peer, "PUT", "/announce", headers={"Fsc-Manager-Address": address}).refusal == INVALID
    strict.check_unmoved(peer)
