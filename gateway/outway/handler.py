"""The Outway on aiohttp: choose the Grant, get the token, log, send (STYLE 2.3, FSC.md 7.2)."""

import os
from collections.abc import AsyncIterator
from dataclasses import replace

import aiohttp
from aiohttp import web
from aiohttp.typedefs import Handler

from certs.custody import KeyPair
from certs.identity import dns_names_of
from gateway.errors import (
    ErrorDomain,
    InvalidLogRecordId,
    InvalidRequest,
    InwayUnreachable,
    MethodUnsupported,
    TokenRequestFailed,
)
from gateway.fsc.logrecord import outgoing_record
from gateway.fsc.names import TransactionId, parse_transaction_id
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.http.errors import error_middleware
from gateway.outway.refusal import explain
from gateway.outway.replay import ReplayableBody
from gateway.outway.selection import Choices, OutwayIdentity, SelectedGrant, Selector, select_grant
from gateway.outway.tokens import TokenSource
from gateway.relay.headers import Headers, for_inway, value_of, values_of
from gateway.relay.http import exchange, leave_headers_alone, relay_answer, request_body, request_head
from gateway.relay.upstream import RequestHead, Response, UpstreamFailed
from gateway.state.access_tokens import OutwayToken
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate

_STALE_TOKEN = frozenset({"ERROR_CODE_ACCESS_TOKEN_EXPIRED", "ERROR_CODE_ACCESS_TOKEN_INVALID"})
_TRANSACTION_ID = "Fsc-Transaction-Id"
_TAKEN = web.RequestKey("transaction_id", str)
"""The transaction id of a request, from when it has one."""


class Outway:
    """The Outway of one tenant."""

    def __init__(self, peer: LocalPeer, session: aiohttp.ClientSession) -> None:
        self._peer = peer
        self._session = session
        self._tokens = TokenSource(peer)
        self._known: tuple[KeyPair, OutwayIdentity] | None = None

    def app(self) -> web.Application:
        """The Outway as an application without routes: every path belongs to the Service."""

        @web.middleware
        async def serve(request: web.Request, handler: Handler) -> web.StreamResponse:
            del handler  # there are no routes
            try:
                return await self._serve(request)
            except NoValidCertificate as error:
                raise TokenRequestFailed(str(error)) from error

        app = web.Application(middlewares=[error_middleware(ErrorDomain.OUTWAY), serve], client_max_size=0)
        app.on_response_prepare.append(leave_headers_alone)
        app.on_response_prepare.append(_return_transaction_id)
        return app

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.method == "CONNECT":
            raise MethodUnsupported("CONNECT is not supported: call the service by its path on this Outway")
        received = request_head(request)
        transaction_id = self._transaction_id(received.headers)
        request[_TAKEN] = transaction_id
        selected = await self._selected(_selector(received.headers))
        token = await self._tokens.token_for(selected)
        now = self._peer.clock.now()
        await self._peer.log.append(outgoing_record(token.claims, transaction_id, now=now))
        body = ReplayableBody(request_body(request))
        response = await self._send(received, body.first(), token, transaction_id)
        if _refused_as_stale(response):
            self._tokens.forget(token)
            if await body.can_repeat():
                await response.close()
                token = await self._tokens.token_for(selected)
                response = await self._send(received, body.again(), token, transaction_id)
        return await relay_answer(request, response)

    async def _selected(self, selector: Selector) -> SelectedGrant:
        """The Grant to use. Raises: OutwayError, InvalidRequest, NoValidCertificate, StoreError."""
        choices = self._choices()
        selected = select_grant(selector, choices)
        if selected is None:
            raise await explain(selector, choices, self._peer.contracts)
        return selected

    async def _send(
        self,
        received: RequestHead,
        body: AsyncIterator[bytes] | None,
        token: OutwayToken,
        transaction_id: TransactionId,
    ) -> Response:
        provider = token.claims.service_peer_id
        headers = for_inway(received.headers, token=token.text, transaction_id=transaction_id)
        try:
            return await exchange(
                self._session,
                token.inway,
                replace(received, headers=headers),
                body,
                context=self._peer.outgoing_context(provider),
            )
        except UpstreamFailed as error:
            self._tokens.forget(token)  # the Inway may have moved: the next token says where it is now
            raise InwayUnreachable(f"the Inway of peer {provider} at {token.inway} does not answer: {error}") from error

    def _choices(self) -> Choices:
        peer = self._peer
        pair = peer.signing_pair()
        if self._known is None or self._known[0] is not pair:
            self._known = (
                pair,
                OutwayIdentity(peer.peer_id, pair.public_key_thumbprint, dns_names_of(pair.certificate)),
            )
        return Choices(peer.contracts.view, peer.tenant.connections, self._known[1], peer.clock.now())

    def _transaction_id(self, headers: Headers) -> TransactionId:
        given = _single(headers, _TRANSACTION_ID, InvalidLogRecordId)
        if given is None:
            return TransactionId(str(make_uuid7(self._peer.clock.now_ms(), os.urandom(RANDOM_BYTES))))
        try:
            return parse_transaction_id(given)
        except ValueError as error:
            raise InvalidLogRecordId(f"{_TRANSACTION_ID} {error}") from error


async def _return_transaction_id(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: the application learns the id whatever the outcome."""
    if _TAKEN in request:
        response.headers[_TRANSACTION_ID] = request[_TAKEN]


def _selector(headers: Headers) -> Selector:
    return Selector(
        grant_hash=_single(headers, "Fsc-Grant-Hash", InvalidRequest),
        service=_single(headers, "Fsc-Service", InvalidRequest),
        host=value_of(headers, "Host"),
    )


def _single(headers: Headers, name: str, refusal: type[InvalidLogRecordId | InvalidRequest]) -> str | None:
    values = values_of(headers, name)
    if len(values) > 1:
        raise refusal(f"{name} is given more than once")
    return values[0] if values else None


def _refused_as_stale(response: Response) -> bool:
    return response.status == 401 and value_of(response.headers, "Fsc-Error-Code") in _STALE_TOKEN
