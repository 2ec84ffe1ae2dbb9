"""What never became a request is answered in the shape of the standard, and repeated nowhere."""

import asyncio
import contextlib
import errno
import json
import logging
import os
from collections.abc import AsyncIterator
from functools import partial

import pytest
from aiohttp import web

from gateway.errors import ErrorDomain
from gateway.http.errors import error_middleware
from gateway.http.protocol import FscProtocol, ProblemProtocol
from tests.gateway.harness import eventually, log_texts

HEADER_TIMEOUT_S = 0.3
TOKEN = b"Bearer eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiIxIn0.signature"


async def _answer(request: web.Request) -> web.StreamResponse:
    if request.path == "/half":
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        raise RuntimeError("in the middle")
    await request.read()
    return web.Response(text="good")


@contextlib.asynccontextmanager
async def serving(protocol: type[FscProtocol] = FscProtocol) -> AsyncIterator[int]:
    """An Inway, as far as its errors go."""
    app = web.Application(middlewares=[error_middleware(ErrorDomain.INWAY)])
    app.router.add_route("*", "/{path:.*}", _answer)
    runner = web.AppRunner(app)
    await runner.setup()
    assert runner.server is not None
    make = partial(
        protocol,
        ErrorDomain.INWAY,
        runner.server,
        header_timeout_s=HEADER_TIMEOUT_S,
        access_log=None,
        max_line_size=1000,
        max_field_size=2000,
    )
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await runner.cleanup()


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving() as port:
        yield port


