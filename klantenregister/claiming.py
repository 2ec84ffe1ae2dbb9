"""Holding an address for this installation while its workers share it.

Workers share a port by SO_REUSEPORT, and so could two installations of one user, each getting part of what was meant
for the other. So whoever opens an address first binds it as its own, which fails when anybody is there, and only then
lets others join.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from config.addresses import TcpAddress


@contextlib.asynccontextmanager
async def claimed(address: TcpAddress) -> AsyncIterator[None]:
    """While this is open nobody but who shares ports can bind `address`. Raises: OSError when somebody has it."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    with contextlib.ExitStack() as stack:
        for family, kind, protocol, _, place in dict.fromkeys(found):
            held = stack.enter_context(socket.socket(family, kind, protocol))
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                held.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            held.bind(place)
            held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        yield
