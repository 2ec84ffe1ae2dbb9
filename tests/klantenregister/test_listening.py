"""`klantenregister.listening`: addresses that cannot be listened on, sockets of killed processes, and closing."""

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector, web

from certs.handshake import PeerContext
from certs.tls import sni_listener
from config.addresses import TcpAddress, UnixAddress
from config.settings import LimitsSettings, TimeoutSettings
from gateway.errors import ErrorDomain
from klantenregister.errors import Failed
from klantenregister.listening import Listeners, cannot_listen
from tests.klantenregister.running import PROVIDER, Place, free_port, hosted, listens, plain, serving


async def hello(_: web.Request) -> web.Response:
    return web.Response(text="hello")


def an_app() -> web.Application:
    app = web.Application()
    app.add_routes([web.get("/", hello)])
    return app


@pytest.fixture
async def listeners() -> AsyncIterator[Listeners]:
    opened = Listeners(LimitsSettings(max_header_bytes=2_000), TimeoutSettings(shutdown_seconds=1))
    yield opened
    await opened.close()


async def over_socket(path: Path) -> str:
    async with ClientSession(connector=UnixConnector(str(path))) as session, session.get("http://x/") as answer:
        return await answer.text()


# -- TCP


async def test_a_port_in_use_is_told_with_its_key_and_leaves_nothing_behind(listeners: Listeners) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = TcpAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(Failed) as refused:
            await listeners.plain("listen.console", an_app(), address)

    assert str(refused.value) == (
        f"listen.console: cannot listen on {address}: Address already in use. "
        "Is another process using it? Stop that one, or choose another address"
    )
    assert listeners._runners == []
    await listeners.plain("listen.console", an_app(), address)


async def test_a_port_in_use_for_tls_is_told_with_its_key(listeners: Listeners) -> None:
    context = sni_listener(lambda _: None)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = TcpAddress("127.0.0.1", taken.getsockname()[1])
        with pytest.raises(Failed, match=r"^listen\.manager: cannot listen on .*: Address already in use\."):
            await listeners.tls("listen.manager", address, context, lambda _: None)


async def test_who_connects_before_it_is_known_for_whom_waits(listeners: Listeners, tmp_path: Path) -> None:
    port = free_port()
    known: list[PeerContext] = []
    place = Place.make(tmp_path)
    await listeners.tls(
        "listen.manager", TcpAddress("127.0.0.1", port), sni_listener(lambda _: known[0]), lambda _: asyncio.Protocol
    )
    trust = ssl.create_default_context(cafile=tmp_path / "pki" / "root.pem")
    trust.load_cert_chain(tmp_path / "pki" / f"{PROVIDER.slug}.pem", tmp_path / "pki" / f"{PROVIDER.slug}.key")
    early = asyncio.ensure_future(
        asyncio.open_connection("127.0.0.1", port, ssl=trust, server_hostname=PROVIDER.manager_host)
    )
    await asyncio.sleep(0.1)
    assert not early.done()

    async with serving(place.settings()) as installation:
        known.append(hosted(installation, PROVIDER).contexts.server())
        listeners.accept()
        async with asyncio.timeout(5):
            _, writer = await early
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.05)


async def test_an_address_on_which_nothing_was_accepted_yet_is_let_go(listeners: Listeners) -> None:
    address = TcpAddress("127.0.0.1", free_port())
    await listeners.tls("listen.manager", address, sni_listener(lambda _: None), lambda _: None)

    await listeners.close()

    assert not listens(address.port)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.EADDRINUSE, "error while attempting to bind"), "Address already in use. Is another process"),
        (OSError(errno.EACCES, "x"), "Permission denied. This user may not"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "Cannot assign requested address. Choose another address"),
        (socket.gaierror(-2, "Name or service not known"), "Name or service not known. Choose another"),
        (OSError("without a number"), "without a number. Choose another"),
    ],
)
def test_why_it_cannot_listen_is_in_words(error: OSError, told: str) -> None:
    assert f"listen.admin: cannot listen on 127.0.0.1:80: {told}" in str(
        cannot_listen("listen.admin", TcpAddress("127.0.0.1", 80), error)
    )


async def test_what_is_dropped_is_closed_and_the_rest_serves_on(listeners: Listeners) -> None:
    first, second = free_port(), free_port()
    dropped = await listeners.plain("first", an_app(), TcpAddress("127.0.0.1", first))
    await listeners.plain("second", an_app(), TcpAddress("127.0.0.1", second))

    await listeners.drop(dropped)

    assert not listens(first)
    assert (await plain(second, "/")).text == "hello"


