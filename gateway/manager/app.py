"""The Manager as an aiohttp application that serves every tenant; the connection tells which."""

import ssl
from collections.abc import Callable

from aiohttp import web
from aiohttp.typedefs import Handler

from certs.errors import InvalidSubject
from certs.tls import peer_of
from config.settings import LimitsSettings, TimeoutSettings
from gateway.errors import ErrorDomain, NotFound, PeerCertificateVerificationFailed
from gateway.http.errors import error_middleware, name_server
from gateway.manager import handlers
from gateway.manager.handlers import CALLER, LIMITS, MANAGER, TIMEOUTS, HostedManager

ManagerOf = Callable[[ssl.SSLObject], HostedManager | None]


def manager_app(manager_of: ManagerOf, limits: LimitsSettings, timeouts: TimeoutSettings) -> web.Application:
    """The external API of the Manager (manager.yaml, logging.yaml) for the tenants that `manager_of` knows."""

    @web.middleware
    async def identify(request: web.Request, handler: Handler) -> web.StreamResponse:
        connection = None if request.transport is None else request.transport.get_extra_info("ssl_object")
        manager = None if connection is None else manager_of(connection)
        if manager is None:
            raise NotFound("no Manager is served under this name any more; connect again")
        request[MANAGER] = manager
        try:
            request[CALLER] = peer_of(connection)
        except InvalidSubject as error:
            raise PeerCertificateVerificationFailed(str(error)) from error
        return await handler(request)

    app = web.Application(
        middlewares=[error_middleware(ErrorDomain.MANAGER), identify], client_max_size=limits.max_body_bytes
    )
    app[LIMITS] = limits
    app[TIMEOUTS] = timeouts
    app.on_response_prepare.append(name_server)
    app.add_routes(
        [
            web.put("/v1/announce", handlers.announce),
            web.post("/v1/contracts", handlers.submit_contract),
            web.get("/v1/contracts", handlers.list_contracts),
            web.put("/v1/contracts/{hash}/{kind:accept|reject|revoke}", handlers.put_signature),
            web.post("/v1/token", handlers.token),
            web.get("/v1/peer", handlers.peer_info),
            web.get("/v1/peers", handlers.list_peers),
            web.get("/v1/services", handlers.list_services),
            web.get("/v1/.well-known/jwks.json", handlers.jwks),
            web.get("/v1/logs", handlers.list_logs),
        ]
    )
    return app
