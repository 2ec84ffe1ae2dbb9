"""Opening the listeners of a process, and closing them so that what is under way can end."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web

from config.addresses import ListenAddress, TcpAddress, UnixAddress
from config.settings import LimitsSettings, TimeoutSettings
from gateway.errors import ErrorDomain
from gateway.http.listener import ProtocolFactory, Route, listen_tls
from gateway.http.protocol import FscProtocol
from klantenregister.errors import AddressInUse, Failed

_OF_THE_SERVER = frozenset({"handler_cancellation"})
"""Options that aiohttp's protocol reads from its server and does not take itself."""

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class Listeners:
    """Everything this process listens on."""

    limits: LimitsSettings
    timeouts: TimeoutSettings
    _runners: list[web.AppRunner] = field(default_factory=list)
    _servers: dict[web.AppRunner, asyncio.Server] = field(default_factory=dict)
    _tls: list[asyncio.Server] = field(default_factory=list)

    async def fsc(
        self,
        component: ErrorDomain,
        app: web.Application,
        options: Mapping[str, Any] = NO_OPTIONS,
        *,
        max_field_bytes: int | None = None,
    ) -> tuple[web.AppRunner, ProtocolFactory]:
        """`app` as `component` of FSC, which answers also what is not HTTP: what makes the protocol of a connection.

        `options` are those of aiohttp's server; the runner is for `drop`.
        """
        protocol = self._protocol_options(options, max_field_bytes)
        runner = await self._runner(app, protocol)
        assert runner.server is not None
        own = {name: value for name, value in protocol.items() if name not in _OF_THE_SERVER}
        return runner, partial(FscProtocol, component, runner.server, **own)

    async def plain(self, key: str, app: web.Application, address: ListenAddress) -> web.AppRunner:
        """Serve `app` without TLS on `address`, the value of `key`. Raises: Failed when it cannot be bound."""
        runner = await self._runner(app, self._protocol_options(NO_OPTIONS, None))
        try:
            if isinstance(address, UnixAddress):
                await _unix_site(runner, address.path)
            else:
                await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            await self.drop(runner)
            raise cannot_listen(key, address, error) from error
        return runner

    async def plain_fsc(
        self,
        key: str,
        component: ErrorDomain,
        app: web.Application,
        address: TcpAddress,
        options: Mapping[str, Any] = NO_OPTIONS,
    ) -> web.AppRunner:
        """Serve `app` as `component` of FSC without TLS. Raises: Failed when it cannot be bound."""
        runner, factory = await self.fsc(component, app, options)
        try:
            loop = asyncio.get_running_loop()
            self._servers[runner] = await loop.create_server(factory, address.host, address.port, backlog=1024)
        except OSError as error:
            await self.drop(runner)
            raise cannot_listen(key, address, error) from error
        return runner

    async def tls(self, key: str, address: TcpAddress, context: ssl.SSLContext, route: Route) -> None:
        """Accept TLS on `address`; `route` gives each connection its protocol. Raises: Failed."""
        try:
            self._tls.append(await listen_tls(address.host, address.port, context=context, route=route))
        except OSError as error:
            raise cannot_listen(key, address, error) from error

    async def drop(self, runner: web.AppRunner) -> None:
        """Close one that was opened without TLS."""
        server = self._servers.pop(runner, None)
        if server is not None:
            server.close()
        self._runners.remove(runner)
        await runner.cleanup()

    async def close(self) -> None:
        """Accept nothing new, let requests under way end within the time the configuration gives, then cut."""
        for server in (*self._tls, *self._servers.values()):
            server.close()
        async with asyncio.TaskGroup() as tasks:
            for runner in self._runners:
                tasks.create_task(runner.cleanup())
        self._runners.clear()
        self._servers.clear()
        self._tls.clear()

    def _protocol_options(self, options: Mapping[str, Any], max_field_bytes: int | None) -> dict[str, Any]:
        return {
            "access_log": None,
            "keepalive_timeout": self.timeouts.idle_seconds,
            "max_line_size": self.limits.max_request_line_bytes,
            "max_field_size": max_field_bytes or self.limits.max_header_bytes,
            **options,
        }

    async def _runner(self, app: web.Application, protocol: Mapping[str, Any]) -> web.AppRunner:
        runner = web.AppRunner(app, shutdown_timeout=self.timeouts.shutdown_seconds, **protocol)
        await runner.setup()
        self._runners.append(runner)
        return runner


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


async def _unix_site(runner: web.AppRunner, path: Path) -> None:
    """A socket that only its owner may use."""
    _make_room(path)
    mask = os.umask(0o177)
    try:
        await web.UnixSite(runner, str(path)).start()
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
