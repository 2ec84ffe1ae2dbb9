"""`/health/live` and `/health/ready`: whether the process runs, and whether it can serve now; no Peer is waited for."""

from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

from gateway.admin.revocation import RevocationReport, revocation_view
from gateway.http.errors import name_server
from klantenregister.metrics import FiguresNow, metrics_route
from storage.errors import StoreError


def health_app(
    *,
    is_open: Callable[[], bool],
    ping: Callable[[], Awaitable[None]],
    revocation: Callable[[], RevocationReport],
    warnings: Callable[[], Sequence[str]],
    figures_now: FiguresNow,
) -> web.Application:
    """Health for an orchestrator. `is_open`: do all listeners accept; `ping` raises when a store cannot serve.

    What is known of revocation and of certificates that end (`warnings`) is shown, and is no reason not to be ready:
    another process would know no more. `/metrics` is served beside it.
    """

    async def live(_: web.Request) -> web.Response:
        return web.json_response({"status": "live"})

    async def ready(_: web.Request) -> web.Response:
        if not is_open():
            return web.json_response({"status": "unavailable", "reason": "starting or stopping"}, status=503)
        try:
            await ping()
        except StoreError:
            return web.json_response({"status": "unavailable", "reason": "the store cannot serve"}, status=503)
        shown = {"revocation": revocation_view(revocation()), "warnings": list(warnings())}
        return web.json_response({"status": "ready", **shown})

    app = web.Application()
    app.on_response_prepare.append(name_server)
    app.add_routes([web.get("/health/live", live), web.get("/health/ready", ready), metrics_route(figures_now)])
    return app
