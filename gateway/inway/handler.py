"""The Inway on the relay: admit, log, relay (STYLE 2.3). Bodies stream both ways; nothing passes that is not logged."""

import logging
import ssl
from collections.abc import Callable
from functools import partial

from certs.errors import InvalidSubject
from certs.identity import PeerCertificate
from certs.tls import peer_of
from gateway.errors import (
    AccessTokenInvalid,
    ErrorDomain,
    InvalidRequest,
    ServiceNotFound,
    ServiceUnreachable,
    TransactionLogWriteError,
)
from gateway.fsc.logrecord import Direction
from gateway.fsc.names import ServiceName, TransactionId
from gateway.fsc.token import Authorization
from gateway.inway.admission import MAX_AUTHORIZATION_LENGTH, admit, transaction_id_of
from gateway.inway.known_tokens import KnownToken, KnownTokens, Passage, validity
from gateway.relay.answering import answer_from
from gateway.relay.exchange import Exchange
from gateway.relay.fields import AUTHORIZATION, TRANSACTION_ID, Fates, as_text, fate_at_inway
from gateway.relay.inbound import Handler, Inbound
from gateway.relay.origin import Origin
from gateway.relay.settings import RelaySettings
from gateway.relay.site import Site, new_site
from gateway.relay.upstream import RequestHead, Upstream, UpstreamFailed
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Tenant

_log = logging.getLogger(__name__)

PeerOf = Callable[[ssl.SSLObject], LocalPeer | None]
UpstreamOf = Callable[[LocalPeer, ServiceName], Origin | Upstream | None]


def inway_site(peer_of_connection: PeerOf, upstream_of: UpstreamOf, settings: RelaySettings) -> Site:
    """The Inways of the tenants that `peer_of_connection` knows, in front of the Services that `upstream_of` knows.

    There are no routes: every method and path goes to the Service that the token names.
    """
    tokens: dict[str, KnownTokens] = {}

    def new_handler(inbound: Inbound) -> Handler:
        connection = inbound.transport.get_extra_info("ssl_object")
        return _Connection(connection, inbound.client_ip, peer_of_connection, upstream_of, tokens)

    room = MAX_AUTHORIZATION_LENGTH + 65_536  # so that a token that is too long is refused as such
    return new_site(ErrorDomain.INWAY, Fates(fate_at_inway), new_handler, settings, token_bytes=room)


class _Connection:
    """One connection of a Peer. TLS verified its certificate within the handshake, but for the Peer that it names."""

    def __init__(
        self,
        connection: ssl.SSLObject,
        client_ip: str,
        peer_of_connection: PeerOf,
        upstream_of: UpstreamOf,
        tokens: dict[str, KnownTokens],
    ) -> None:
        self._connection = connection
        self._client_ip = client_ip
        self._peer_of_connection = peer_of_connection
        self._upstream_of = upstream_of
        self._tokens = tokens
        self._certificate: PeerCertificate | None = None
        self._tenant: Tenant | None = None
        self._about_client = b""
        """Of the client, for Services of this tenant."""

    def __call__(self, exchange: Exchange) -> None:
        """Serve one request. Raises: FscError, StoreError; then it was neither logged nor sent on."""
        peer = self._peer_of_connection(self._connection)
        if peer is None:
            raise ServiceNotFound("no Inway is served under this name any more; request a new access token")
        # 1. connection: whose it is.
        certificate = self._certificate or self._identified()
        # 2. token, certificate, Contract, Service, transaction id.
        now = peer.clock.now()
        token = self._admitted(peer, certificate, exchange.noted_values(AUTHORIZATION), now)
        transaction_id = transaction_id_of(exchange.noted_values(TRANSACTION_ID))
        if exchange.method == "CONNECT":
            raise InvalidRequest("CONNECT leads nowhere here: call the Service by its path")
        # 3. log: durable before anything is sent on.
        peer.log.write(
            token.passage.prepared, transaction_id, now, partial(self._logged, exchange, peer, token, transaction_id)
        )

    def _identified(self) -> PeerCertificate:
        try:
            self._certificate = peer_of(self._connection)
        except InvalidSubject as error:
            raise AccessTokenInvalid(f"no access token can be bound to this client certificate: {error}") from error
        return self._certificate

    def _admitted(
        self, peer: LocalPeer, certificate: PeerCertificate, authorization: list[bytes], now: int
    ) -> KnownToken:
        tokens = self._tokens.get(peer.peer_id)
        if tokens is None:
            tokens = self._tokens[peer.peer_id] = KnownTokens()
        if len(authorization) == 1:
            known = tokens.get(authorization[0])
            if known is not None and known.still_holds(peer, certificate.thumbprint, now):
                return known
        authorized, contract = admit(peer, certificate, authorization=authorization, now=now)
        passage = tokens.passage(peer, authorized)
        if passage is None:
            passage = self._passage(peer, authorized, contract)
            tokens.open_passage(passage)
        valid_from, valid_until = validity(authorized, contract)
        token = KnownToken(authorized, certificate.thumbprint, valid_from, valid_until, passage)
        tokens.put(authorization[0], token)
        return token

    def _passage(self, peer: LocalPeer, authorized: Authorization, contract: ContractRecord) -> Passage:
        upstream = self._upstream_of(peer, authorized.service_name)
        if upstream is None:
            raise ServiceNotFound(f"this Inway does not offer a Service named {authorized.service_name}")
        return Passage(
            peer.tenant,
            contract,
            authorized.grant_hash,
            authorized.service_name,
            authorized.properties,
            peer.log.prepare(authorized, Direction.INCOMING),
            upstream,
        )

    def _logged(
        self,
        exchange: Exchange,
        peer: LocalPeer,
        token: KnownToken,
        transaction_id: TransactionId,
        error: TransactionLogWriteError | None,
    ) -> None:
        if error is not None:
            exchange.refuse(error)
            return
        # 4. proxy; 5. the answer is the Service's, unaltered.
        about_client = self._about_client
        if self._tenant is not peer.tenant:
            self._tenant = peer.tenant
            authority = peer.tenant.inway_address.removeprefix("https://")
            about_client = self._about_client = (
                f"X-Forwarded-For: {self._client_ip}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: {authority}\r\n"
            ).encode()
        failed = partial(_unreachable, exchange, token.passage.service_name, transaction_id)
        upstream = token.passage.upstream
        if isinstance(upstream, Origin):
            exchange.relay(upstream, upstream.host_field + about_client, failed=failed)
        elif not exchange.is_gone:
            exchange.run(_serve(exchange, upstream, token, about_client, failed))


async def _serve(
    exchange: Exchange,
    upstream: Upstream,
    token: KnownToken,
    about_client: bytes,
    failed: Callable[[UpstreamFailed], None],
) -> None:
    """Let what is behind the Inway in this very process answer."""
    framing = exchange.framing
    assert framing is not None
    ours = (line.partition(": ") for line in about_client.decode().splitlines())
    headers = (*as_text(framing.fields), *((name, value) for name, _, value in ours))
    head = RequestHead(exchange.method, framing.target.decode("ascii"), headers)
    body = exchange.body() if exchange.has_body else None
    try:
        await answer_from(exchange, upstream.send(head, body, token.authorization))
    except UpstreamFailed as error:
        failed(error)


def _unreachable(
    exchange: Exchange, service: ServiceName, transaction_id: TransactionId, error: UpstreamFailed
) -> None:
    _log.warning(
        "service_unreachable", extra={"service": service, "transaction_id": transaction_id, "reason": str(error)}
    )
    exchange.refuse(ServiceUnreachable(f"service {service} does not answer; its organisation can tell why"))
