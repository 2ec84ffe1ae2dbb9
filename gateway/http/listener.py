"""TLS listeners on which a connection's SNI name chooses the tenant, and with it the role that serves it.

One socket can serve the Managers and the Inways of every tenant: after the handshake the connection is handed to the
protocol of whatever its name stands for. `Host` plays no part (DESIGN section 4).
"""

import asyncio
import ssl
from collections.abc import Callable

ProtocolFactory = Callable[[], asyncio.Protocol]
Route = Callable[[ssl.SSLObject], ProtocolFactory | None]


class _ChosenByName(asyncio.Protocol):
    """Stands in until the handshake tells which protocol the connection is for, then steps aside."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        factory = self._route(transport.get_extra_info("ssl_object"))
        if factory is None:  # the tenant was removed between the handshake and now
            transport.close()
            return
        protocol = factory()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)


async def listen_tls(host: str, port: int, *, context: ssl.SSLContext, route: Route) -> asyncio.Server:
    """Accept TLS connections on `host:port` and give each to the protocol that `route` names.

    Raises: OSError when the address cannot be bound.
    """
    loop = asyncio.get_running_loop()
    return await loop.create_server(
        lambda: _ChosenByName(route), host, port, ssl=context, ssl_handshake_timeout=10, backlog=1024
    )
