"""The Outway on the relay: choose the Grant, get the token, log, send (STYLE 2.3, FSC.md 7.2).

With the token at hand, which is how it is kept, a request passes without a task of its own. What has to be waited for
(a token that is not there, the reason of a refusal) is done by one that ends when the application hangs up.
"""

import asyncio
import os
from dataclasses import dataclass
from functools import partial
from typing import Final

from certs.custody import KeyPair
from certs.errors import CertsError
from gateway.errors import (
    ErrorDomain,
    InvalidLogRecordId,
    InvalidRequest,
    InwayUnreachable,
    MethodUnsupported,
    TokenRequestFailed,
    TransactionLogWriteError,
)
from gateway.fsc.logrecord import Direction
from gateway.fsc.names import TransactionId, parse_transaction_id
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.outway.choosing import Chooser
from gateway.outway.keeping import TokenKeeper
from gateway.outway.refusal import explain
from gateway.outway.selection import SelectedGrant, Selector
from gateway.outway.tokens import TokenSource
from gateway.relay.exchange import Exchange
from gateway.relay.fields import GIVEN_TRANSACTION_ID, GRANT_HASH, SERVICE, Fate, Fates, Field, fate_at_outway
from gateway.relay.origin import OriginAddress, Origins, parse_origin
from gateway.relay.settings import RelaySettings
from gateway.relay.site import Site, new_site
from gateway.relay.upstream import UpstreamFailed
from gateway.state.access_tokens import OutwayToken
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate
from gateway.state.transactions import PreparedRecord

_STALE_TOKEN: Final = frozenset({b"ERROR_CODE_ACCESS_TOKEN_EXPIRED", b"ERROR_CODE_ACCESS_TOKEN_INVALID"})
_MAX_ROUTES: Final = 1_000
_MAX_ROUTE_LENGTH: Final = 65_536
"""Of a token, in characters: with the properties of its Grant it may be far longer, and a route holds a copy."""


@dataclass(frozen=True, slots=True)
class _Route:
    """How the requests with one token go: by which connections, with which header, under which record."""

    token: OutwayToken
    address: OriginAddress
    fields: bytes
    prepared: PreparedRecord


@dataclass(frozen=True, slots=True)
class _Request:
    """What a request was found to be."""

    exchange: Exchange
    selected: SelectedGrant
    transaction_id: TransactionId


