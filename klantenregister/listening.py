"""Opening the listeners of a process, and closing them so that what is under way can end."""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web

from config.addresses import ListenAddress, TcpAddress, UnixAddress
from config.settings import LimitsSettings, TimeoutSettings
from gateway.http.listener import Route, listen_tls
from klantenregister.errors import Failed

NO_OPTIONS: Mapping[str, Any] = MappingProxyType({})


@dataclass(slots=True)
class Listeners:
    """Everything this process listens on."""

    limits: LimitsSettings
    timeouts: TimeoutSettings
    _runners: list[web.AppRunner] = field(default_factory=list)
    _servers: list[asyncio.Server] = field(default_factory=list)

    async def runner(
        self, app: web.Application, options: Mapping[str, Any] = NO_OPTIONS, *, max_field_bytes: int | None = None
    ) -> web.AppRunner:
        """`app`, ready to be given connections; `options` are those of aiohttp's server."""
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=self.timeouts.idle_seconds,
            shutdown_timeout=self.timeouts.shutdown_seconds,
            max_line_size=self.limits.max_request_line_bytes,
            max_field_size=max_field_bytes or self.limits.max_header_bytes,
            **options,
        )
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def plain(
        self, key: str, app: web.Application, address: ListenAddress, options: Mapping[str, Any] = NO_OPTIONS
    ) -> web.AppRunner:
        """Serve `app` without TLS on `address`, the value of `key`. Raises: Failed when it cannot be bound."""
        runner = await self.runner(app, options)
        try:
            if isinstance(address, UnixAddress):
                await _unix_site(runner, address.path)
            else:
                await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            await self.drop(runner)
            raise cannot_listen(key, address, error) from error
        return runner

    async def tls(self, key: str, address: TcpAddress, context: ssl.SSLContext, route: Route) -> None:
        """Accept TLS on `address`; `route` gives each connection its protocol. Raises: Failed."""
        try:
            self._servers.append(await listen_tls(address.host, address.port, context=context, route=route))
        except OSError as error:
            raise cannot_listen(key, address, error) from error

    async def drop(self, runner: web.AppRunner) -> None:
        """Close one that `plain` opened."""
        self._runners.remove(runner)
        await runner.cleanup()

    async def close(self) -> None:
        """Accept nothing new, let requests under way end within the time the configuration gives, then cut."""
        for server in self._servers:
            server.close()
        async with asyncio.TaskGroup() as tasks:
            for runner in self._runners:
                tasks.create_task(runner.cleanup())
        self._runners.clear()
        self._servers.clear()


def cannot_listen(key: str, address: ListenAddress, error: OSError) -> Failed:
    """Why the address of a key in the configuration cannot be listened on, and what to do."""
    if error.errno == errno.EADDRINUSE:
        remedy = "Is another process using it? Stop that one, or choose another address"
    elif error.errno in (errno.EACCES, errno.EPERM):
        remedy = "This user may not: choose another address (a port above 1023), or give it the right"
    else:
        remedy = "Choose another address"
    # The event loop's own text repeats the address, but the number of a host name's error is not the system's.
    number = None if isinstance(error, socket.gaierror) else error.errno
    reason = os.strerror(number) if number else error.strerror or str(error)
    return Failed(f"{key}: cannot listen on {address}: {reason}. {remedy}")


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
