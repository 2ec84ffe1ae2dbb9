"""The way in to the Manager of a Peer, which a test can break: the address that the other side knows leads here.

What cannot be done to bytes that are encrypted, the door does by answering itself: with the certificate of the Peer it
guards, and towards that Peer with the one of the other side. A test has both.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from enum import Enum

from aiohttp import ClientSession, web
from yarl import URL

from certs.identity import PeerId, SubjectRule
from certs.tls import client_context, server_context
from clock import SystemClock
from gateway.http.client import new_session
from tests.faults.pair import Side

HANDSHAKE_FAILURE = bytes.fromhex("1503030002 02 28")
"""The TLS alert that refuses a handshake."""


class Fault(Enum):
    """What is wrong with the door."""

    NONE = "nothing"
    DOWN = "nobody listens"
    SILENT = "accepts a connection and says nothing"
    TLS_REFUSED = "refuses every handshake"
    ERROR_500 = "answers 500"
    CUT_BEFORE = "breaks the connection, the request lost"
    CUT_AFTER = "breaks the connection in the middle of the answer, the request done"


_BY_ITSELF = frozenset({Fault.ERROR_500, Fault.CUT_BEFORE, Fault.CUT_AFTER})


class Door:
    """Listens at `port` for `owner`, whose other party is `other`."""

    def __init__(self, port: int, owner: Side, other: Side, session: ClientSession) -> None:
        self.fault = Fault.NONE
        self.met = 0
        """How often the present fault hit somebody."""
        self._port = port
        self._owner = owner
        self._session = session
        expected = PeerId(owner.member.peer_id)
        clock, rule = SystemClock(), SubjectRule()
        self._as_other = client_context(other.pair, owner.trust, rule, expected_peer=expected, clock=clock)
        self._as_owner = server_context(owner.pair, owner.trust, rule, clock=clock)
        self._server: asyncio.Server | None = None
        self._own_port = 0
        self._open: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def opened(self) -> AsyncIterator["Door"]:
        """Listen, until the context is left."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._as_owner)
        await site.start()
        self._own_port = runner.addresses[0][1]
        await self.set(Fault.NONE)
        try:
            yield self
        finally:
            await self.set(Fault.DOWN)
            await runner.cleanup()

    async def set(self, fault: Fault) -> None:
        """Be so from here on: what is under way is cut off."""
        self.fault, self.met = fault, 0
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in tuple(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        if fault is not Fault.DOWN:
            self._server = await asyncio.start_server(self._accepted, "127.0.0.1", self._port)

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._serve(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # either end hung up, or the fault changed
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.fault is Fault.SILENT:
            self.met += 1
            await asyncio.Event().wait()
        if self.fault is Fault.TLS_REFUSED:
            self.met += 1
            await reader.read(1)
            writer.write(HANDSHAKE_FAILURE)
            await writer.drain()
            writer.close()
            return
        port = self._own_port if self.fault in _BY_ITSELF else self._owner.program.ports["manager"]
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(_pass_on(reader, inner_writer))
                tasks.create_task(_pass_on(inner_reader, writer))
        except* ConnectionError:
            pass  # the end that did not hang up is cut off below
        finally:
            inner_writer.transport.abort()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        """What the door says itself, once the request is read whole."""
        body = await request.read()
        self.met += 1
        if self.fault is Fault.ERROR_500:
            return web.Response(status=500, text="<html>Internal Server Error</html>")
        assert request.transport is not None
        if self.fault is Fault.CUT_AFTER:
            # aiohttp must not change the path: the content hash in it is percent-encoded.
            url = f"https://{self._owner.member.manager_host}:{self._owner.program.ports['manager']}{request.raw_path}"
            headers = {
                name: value for name, value in request.headers.items() if name.startswith(("Fsc-", "Content-Type"))
            }
            async with self._session.request(
                request.method, URL(url, encoded=True), headers=headers, data=body, ssl=self._as_other
            ) as answer:
                await answer.read()
                assert answer.status in (200, 201), await answer.text()
            request.transport.write(b"HTTP/1.1 2")
            await asyncio.sleep(0.05)
        request.transport.abort()
        return web.Response()


async def _pass_on(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(65_536):
        target.write(data)
        await target.drain()
    target.transport.abort()


@contextlib.asynccontextmanager
async def doors(ports: dict[str, int], consumer: Side, provider: Side) -> AsyncIterator[dict[str, Door]]:
    """A door before each of the two, by slug."""
    async with contextlib.AsyncExitStack() as stack:
        session = await stack.enter_async_context(new_session(connect_timeout_s=2, read_timeout_s=5))
        made = {}
        for owner, other in ((consumer, provider), (provider, consumer)):
            door = Door(ports[owner.member.slug], owner, other, session)
            made[owner.member.slug] = await stack.enter_async_context(door.opened())
        yield made