class Outway:
    """The Outway of one tenant. `keeper` keeps its `tokens` fresh for as long as it is run."""

    def __init__(self, peer: LocalPeer, origins: Origins) -> None:
        self._peer = peer
        self._origins = origins
        self._chooser = Chooser(peer)
        self.tokens = TokenSource(peer)
        self._routes: dict[str, _Route] = {}
        self.keeper = TokenKeeper(peer, self._chooser, self.tokens)

    def site(self, settings: RelaySettings) -> Site:
        """The Outway for a listener. There are no routes: every path belongs to the Service."""
        return new_site(ErrorDomain.OUTWAY, Fates(fate_at_outway), lambda _: self._serve, settings)

    def _serve(self, exchange: Exchange) -> None:
        """Serve one request. Raises: FscError; then it was neither logged nor sent on."""
        if exchange.method == "CONNECT":
            raise MethodUnsupported("CONNECT is not supported: call the service by its path on this Outway")
        transaction_id = self._transaction_id(exchange)
        exchange.answer_with_field(b"Fsc-Transaction-Id", transaction_id.encode())
        selector = _selector(exchange)
        try:
            selected = self._chooser.select(selector)
        except NoValidCertificate as error:
            raise TokenRequestFailed(str(error)) from error
        if selected is None:
            exchange.run(self._explain(selector))
            return
        request = _Request(exchange, selected, transaction_id)
        token = self.tokens.at_hand(selected)
        if token is None:
            exchange.run(self._wait_and_send(request))
            return
        route = self._route(token, selected.pair)
        self._peer.log.write(
            route.prepared, transaction_id, self._peer.clock.now(), partial(self._logged, request, route)
        )

    async def _explain(self, selector: Selector) -> None:
        """Raises: what tells the application why nothing was selected; StoreError."""
        raise await explain(selector, self._chooser.choices(), self._peer.contracts)

    async def _wait_and_send(self, request: _Request) -> None:
        """The same, once there is a token. Raises: FscError, StoreError."""
        route = self._route(await self.tokens.token_for(request.selected), request.selected.pair)
        logged: asyncio.Future[TransactionLogWriteError | None] = asyncio.get_running_loop().create_future()

        def done(error: TransactionLogWriteError | None) -> None:
            if not logged.done():  # the application may have hung up
                logged.set_result(error)

        self._peer.log.write(route.prepared, request.transaction_id, self._peer.clock.now(), done)
        self._logged(request, route, await logged)

    def _logged(self, request: _Request, route: _Route, error: TransactionLogWriteError | None) -> None:
        if error is None:
            self._send(request, route, is_first=True)
        else:
            request.exchange.refuse(error)

    def _send(self, request: _Request, route: _Route, *, is_first: bool) -> None:
        origin = self._origins.get(route.address)
        request.exchange.relay(
            origin,
            b"%b%bFsc-Transaction-Id: %b\r\n" % (origin.host_field, route.fields, request.transaction_id.encode()),
            failed=partial(self._failed, request.exchange, route.token),
            judge=partial(self._judge, request, route.token) if is_first else None,
        )

    def _judge(self, request: _Request, token: OutwayToken, status: int, fields: list[Field]) -> bool:
        """Whether the Inway refused the token and another one is tried, without the application noticing."""
        if status != 401 or not _tells_stale(fields):
            return False
        self._forget(token)
        if not request.exchange.can_repeat():
            return False
        request.exchange.run(self._send_again(request))
        return True

    async def _send_again(self, request: _Request) -> None:
        """Send once more what was logged already. Raises: FscError, StoreError."""
        route = self._route(await self.tokens.token_for(request.selected), request.selected.pair)
        self._send(request, route, is_first=False)

    def _failed(self, exchange: Exchange, token: OutwayToken, error: UpstreamFailed) -> None:
        self._forget(token)  # the Inway may have moved: the next token says where it is now
        provider = token.claims.service_peer_id
        exchange.refuse(InwayUnreachable(f"the Inway of peer {provider} at {token.inway} does not answer: {error}"))

    def _forget(self, token: OutwayToken) -> None:
        self.tokens.forget(token)
        self._routes.pop(token.text, None)

    def _route(self, token: OutwayToken, pair: KeyPair) -> _Route:
        """The route of a token, which is made once. Raises: TokenRequestFailed when our certificate cannot be used."""
        try:
            context = self._peer.outgoing_context(token.claims.service_peer_id, pair)
        except CertsError as error:
            raise TokenRequestFailed(str(error)) from error
        route = self._routes.get(token.text)
        if route is None or route.address.context is not context:
            prepared = self._peer.log.prepare(token.claims, Direction.OUTGOING)
            fields = f"Fsc-Authorization: Bearer {token.text}\r\n".encode("ascii")
            route = _Route(token, parse_origin(token.inway, context), fields, prepared)
            if len(token.text) <= _MAX_ROUTE_LENGTH:
                self._routes.pop(token.text, None)
                while len(self._routes) >= _MAX_ROUTES:
                    del self._routes[next(iter(self._routes))]
                self._routes[token.text] = route
        return route

    def _transaction_id(self, exchange: Exchange) -> TransactionId:
        given = _single(exchange, GIVEN_TRANSACTION_ID, "Fsc-Transaction-Id", InvalidLogRecordId)
        if given is None:
            return TransactionId(str(make_uuid7(self._peer.clock.now_ms(), os.urandom(RANDOM_BYTES))))
        try:
            return parse_transaction_id(given)
        except ValueError as error:
            raise InvalidLogRecordId(f"Fsc-Transaction-Id {error}") from error


def _selector(exchange: Exchange) -> Selector:
    framing = exchange.framing
    assert framing is not None
    return Selector(
        grant_hash=_single(exchange, GRANT_HASH, "Fsc-Grant-Hash", InvalidRequest),
        service=_single(exchange, SERVICE, "Fsc-Service", InvalidRequest),
        host=None if framing.host is None else framing.host.decode("ascii", "replace"),
    )


def _single(
    exchange: Exchange, fate: Fate, name: str, refusal: type[InvalidLogRecordId | InvalidRequest]
) -> str | None:
    values = exchange.noted_values(fate)
    if len(values) > 1:
        raise refusal(f"{name} is given more than once")
    return values[0].decode("utf-8", "replace") if values else None


def _tells_stale(fields: list[Field]) -> bool:
    return any(name.lower() == b"fsc-error-code" and value in _STALE_TOKEN for name, value in fields)
