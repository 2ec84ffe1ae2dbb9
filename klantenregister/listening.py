"""Opening the listeners of a process, and closing them so that what is under way can end."""

import asyncio
import contextlib
import errno
import os
import socket
import ssl
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final

from aiohttp import web

from config.addresses import ListenAddress, TcpAddress
from config.settings import LimitsSettings, TimeoutSettings
from gateway.errors import ErrorDomain
from gateway.http.listener import Listener, ProtocolFactory, Route, TlsListener, bound_sockets, listen_plain
from gateway.http.protocol import FscProtocol, ProblemProtocol
from gateway.relay.site import Site
from klantenregister.claiming import claimed
from klantenregister.errors import AddressInUse, Failed

_BACKLOG: Final = 1024
_QUIET_S: Final = 0.5
"""How long a connection that may be without a request stays open when the process stops: one may be on its way."""


@dataclass(frozen=True, slots=True)
class _Bound:
    """Sockets that hold an address, on which nothing is accepted yet: who connects waits."""

    sockets: Sequence[socket.socket]
    context: ssl.SSLContext
    route: Route


@dataclass(slots=True)
class Listeners:
    """Everything this process listens on."""

    limits: LimitsSettings
    timeouts: TimeoutSettings
    is_shared: bool = False
    """Whether other processes of the installation listen on the same addresses."""
    claims: bool = False
    """Whether nobody else may be there yet: this process opens an address before the others do."""
    sites: list[Site] = field(default_factory=list)
    """What is served by the relay."""
    _runners: list[web.AppRunner] = field(default_factory=list)
    _servers: dict[web.AppRunner, asyncio.Server] = field(default_factory=dict)
    _bound: list[_Bound] = field(default_factory=list)
    _tls: list[TlsListener] = field(default_factory=list)
    _relayed: list[Listener] = field(default_factory=list)
    _is_closing: bool = False

    async def fsc(self, component: ErrorDomain, app: web.Application) -> ProtocolFactory:
        """`app` as `component` of FSC: what makes the protocol of a connection."""
        return (await self._serve(app, partial(FscProtocol, component)))[1]

    async def plain(
        self, key: str, app: web.Application, address: ListenAddress, *, is_shared: bool = True
    ) -> web.AppRunner:
        """Serve `app` without TLS on `address`, the value of `key`.

        `is_shared`: by every process of the installation, where there are several.
        Raises: Failed when it cannot be bound.
        """
        runner, factory = await self._serve(app, ProblemProtocol)
        try:
            async with self._claimed(address) if is_shared else contextlib.nullcontext():
                self._servers[runner] = await _serving(factory, address, reuse_port=self.is_shared and is_shared)
        except OSError as error:
            await self.drop(runner)
            raise cannot_listen(key, address, error) from error
        return runner

    async def tls(self, key: str, address: TcpAddress, context: ssl.SSLContext, route: Route) -> None:
        """Take `address` for TLS; `route` gives each connection its protocol, from `accept` on. Raises: Failed."""
        try:
            async with self._claimed(address):
                sockets = await bound_sockets(address.host, address.port, reuse_port=self.is_shared)
        except OSError as error:
            raise cannot_listen(key, address, error) from error
        self._bound.append(_Bound(sockets, context, route))

    def accept(self) -> None:
        """Serve who has connected to the addresses that `tls` took: from here on it is known for whom."""
        bound, self._bound = self._bound, []
        self._tls += [TlsListener(one.sockets, one.context, one.route) for one in bound]

    async def relayed(self, key: str, site: Site, address: TcpAddress) -> Listener:
        """Serve `site` without TLS on `address`, the value of `key`. Raises: Failed when it cannot be bound."""
        try:
            async with self._claimed(address):
                listener = await listen_plain(address.host, address.port, site.protocol, reuse_port=self.is_shared)
        except OSError as error:
            raise cannot_listen(key, address, error) from error
        self.sites.append(site)
        self._relayed.append(listener)
        return listener

    async def drop_relayed(self, site: Site, listener: Listener) -> None:
        """Close what `relayed` opened: requests under way end within the time the configuration gives."""
        listener.close()
        self._relayed.remove(listener)
        self.sites.remove(site)
        await site.drain(self.timeouts.shutdown_seconds)

    async def drop(self, runner: web.AppRunner) -> None:
        """Close one that was opened without TLS."""
        server = self._servers.pop(runner, None)
        if server is not None:
            server.close()
        self._runners.remove(runner)
        await runner.cleanup()

    async def close(self) -> None:
        """Accept nothing new, let requests under way end within the time the configuration gives, then cut."""
        self._is_closing = True
        for bound in self._bound:
            for one in bound.sockets:
                one.close()
        for listener in (*self._tls, *self._relayed):
            listener.close()
        for server in self._servers.values():
            server.close()
        async with asyncio.TaskGroup() as tasks:
            for runner in self._runners:
                tasks.create_task(self._drained(runner))
            for site in self.sites:
                tasks.create_task(site.drain(self.timeouts.shutdown_seconds))
        self._bound.clear()
        self.sites.clear()
        self._runners.clear()
        self._servers.clear()
        self._tls.clear()
        self._relayed.clear()

    def _claimed(self, address: ListenAddress) -> AbstractAsyncContextManager[None]:
        if self.is_shared and self.claims and isinstance(address, TcpAddress):
            return claimed(address)
        return contextlib.nullcontext()

    async def _drained(self, runner: web.AppRunner) -> None:
        """End the connections of `runner`; one without a request after a moment, in which one is still served."""
        assert runner.server is not None
        end = asyncio.get_running_loop().time() + min(_QUIET_S, self.timeouts.shutdown_seconds / 2)
        while runner.server.connections and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110 - aiohttp tells nobody
            await asyncio.sleep(0.02)
        await runner.cleanup()

    async def _say_last(self, _: web.Request, response: web.StreamResponse) -> None:
        """Tell the client with the last answer of its connection that it is the last."""
        if self._is_closing:
            response.force_close()
            response.headers["Connection"] = "close"

    async def _serve(
        self, app: web.Application, protocol: Callable[..., web.RequestHandler]
    ) -> tuple[web.AppRunner, ProtocolFactory]:
        app.on_response_prepare.append(self._say_last)
        limits, timeouts = self.limits, self.timeouts
        runner = web.AppRunner(app, shutdown_timeout=timeouts.shutdown_seconds)
        await runner.setup()
        assert runner.server is not None
        self._runners.append(runner)
        factory = partial(
            protocol,
            runner.server,
            header_timeout_s=timeouts.header_seconds,
            access_log=None,
            keepalive_timeout=timeouts.idle_seconds,
            max_line_size=limits.max_request_line_bytes,
            max_field_size=limits.max_header_bytes,
        )
        return runner, factory


