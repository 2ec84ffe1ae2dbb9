"""Who is served by which Manager, and what is said to requests that none of its paths takes."""

import asyncio
import json
import ssl

import aiohttp
import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from tests.certs.wire import VERSIONS, plain_client
from tests.gateway.harness import (
    CONSUMER,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    ForeignPeer,
    authority,
    key_pair,
    strange_authority,
)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/v1"),
        ("GET", "/v1/"),
        ("GET", "/v2/peer"),
        ("GET", "/v1/peer/"),
        ("GET", "/v1/contracts/$1$1$a"),
        ("PUT", "/v1/contracts/$1$1$a/approve"),
        ("PUT", "/v1/contracts//accept"),
        ("GET", "/v1/%2e%2e/peer"),
    ],
)
async def test_an_unknown_path_is_told_in_the_shape_of_the_standard(group: Federation, method: str, path: str) -> None:
    hosted = await group.host()
    foreign = await group.foreign(listen=False)
    answer = await foreign.call(method, hosted.peer.tenant.manager_address + path)
    assert answer.refusal == (404, "ERROR_CODE_NOT_FOUND")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/v1/announce", "PUT"),
        ("DELETE", "/v1/contracts", "GET, HEAD, POST"),
        ("GET", "/v1/contracts/$1$1$a/accept", "PUT"),
        ("GET", "/v1/token", "POST"),
        ("POST", "/v1/peer", "GET, HEAD"),
        ("TRACE", "/v1/peers", "GET, HEAD"),
        ("PATCH", "/v1/.well-known/jwks.json", "GET, HEAD"),
    ],
)
async def test_an_unknown_method_is_told_with_those_that_are_known(
    group: Federation, method: str, path: str, allowed: str
) -> None:
    hosted = await group.host()
    foreign = await group.foreign(listen=False)
    answer = await foreign.call(method, hosted.peer.tenant.manager_address + path)
    assert answer.refusal == (405, "ERROR_CODE_METHOD_NOT_ALLOWED")
    assert answer.headers["Allow"] == allowed


async def test_the_name_of_the_connection_chooses_the_tenant_and_host_does_not(group: Federation) -> None:
    provider, consumer = await group.host(PROVIDER), await group.host(CONSUMER)
    foreign = await group.foreign(listen=False)
    host = consumer.peer.tenant.manager_address.removeprefix("https://")
    url = f"{provider.peer.tenant.manager_address}/v1/peer"
    answer = await foreign.call("GET", url, headers={"Host": host})
    assert answer.json["peer_id"] == PROVIDER


async def test_an_unknown_name_is_refused_in_the_handshake(group: Federation) -> None:
    await group.host()
    foreign = await group.foreign(listen=False)
    for host in ("nobody.localhost", "127.0.0.1"):
        with pytest.raises(aiohttp.ClientConnectorError):
            await foreign.call("GET", f"https://{host}:{group.port}/v1/peer")


async def test_a_tenant_that_is_no_longer_hosted_is_not_served_on_old_connections(group: Federation) -> None:
    hosted = await group.host()
    foreign = await group.foreign(listen=False)
    assert (await foreign.get(hosted.peer, "/peer")).status == 200
    group.hosts.replace(())
    assert (await foreign.get(hosted.peer, "/peer")).refusal == (404, "ERROR_CODE_NOT_FOUND")


async def test_a_certificate_from_elsewhere_never_gets_to_a_path(group: Federation) -> None:
    hosted = await group.host()
    foreign = await group.foreign(listen=False, pair=key_pair(PROVIDER, issuer=strange_authority()))
    with pytest.raises(aiohttp.ClientError):
        await foreign.get(hosted.peer, "/peer")


async def test_a_caller_without_a_certificate_never_gets_to_a_path(group: Federation) -> None:
    hosted = await group.host()
    context = ssl.create_default_context(cadata=hosted.peer.tenant.group.trust.anchors_pem())
    with pytest.raises(aiohttp.ClientError):
        async with group.sessions.peers.get(f"{hosted.peer.tenant.manager_address}/v1/peer", ssl=context):
            pass


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_trusted_certificate_that_names_no_peer_is_told_so(group: Federation, version: ssl.TLSVersion) -> None:
    hosted = await group.host()
    twice = [x509.NameAttribute(NameOID.SERIAL_NUMBER, FOREIGN)]
    pair = authority().issue(peer_id=OTHER, name="Peer", dns_names=["a.test"], extra_subject=twice)
    tls = plain_client(pair, authority().anchors_pem().decode(), version)
    foreign = await group.foreign(listen=False)
    foreign.context = tls
    for answer in (await foreign.get(hosted.peer, "/peer"), await foreign.announce(hosted.peer)):
        assert answer.refusal == (400, "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED")
        assert "2 times" in answer.json["message"]
    assert await hosted.peer.peers.get(FOREIGN) is None


async def _raw(group: Federation, foreign: ForeignPeer, sent: bytes) -> tuple[bytes, bytes]:
    """Status line and headers, and body, of the answer to anything at all, after which the connection must close."""
    name = f"manager-{PROVIDER}.localhost"
    reader, writer = await asyncio.open_connection("127.0.0.1", group.port, ssl=foreign.context, server_hostname=name)
    writer.write(sent)
    head = await reader.readuntil(b"\r\n\r\n")
    body = await reader.read()
    writer.close()
    await writer.wait_closed()
    return head, body


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"hello\r\n\r\n", b"400", "ERROR_CODE_INVALID_REQUEST"),
        (b"GET /v1/peer HTTP/9.9\r\n\r\n", b"400", "ERROR_CODE_INVALID_REQUEST"),
        (b"GET /v1/peer HTTP/1.1\r\nno colon\r\n\r\n", b"400", "ERROR_CODE_INVALID_REQUEST"),
        (b"GET /v1/peer HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n", b"431", "ERROR_CODE_REQUEST_TOO_LARGE"),
        (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"431", "ERROR_CODE_REQUEST_TOO_LARGE"),
        (
            b"POST /v1/contracts HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"400",
            "ERROR_CODE_INVALID_REQUEST",
        ),
    ],
)
async def test_what_is_not_http_is_told_in_the_shape_of_the_standard(
    group: Federation, sent: bytes, status: bytes, code: str
) -> None:
    await group.host()
    head, body = await _raw(group, await group.foreign(listen=False), sent)
    assert head.split(b" ", 2)[1] == status
    answer = json.loads(body)
    assert (answer["code"], answer["domain"]) == (code, "ERROR_DOMAIN_MANAGER")
    assert b"Fsc-Error-Code: " + code.encode() in head


async def test_a_body_with_broken_chunks_is_refused(group: Federation) -> None:
    hosted = await group.host()
    sent = (
        b"POST /v1/contracts HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
        b"Fsc-Manager-Address: https://manager.example.test:8443\r\n\r\nzz\r\nnonsense\r\n0\r\n\r\n"
    )
    head, body = await _raw(group, await group.foreign(listen=False), sent)
    assert head.split(b" ", 2)[1] == b"400"
    assert json.loads(body)["code"] == "ERROR_CODE_INVALID_REQUEST"
    assert await hosted.peer.peers.get(PROVIDER) is None
