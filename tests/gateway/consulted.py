"""A service of the operator that decides along (policy decision point, additional claims), played by a test."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass
class Consulted:
    """What it is asked, and what it says: a status and a body, after `pause` where there is one."""

    url: str = ""
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    pause: asyncio.Event | None = None
    cut: bool = False
    asked: list[Any] = field(default_factory=list)
    requests: list[web.BaseRequest] = field(default_factory=list)

    def says(self, body: object, status: int = 200) -> None:
        """From here on, answer this JSON."""
        self.status, self.body = status, json.dumps(body).encode()

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        self.requests.append(request)
        self.asked.append(await request.json())
        if self.pause is not None:
            await self.pause.wait()
        if self.cut:
            assert request.transport is not None
            request.transport.abort()
        return web.Response(status=self.status, body=self.body, headers=self.headers)


@contextlib.asynccontextmanager
async def consulted() -> AsyncIterator[Consulted]:
    """Such a service, on a port of this machine."""
    service = Consulted()
    runner = web.ServerRunner(web.Server(service._answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    service.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield service
    finally:
        if service.pause is not None:
            service.pause.set()
        await runner.cleanup()
