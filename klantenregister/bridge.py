"""Where gateway and register meet: they know nothing of each other, the program knows both.

The register verifies `Fsc-Authorization` with the gateway's code (DESIGN section 3), and the Inway reaches the register
in the same process without a socket.
"""

from collections.abc import AsyncIterator, Callable

from certs.identity import PeerId
from clock import Clock
from gateway.errors import FscError
from gateway.fsc.claims import Claims
from gateway.fsc.token import Authorization, accept_forwarded, parse_token
from gateway.inway.admission import inway_identity, signed_claims, valid_grant
from gateway.relay.upstream import RequestHead, Response, UpstreamFailed
from gateway.state.local_peer import LocalPeer
from register.access import FederatedCaller, FederatedCallerRefused
from register.app import Register, RegisterRequest
from register.tenancy import Federated

SCOPES_PROPERTY = "klantenregister.scopes"
"""The grant property that narrows what the policy of the Service allows."""


class GatewayVerifier:
    """Re-verifies access tokens for the register: signature, time, Group, Inway, Service and Contract."""

    def __init__(self, peer_of: Callable[[PeerId], LocalPeer | None], clock: Clock) -> None:
        self._peer_of = peer_of
        self._clock = clock

    async def verify(self, fsc_authorization: str, tenant_peer_id: str, service_name: str) -> FederatedCaller:
        """See `register.access.FederatedCallerVerifier`."""
        peer = self._peer_of(PeerId(tenant_peer_id))
        if peer is None:
            raise FederatedCallerRefused("the tenant is not hosted here")
        now = self._clock.now()
        try:
            signed = signed_claims(peer, parse_token(fsc_authorization))
            claims: Claims = accept_forwarded(
                signed, inway=inway_identity(peer), grant=valid_grant(peer, signed, now), now=now
            )
        except FscError as error:
            raise FederatedCallerRefused(str(error)) from error
        if claims.service_name != service_name:
            raise FederatedCallerRefused("the access token is for another service")
        return FederatedCaller(
            peer_id=claims.outway_peer_id,
            grant_hash=claims.grant_hash,
            scopes_from_property=scopes_of(claims),
            delegator_peer_id=claims.delegator_peer_id,
        )


def scopes_of(claims: Claims) -> frozenset[str] | None:
    """The scopes that the Grant's property leaves; None without the property, none at all when it is malformed."""
    if claims.properties is None or SCOPES_PROPERTY not in claims.properties:
        return None
    listed = claims.properties[SCOPES_PROPERTY]
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        return frozenset()
    return frozenset(listed)


class RegisterUpstream:
    """The register of this process as a Service behind an Inway."""

    def __init__(self, register: Register, arrival: Federated) -> None:
        self._register = register
        self._arrival = arrival

    async def send(
        self, head: RequestHead, body: AsyncIterator[bytes] | None, authorization: Authorization
    ) -> Response:
        """See `Upstream`. The register looks at `Fsc-Authorization` itself: it trusts no network, and not us either."""
        del authorization
        path, _, query = head.target.partition("?")
        request = RegisterRequest(
            method=head.method,
            path=path,
            query=query,
            headers={name.lower(): value for name, value in head.headers},
            body=await self._read(body),
            arrival=self._arrival,
        )
        answer = await self._register.handle(request)

        async def chunks() -> AsyncIterator[bytes]:
            if answer.body:
                yield answer.body

        async def close() -> None:
            return None

        return Response(answer.status, "", tuple(answer.headers.items()), chunks(), close)

    async def _read(self, body: AsyncIterator[bytes] | None) -> bytes:
        """The whole body; one byte more than allowed where it is too large, so that the register says so."""
        if body is None:
            return b""
        read = bytearray()
        try:
            async for chunk in body:
                read += chunk
                if len(read) > self._register.max_body_bytes:
                    return bytes(read[: self._register.max_body_bytes + 1])
        except OSError as error:
            raise UpstreamFailed("the request broke off") from error
        return bytes(read)