def cannot_listen(key: str, address: ListenAddress, error: OSError) -> Failed:
    """Why the address of a key in the configuration cannot be listened on, and what to do."""
    kind = Failed
    if error.errno == errno.EADDRINUSE:
        kind = AddressInUse
        remedy = "Is another process using it? Stop that one, or choose another address"
    elif error.errno in (errno.EACCES, errno.EPERM):
        remedy = "This user may not: choose another address (a port above 1023), or give it the right"
    else:
        remedy = "Choose another address"
    # The event loop's own text repeats the address, but the number of a host name's error is not the system's.
    number = None if isinstance(error, socket.gaierror) else error.errno
    reason = os.strerror(number) if number else error.strerror or str(error)
    return kind(f"{key}: cannot listen on {address}: {reason}. {remedy}")


async def _serving(factory: ProtocolFactory, address: ListenAddress, *, reuse_port: bool) -> asyncio.Server:
    """Listen on `address`; a socket in the file system is for its owner alone. Raises: OSError."""
    loop = asyncio.get_running_loop()
    if isinstance(address, TcpAddress):
        return await loop.create_server(
            factory, address.host, address.port, backlog=_BACKLOG, reuse_port=reuse_port or None
        )
    _make_room(address.path)
    mask = os.umask(0o177)
    try:
        return await loop.create_unix_server(factory, str(address.path), backlog=_BACKLOG)
    finally:
        os.umask(mask)


def _make_room(path: Path) -> None:
    """Remove a socket that a killed process left. Raises: OSError when that is not what is there."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        if probe.connect_ex(str(path)) != errno.ECONNREFUSED:
            raise OSError(errno.EADDRINUSE, "in use, or of another user")
    path.unlink(missing_ok=True)