async def ask(port: int, sent: bytes) -> bytes:
    """Everything that is said until the connection is closed."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(sent)
    async with asyncio.timeout(5):
        said = await reader.read()
    writer.close()
    await writer.wait_closed()
    return said


def told(said: bytes) -> tuple[int, str, str]:
    head, _, body = said.partition(b"\r\n\r\n")
    answer = json.loads(body)
    assert set(answer) == {"message", "domain", "code"}
    assert f"Fsc-Error-Code: {answer['code']}".encode() in head
    return int(head.split()[1]), answer["code"], answer["domain"]


BROKEN = {
    "not HTTP": TOKEN + b"\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "version": b"GET / HTTP/3.0\r\n\r\n",
    "header without colon": b"GET / HTTP/1.1\r\n" + TOKEN + b"\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length and chunks": b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "control character": b"GET / HTTP/1.1\r\nFsc-Authorization: " + TOKEN + b"\x00\r\n\r\n",
}


@pytest.mark.parametrize("sent", BROKEN.values(), ids=BROKEN.keys())
async def test_what_is_not_http_is_refused(port: int, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = await ask(port, sent)
    assert told(said) == (400, "ERROR_CODE_INVALID_REQUEST", "ERROR_DOMAIN_INWAY")
    assert b"eyJ" not in said
    assert "eyJ" not in log_texts(caplog.records)


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nFsc-Authorization: " + TOKEN * 60 + b"\r\n\r\n",
    ],
    ids=["request line", "header"],
)
async def test_what_is_too_long_is_refused(port: int, sent: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = await ask(port, sent)
    assert told(said) == (431, "ERROR_CODE_REQUEST_TOO_LARGE", "ERROR_DOMAIN_INWAY")
    assert b"eyJ" not in said
    assert "eyJ" not in log_texts(caplog.records)


async def test_a_body_that_cannot_be_read_is_refused_once_and_is_no_fault_of_ours(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    sent = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    assert told(await ask(port, sent))[:2] == (400, "ERROR_CODE_INVALID_REQUEST")
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_caller_that_leaves_before_its_body_is_whole_is_no_fault_of_ours(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
    await writer.drain()
    writer.transport.abort()
    await eventually(lambda: any(record.message == "request_refused" for record in caplog.records))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("number", [errno.EPIPE, errno.ETIMEDOUT, errno.EHOSTUNREACH])
async def test_a_connection_that_fails_in_any_way_is_no_fault_of_ours(
    number: int, caplog: pytest.LogCaptureFixture
) -> None:
    class Failing(FscProtocol):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            asyncio.get_running_loop().call_later(0.05, self._fail)

        def _fail(self) -> None:
            if self.transport is not None:
                self.transport.abort()
                self.connection_lost(OSError(number, os.strerror(number)))

    caplog.set_level(logging.INFO)
    async with serving(Failing) as port:
        await ask(port, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{")
        await eventually(lambda: any(record.message == "request_refused" for record in caplog.records))
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_a_connection_that_was_good_is_answered_once_more_and_closed(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    async with asyncio.timeout(5):
        writer.write(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await reader.readuntil(b"good")).startswith(b"HTTP/1.1 200")
        writer.write(b"nonsense\r\n\r\n")
        assert told(await reader.read())[0] == 400
    writer.close()
    await writer.wait_closed()


async def test_an_answer_that_breaks_off_is_cut_and_never_mixed_with_an_error(port: int) -> None:
    said = await ask(port, b"GET /half HTTP/1.1\r\nHost: x\r\n\r\n")
    assert b"half" in said
    assert b"Fsc-Error-Code" not in said


@pytest.fixture
async def plain_port() -> AsyncIterator[int]:
    """A register or a console, as far as its unreadable requests go."""
    runner = web.AppRunner(web.Application())
    await runner.setup()
    assert runner.server is not None
    make = partial(
        ProblemProtocol,
        runner.server,
        header_timeout_s=HEADER_TIMEOUT_S,
        access_log=None,
        max_line_size=1000,
        max_field_size=2000,
    )
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        await runner.cleanup()


@pytest.mark.parametrize(
    ("sent", "status"),
    [*((sent, 400) for sent in BROKEN.values()), (b"GET / HTTP/1.1\r\nX: " + TOKEN * 60 + b"\r\n\r\n", 431)],
    ids=[*BROKEN, "too long"],
)
async def test_elsewhere_it_is_a_problem(
    plain_port: int, sent: bytes, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said = await ask(plain_port, sent)
    head, _, body = said.partition(b"\r\n\r\n")
    assert int(head.split()[1]) == status
    assert b"Content-Type: application/problem+json" in head
    assert b"Server: klantenregister" in head
    problem = json.loads(body)
    assert (problem["status"], set(problem)) == (status, {"type", "title", "status", "detail"})
    assert b"eyJ" not in said
    assert "eyJ" not in log_texts(caplog.records)


# -- how long a header may take

GOOD = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_a_header_that_does_not_end_is_given_up(port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert await ask(port, b"GET / HTTP/1.1\r\nX: " + TOKEN) == b""
    assert "did not come within" in log_texts(caplog.records)
    assert "eyJ" not in log_texts(caplog.records)


async def test_a_header_that_drips_is_given_up_all_the_same(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    loop = asyncio.get_running_loop()
    begun = loop.time()
    with contextlib.suppress(ConnectionError):
        for piece in (b"GET / HTTP/1.1\r\n", *(b"X-%d: a\r\n" % number for number in range(40))):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(HEADER_TIMEOUT_S / 10)
            if reader.at_eof():
                break
    assert loop.time() - begun < HEADER_TIMEOUT_S * 3
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_the_second_header_of_a_connection_has_its_own_time(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in (GOOD[:9], GOOD[9:]):
        writer.write(piece)
        await asyncio.sleep(HEADER_TIMEOUT_S / 2)
    assert (await reader.readuntil(b"good")).startswith(b"HTTP/1.1 200")
    writer.write(GOOD[:9])
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_neither_a_slow_body_nor_a_pause_is_taken_for_a_header(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 8\r\n\r\n")
    for _ in range(8):
        await asyncio.sleep(HEADER_TIMEOUT_S / 4)
        writer.write(b"x")
    assert (await reader.readuntil(b"good")).startswith(b"HTTP/1.1 200")
    await asyncio.sleep(HEADER_TIMEOUT_S * 2)
    writer.write(GOOD)
    assert (await reader.readuntil(b"good")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
