"""Name resolution in which every name under `.localhost` is this machine, so a demo needs no hosts file."""

import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver

LOOPBACK = "127.0.0.1"


def is_localhost(host: str) -> bool:
    """Whether `host` is `localhost` or a name under it (RFC 6761 section 6.3)."""
    name = host.removesuffix(".").lower()
    return name == "localhost" or name.endswith(".localhost")


class LocalhostResolver(AbstractResolver):
    """The system's resolver, but for `.localhost`, which is answered here."""

    def __init__(self) -> None:
        self._system = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of `host`. Raises: OSError when the name is unknown."""
        if not is_localhost(host):
            return await self._system.resolve(host, port, family)
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=port,
                family=socket.AF_INET,
                proto=socket.IPPROTO_TCP,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None:
        """Nothing is held."""
        await self._system.close()
