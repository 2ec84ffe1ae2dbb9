"""An issuer's web server, which the test plays: it gives what `answer` says, and remembers what it was asked."""

import asyncio
import contextlib
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from aiohttp import web
from aiohttp.test_utils import TestServer


@dataclass
class CrlServer:
    """Answers any path with `data`, or with what `mood` is."""

    data: bytes = b""
    mood: str = "well"
    asked: list[str] = field(default_factory=list)
    """What each request knew already: its `If-None-Match`, or nothing."""
    answered: list[int] = field(default_factory=list)
    url: str = ""

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """One request."""
        self.asked.append(request.headers.get("If-None-Match", ""))
        response = await self._answer(request)
        self.answered.append(response.status)
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        etag = f'"{hashlib.sha256(self.data).hexdigest()}"'
        match self.mood:
            case "hanging":
                await asyncio.sleep(30)
            case "failing":
                return web.Response(status=500, body=self.data)
            case "moved":
                return web.Response(status=302, headers={"Location": "/elsewhere"})
            case "huge":
                return web.Response(body=bytes(11 * 2**20))
            case "garbage":
                return web.Response(body=b"<html>Sign in to the network</html>")
            case "unasked 304":
                return web.Response(status=304)
        if request.headers.get("If-None-Match") == etag:
            return web.Response(status=304, headers={"ETag": etag})
        return web.Response(body=self.data, headers={"ETag": etag, "Last-Modified": "Mon, 23 Nov 2026 10:00:00 GMT"})


@contextlib.asynccontextmanager
async def crl_server(data: bytes) -> AsyncIterator[CrlServer]:
    """A server on loopback, for as long as the context is open."""
    played = CrlServer(data)
    app = web.Application()
    app.router.add_get("/{path:.*}", played.answer)
    async with TestServer(app, shutdown_timeout=0) as server:
        played.url = f"http://127.0.0.1:{server.port}/ca.crl"
        yield played