async def test_headers_beyond_the_limit_are_refused_in_the_words_of_the_listener(listeners: Listeners) -> None:
    ports = [free_port() for _ in range(2)]
    await listeners.plain("console", an_app(), TcpAddress("127.0.0.1", ports[0]))
    manager = await listeners.fsc(ErrorDomain.MANAGER, an_app())
    server = await asyncio.get_running_loop().create_server(manager, "127.0.0.1", ports[1])

    answers = [await plain(port, "/", headers={"X-Long": "x" * 5_000}) for port in ports]
    server.close()

    assert [answer.status for answer in answers] == [431, 431]
    assert answers[0].headers["Content-Type"].startswith("application/problem+json")
    assert answers[0].json()["title"] == "Request Header Fields Too Large"
    assert answers[1].headers["Fsc-Error-Code"] == "ERROR_CODE_REQUEST_TOO_LARGE"
    assert answers[1].headers["Server"] == "klantenregister"
    assert '"domain": "ERROR_DOMAIN_MANAGER"' in answers[1].text


async def test_a_header_has_the_time_that_the_configuration_gives() -> None:
    opened = Listeners(LimitsSettings(), TimeoutSettings(header_seconds=1, shutdown_seconds=1))
    port = free_port()
    await opened.plain("listen.console", an_app(), TcpAddress("127.0.0.1", port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: ")
    async with asyncio.timeout(4):
        assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()
    await opened.close()


# -- sockets in the file system


async def test_a_socket_is_for_its_owner_alone_in_a_directory_of_its_own(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "data" / "admin.sock"
    mask = os.umask(0o022)
    try:
        await listeners.plain("listen.admin", an_app(), UnixAddress(path))
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(mask)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert await over_socket(path) == "hello"


async def test_a_socket_that_a_killed_process_left_is_replaced(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))
    assert path.is_socket()

    await listeners.plain("listen.admin", an_app(), UnixAddress(path))

    assert await over_socket(path) == "hello"


async def test_a_socket_in_use_is_refused_and_stays(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    await listeners.plain("listen.admin", an_app(), UnixAddress(path))

    with pytest.raises(Failed, match=r"^listen\.admin: cannot listen on unix:.*admin\.sock: Address already in use"):
        await listeners.plain("listen.admin", an_app(), UnixAddress(path))

    assert await over_socket(path) == "hello"


async def test_a_socket_whose_owner_is_too_busy_to_accept_is_in_use(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    with socket.socket(socket.AF_UNIX) as busy, socket.socket(socket.AF_UNIX) as waiting:
        busy.bind(str(path))
        busy.listen(0)
        waiting.connect(str(path))
        with pytest.raises(Failed, match="Address already in use"):
            await listeners.plain("listen.admin", an_app(), UnixAddress(path))

        assert path.is_socket()


async def test_a_file_in_its_place_is_refused_and_stays(listeners: Listeners, tmp_path: Path) -> None:
    path = tmp_path / "admin.sock"
    path.write_text("something of somebody")

    with pytest.raises(Failed, match=r"listen\.admin"):
        await listeners.plain("listen.admin", an_app(), UnixAddress(path))

    assert path.read_text() == "something of somebody"


async def test_a_directory_that_cannot_be_made_is_told(listeners: Listeners, tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(Failed, match=r"listen\.admin: .*Not a directory"):
        await listeners.plain("listen.admin", an_app(), UnixAddress(tmp_path / "data" / "deeper" / "admin.sock"))


# -- closing


@pytest.mark.parametrize(("takes_s", "answered"), [(0.2, True), (30, False)])
async def test_a_request_under_way_may_end_within_the_time_and_is_cut_then(
    listeners: Listeners, takes_s: float, answered: bool
) -> None:
    arrived = asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        arrived.set()
        await asyncio.sleep(takes_s)
        return web.Response(text="done")

    app = web.Application()
    app.add_routes([web.get("/", slow)])
    port = free_port()
    await listeners.plain("console", app, TcpAddress("127.0.0.1", port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await arrived.wait()

    began = time.monotonic()
    await listeners.close()

    assert time.monotonic() - began < 5
    assert not listens(port)
    assert (await reader.read()).endswith(b"done") is answered
    writer.close()


async def test_the_last_answer_of_a_connection_says_so_and_a_request_on_its_way_is_still_served() -> None:
    opened = Listeners(LimitsSettings(), TimeoutSettings(shutdown_seconds=5))
    port = free_port()
    await opened.plain("console", an_app(), TcpAddress("127.0.0.1", port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    writer.write(request)
    assert b"Connection: close" not in await reader.readuntil(b"hello")

    closing = asyncio.ensure_future(opened.close())
    await asyncio.sleep(0)
    writer.write(request)
    async with asyncio.timeout(5):
        answer = await reader.read()
        await closing

    assert answer.endswith(b"hello")
    assert b"\r\nConnection: close\r\n" in answer
    writer.close()


async def test_connections_without_a_request_hardly_delay_the_end() -> None:
    opened = Listeners(LimitsSettings(), TimeoutSettings(shutdown_seconds=30))
    port = free_port()
    await opened.plain("console", an_app(), TcpAddress("127.0.0.1", port))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"hello")
    never_asked = await asyncio.open_connection("127.0.0.1", port)

    async with asyncio.timeout(10):
        await opened.close()
        assert await reader.read() == await never_asked[0].read() == b""
    for one in (writer, never_asked[1]):
        one.close()
