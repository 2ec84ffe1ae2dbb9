"""Listeners; with TLS those on which a connection's SNI name chooses the tenant, and with it the role that serves it.

One socket can serve the Managers and the Inways of every tenant: after the handshake the connection is handed to the
protocol of whatever its name stands for. `Host` plays no part (DESIGN section 4).
"""

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, Self

from gateway.relay.tls_transport import TlsTransport
from gateway.relay.transport import SocketTransport

_log = logging.getLogger(__name__)

ProtocolFactory = Callable[[], asyncio.Protocol]
Route = Callable[[ssl.SSLObject], ProtocolFactory | None]

HANDSHAKE_S: Final = 10.0
_BACKLOG: Final = 4096
_ACCEPTED_AT_ONCE: Final = 64
_PAUSE_S: Final = 0.2
"""How long nothing is accepted when the machine has no file descriptor left."""
_NO_ROOM: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


class Listener:
    """Sockets that accept connections until it is closed; connections that exist outlive it."""

    def __init__(self, sockets: Sequence[socket.socket], factory: ProtocolFactory) -> None:
        self.sockets = tuple(sockets)
        self._loop = asyncio.get_running_loop()
        self._factory = factory
        self._is_closed = False
        for one in self.sockets:
            self._loop.add_reader(one.fileno(), self._accept, one)

    def close(self) -> None:
        """Accept nothing more."""
        if not self._is_closed:
            self._is_closed = True
            for one in self.sockets:
                self._loop.remove_reader(one.fileno())
                one.close()

    async def __aenter__(self) -> Self:
        """For as long as the block runs."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                accepted, _address = listening.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _NO_ROOM:
                    raise
                _log.error("cannot_accept", extra={"reason": error.strerror})
                self._loop.remove_reader(listening.fileno())
                self._loop.call_later(_PAUSE_S, self._resume, listening)
                return
            try:
                accepted.setblocking(False)
                accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._begin(accepted)
            except Exception as error:
                accepted.close()
                if not isinstance(error, OSError):  # that one is gone already
                    _log.exception("connection_fault")

    def _resume(self, listening: socket.socket) -> None:
        if not self._is_closed:
            self._loop.add_reader(listening.fileno(), self._accept, listening)

    def _begin(self, accepted: socket.socket) -> None:
        SocketTransport(self._loop, accepted, self._factory()).start()


class TlsListener(Listener):
    """A listener with TLS, which gives each connection the protocol of its name."""

    def __init__(self, sockets: Sequence[socket.socket], context: ssl.SSLContext, route: Route) -> None:
        super().__init__(sockets, asyncio.Protocol)
        self._context = context
        self._route = route
        self._shaking: dict[TlsTransport, asyncio.TimerHandle] = {}

    def close(self) -> None:
        """Accept nothing more, and end the handshakes under way."""
        super().close()
        for transport in tuple(self._shaking):
            self._forget(transport)
            transport.abort()

    def _begin(self, accepted: socket.socket) -> None:
        transport = TlsTransport(self._loop, accepted, asyncio.Protocol(), self._context, server_side=True)
        self._shaking[transport] = self._loop.call_later(HANDSHAKE_S, self._give_up, transport)
        transport.shake_hands(partial(self._shaken, transport))

    def _shaken(self, transport: TlsTransport, error: Exception | None) -> None:
        self._forget(transport)
        if error is not None:
            return
        try:
            factory = self._route(transport.get_extra_info("ssl_object"))
            if factory is None:  # the tenant was removed between the handshake and now
                transport.close()
                return
            transport.set_protocol(factory())
            transport.start()
        except Exception:
            _log.exception("connection_fault")
            transport.abort()

    def _give_up(self, transport: TlsTransport) -> None:
        _log.info("tls_handshake_failed", extra={"reason": f"it did not end within {HANDSHAKE_S:g} s"})
        self._forget(transport)
        transport.abort()

    def _forget(self, transport: TlsTransport) -> None:
        timer = self._shaking.pop(transport, None)
        if timer is not None:
            timer.cancel()


async def listen_plain(host: str, port: int, factory: ProtocolFactory, *, reuse_port: bool = False) -> Listener:
    """Accept connections without TLS on `host:port`. Raises: OSError when the address cannot be bound."""
    return Listener(await bound_sockets(host, port, reuse_port=reuse_port), factory)


async def listen_tls(
    host: str, port: int, *, context: ssl.SSLContext, route: Route, reuse_port: bool = False
) -> TlsListener:
    """Accept TLS connections on `host:port` and give each to the protocol that `route` names.

    `reuse_port` shares the port with the other workers of this installation.
    Raises: OSError when the address cannot be bound.
    """
    return TlsListener(await bound_sockets(host, port, reuse_port=reuse_port), context, route)


async def bound_sockets(host: str, port: int, *, reuse_port: bool = False) -> list[socket.socket]:
    """Sockets that listen on every address of `host`. Raises: OSError."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            sockets.append(_bound(socket.socket(family, kind, protocol), address, reuse_port=reuse_port))
    except OSError:
        for one in sockets:
            one.close()
        raise
    return sockets


def _bound(one: socket.socket, address: tuple[object, ...], *, reuse_port: bool) -> socket.socket:
    try:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if reuse_port:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if one.family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
        one.listen(_BACKLOG)
    except OSError:
        one.close()
        raise
    return one
