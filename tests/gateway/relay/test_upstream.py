"""What the port promises, played with a Service over HTTP."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.claims import Claims
from gateway.fsc.names import GrantHash
from gateway.fsc.token import Authorization
from gateway.http.client import new_session
from gateway.relay.http import HttpUpstream
from gateway.relay.upstream import RequestHead, Response, Upstream, UpstreamFailed
from tests.gateway.echo import EchoService, answering
from tests.gateway.material import CONSUMER, ECHO, GROUP, PROVIDER
from tests.gateway.wire import Message, Wire, listening

AUTHORIZATION = Authorization(
    Claims(
        grant_hash=GrantHash("$1$3$Z3JhbnQ"),
        group_id=GROUP,
        outway_peer_id=CONSUMER,
        service_peer_id=PROVIDER,
        service_name=ECHO,
        audience="https://inway.test:443",
        expires_at=2,
        not_before=1,
        certificate_thumbprint=CertificateThumbprint("A" * 43),
    )
)
HEAD = RequestHead("GET", "/path?", (("X-Mine", "1"),))


@pytest.fixture
def service() -> EchoService:
    return EchoService()


@pytest.fixture
async def port(service: EchoService) -> AsyncIterator[int]:
    async with listening(service.serve) as there:
        yield there


@pytest.fixture
async def upstream(port: int) -> AsyncIterator[Upstream]:
    async with new_session(connect_timeout_s=5, read_timeout_s=0.3) as session:
        yield HttpUpstream(session, f"http://127.0.0.1:{port}")


async def whole(response: Response) -> bytes:
    try:
        return b"".join([chunk async for chunk in response.body])
    finally:
        await response.close()


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_request_is_passed_on_and_its_answer_returned(upstream: Upstream, service: EchoService) -> None:
    service.behaviour = answering(b"HTTP/1.1 203 Prima\r\nX-Theirs: 2\r\nConnection: x\r\nContent-Length: 2\r\n\r\nok")
    response = await upstream.send(HEAD, None, AUTHORIZATION)
    assert (response.status, response.reason) == (203, "Prima")
    assert response.headers == (("X-Theirs", "2"), ("Content-Length", "2"))
    assert await whole(response) == b"ok"
    (received,) = service.received
    assert received.head.start == "GET /path? HTTP/1.1"
    assert received.head.get("X-Mine") == "1"


async def test_a_base_address_with_a_path_comes_before_the_target(port: int, service: EchoService) -> None:
    async with new_session(connect_timeout_s=5, read_timeout_s=5) as session:
        below = HttpUpstream(session, f"http://127.0.0.1:{port}/t/slug")
        await whole(await below.send(RequestHead("GET", "//a?b", ()), None, AUTHORIZATION))
    assert service.received[0].head.target == "/t/slug//a?b"


async def test_a_body_is_passed_on_in_pieces(upstream: Upstream, service: EchoService) -> None:
    response = await upstream.send(RequestHead("POST", "/", ()), pieces(b"one", b"", b"two"), AUTHORIZATION)
    assert await whole(response) == b"ok"
    assert service.received[0].body == b"onetwo"


async def test_a_service_that_says_nothing_has_failed(upstream: Upstream, service: EchoService) -> None:
    async def behave(request: Message, wire: Wire) -> None:
        del request
        await wire.is_closed_by_peer()

    service.behaviour = behave
    with pytest.raises(UpstreamFailed):
        await upstream.send(HEAD, None, AUTHORIZATION)


async def test_a_service_that_is_not_there_has_failed() -> None:
    async with listening(EchoService().serve) as port:
        pass
    async with new_session(connect_timeout_s=5, read_timeout_s=5) as session:
        with pytest.raises(UpstreamFailed, match=r"\S"):
            await HttpUpstream(session, f"http://127.0.0.1:{port}").send(HEAD, None, AUTHORIZATION)


async def test_a_body_that_breaks_off_is_a_failure_and_not_sent_as_whole(
    upstream: Upstream, service: EchoService
) -> None:
    async def breaking_off() -> AsyncIterator[bytes]:
        yield b"half"
        raise ConnectionResetError("the client hung up")

    with pytest.raises(UpstreamFailed):
        await upstream.send(RequestHead("POST", "/", ()), breaking_off(), AUTHORIZATION)
    assert service.received == []


async def test_an_answer_that_falls_silent_half_way_is_an_error_of_the_body(
    upstream: Upstream, service: EchoService
) -> None:
    service.behaviour = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
    response = await upstream.send(HEAD, None, AUTHORIZATION)
    with pytest.raises(TimeoutError):
        await whole(response)


async def test_an_answer_that_is_read_to_its_end_leaves_the_connection_for_the_next(
    upstream: Upstream, service: EchoService
) -> None:
    for _ in range(3):
        await whole(await upstream.send(HEAD, None, AUTHORIZATION))
    assert service.connections == 1


async def test_an_answer_that_is_closed_half_way_closes_its_connection(
    upstream: Upstream, service: EchoService
) -> None:
    closed = asyncio.Event()

    async def behave(request: Message, wire: Wire) -> None:
        await answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")(request, wire)
        if await wire.is_closed_by_peer():
            closed.set()

    service.behaviour = behave
    response = await upstream.send(HEAD, None, AUTHORIZATION)
    await response.close()
    await asyncio.wait_for(closed.wait(), 5)
