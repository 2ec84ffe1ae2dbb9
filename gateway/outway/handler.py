"""The Outway on aiohttp: choose the Grant, get the token, log, send (STYLE 2.3, FSC.md 7.2)."""

import os

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.errors import (
    ErrorDomain,
    InvalidLogRecordId,
    InvalidRequest,
    InwayUnreachable,
    MethodUnsupported,
    NoValidGrant,
)
from gateway.fsc.logrecord import outgoing_record
from gateway.fsc.names import TransactionId, parse_transaction_id
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.http.errors import error_middleware
from gateway.outway.selection import Choices, Selector, select_grant
from gateway.outway.tokens import OutwayToken, TokenSource
from gateway.relay.headers import Headers, for_inway, value_of
from gateway.relay.http import exchange, leave_headers_alone, relay_answer, request_body, request_head
from gateway.relay.upstream import Response, UpstreamFailed
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate

_STALE_TOKEN = frozenset({"ERROR_CODE_ACCESS_TOKEN_EXPIRED", "ERROR_CODE_ACCESS_TOKEN_INVALID"})


class Outway:
    """The Outway of one tenant."""

    def __init__(self, peer: LocalPeer, session: aiohttp.ClientSession) -> None:
        self._peer = peer
        self._session = session
        self._tokens = TokenSource(peer)

    def app(self) -> web.Application:
        """The Outway as an application without routes: every path belongs to the Service."""

        @web.middleware
        async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
            del handler  # there are no routes
            return await self._serve(request)

        app = web.Application(middlewares=[error_middleware(ErrorDomain.OUTWAY), serve], client_max_size=0)
        app.on_response_prepare.append(leave_headers_alone)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method == "CONNECT":
            raise MethodUnsupported("CONNECT is not supported: call the service by its path on this Outway")
        peer = self._peer
        try:
            selected = select_grant(_selector(request), self._choices())
            transaction_id = self._transaction_id(request)
            token = await self._tokens.token_for(selected)
        except NoValidCertificate as error:
            raise NoValidGrant(str(error)) from error
        await peer.log.append(outgoing_record(token.claims, transaction_id, now=peer.clock.now()))
        response = await self._send(request, token, transaction_id)
        if _refused_as_stale(response) and not request.can_read_body:
            await response.close()
            token = await self._tokens.token_for(selected, instead_of=token)
            response = await self._send(request, token, transaction_id)
        extra: Headers = (("Fsc-Transaction-Id", transaction_id),)
        return await relay_answer(request, response, extra=extra)

    async def _send(self, request: web.Request, token: OutwayToken, transaction_id: TransactionId) -> Response:
        headers = for_inway(request.headers.items(), token=token.text, transaction_id=transaction_id)
        provider = token.claims.service_peer_id
        try:
            return await exchange(
                self._session,
                token.inway,
                request_head(request, headers),
                request_body(request),
                context=self._peer.outgoing_context(provider),
            )
        except UpstreamFailed as error:
            raise InwayUnreachable(f"the Inway of peer {provider} at {token.inway} does not answer: {error}") from error

    def _choices(self) -> Choices:
        peer = self._peer
        return Choices(
            valid=peer.contracts.view.valid(peer.clock.now()),
            connections=peer.tenant.connections,
            us=peer.peer_id,
            public_key_thumbprint=peer.signing_pair().public_key_thumbprint,
        )

    def _transaction_id(self, request: web.Request) -> TransactionId:
        values = request.headers.getall("Fsc-Transaction-Id", [])
        if not values:
            return TransactionId(str(make_uuid7(self._peer.clock.now_ms(), os.urandom(RANDOM_BYTES))))
        if len(values) > 1:
            raise InvalidLogRecordId("Fsc-Transaction-Id is given more than once")
        try:
            return parse_transaction_id(values[0])
        except ValueError as error:
            raise InvalidLogRecordId(f"Fsc-Transaction-Id {error}") from error


def _selector(request: web.Request) -> Selector:
    for name in ("Fsc-Grant-Hash", "Fsc-Service"):
        if len(request.headers.getall(name, [])) > 1:
            raise InvalidRequest(f"{name} is given more than once")
    return Selector(
        grant_hash=request.headers.get("Fsc-Grant-Hash"),
        service=request.headers.get("Fsc-Service"),
        host=request.headers.get("Host"),
    )


def _refused_as_stale(response: Response) -> bool:
    return response.status == 401 and value_of(response.headers, "fsc-error-code") in _STALE_TOKEN
