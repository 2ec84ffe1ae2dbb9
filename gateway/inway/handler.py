"""The Inway on aiohttp: admit, log, relay (STYLE 2.3). Bodies stream both ways; nothing passes that is not logged."""

import logging
import ssl
from collections.abc import Callable
from dataclasses import replace

from aiohttp import web
from aiohttp.typedefs import Handler

from certs.errors import InvalidSubject
from certs.tls import peer_of
from gateway.errors import AccessTokenInvalid, ErrorDomain, ServiceNotFound, ServiceUnreachable
from gateway.fsc.logrecord import incoming_record
from gateway.fsc.names import ServiceName
from gateway.http.errors import error_middleware
from gateway.inway.admission import admit
from gateway.relay.headers import for_service
from gateway.relay.http import leave_headers_alone, relay_answer, request_body, request_head
from gateway.relay.upstream import Upstream, UpstreamFailed
from gateway.state.local_peer import LocalPeer

_log = logging.getLogger(__name__)

PeerOf = Callable[[ssl.SSLObject], LocalPeer | None]
UpstreamOf = Callable[[LocalPeer, ServiceName], Upstream | None]


def inway_app(peer_of_connection: PeerOf, upstream_of: UpstreamOf) -> web.Application:
    """The Inways of the tenants that `peer_of_connection` knows, in front of the Services that `upstream_of` knows.

    There are no routes: every method and path goes to the Service that the token names.
    """

    @web.middleware
    async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
        del handler  # there are no routes
        connection = None if request.transport is None else request.transport.get_extra_info("ssl_object")
        peer = None if connection is None else peer_of_connection(connection)
        if peer is None:
            raise ServiceNotFound("no Inway is served under this name any more; request a new access token")
        # 1. connection: TLS verified the certificate within the handshake, but for the Peer that it names.
        try:
            certificate = peer_of(connection)
        except InvalidSubject as error:
            raise AccessTokenInvalid(f"no access token can be bound to this client certificate: {error}") from error
        # 2. token, certificate, Contract, Service, transaction id.
        now = peer.clock.now()
        admission = admit(
            peer,
            certificate,
            authorization=request.headers.getall("Fsc-Authorization", []),
            transaction_id=request.headers.getall("Fsc-Transaction-Id", []),
            now=now,
        )
        service = admission.authorization.service_name
        upstream = upstream_of(peer, service)
        if upstream is None:
            raise ServiceNotFound(f"this Inway does not offer a Service named {service}")
        received = request_head(request)
        authority = peer.tenant.inway_address.removeprefix("https://")
        headers = for_service(received.headers, client_ip=request.remote or "", inway_authority=authority)
        # 3. log: durable before anything is sent on.
        await peer.log.append(incoming_record(admission.authorization, admission.transaction_id, now=now))
        # 4. proxy.
        try:
            response = await upstream.send(
                replace(received, headers=headers), request_body(request), admission.authorization
            )
        except UpstreamFailed as error:
            _log.warning(
                "service_unreachable",
                extra={"service": service, "transaction_id": admission.transaction_id, "reason": str(error)},
            )
            raise ServiceUnreachable(f"service {service} does not answer; its organisation can tell why") from error
        # 5. response: the Service's, unaltered.
        return await relay_answer(request, response)

    app = web.Application(middlewares=[error_middleware(ErrorDomain.INWAY), serve], client_max_size=0)
    app.on_response_prepare.append(leave_headers_alone)
    return app
