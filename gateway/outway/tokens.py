"""Access tokens as an Outway has them: fetched from the Manager of the Service's Peer, kept while they live.

Standard: FSC Core, Outway / Obtaining access tokens. One request at a time fetches the token for a Grant; the others
that need it wait for that one.
"""

import asyncio
import json
from dataclasses import dataclass
from urllib.parse import urlencode

from certs.thumbprint import CertificateThumbprint
from gateway.errors import TokenRequestFailed, quoted
from gateway.fsc.names import GrantHash, InwayAddress
from gateway.fsc.token import OUTWAY_MARGIN_S, ExpectedToken, InspectedClaims, inspect_token
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.outway.selection import SelectedGrant
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import manager_address_of

_MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class OutwayToken:
    """A token with what an Outway read in it: where to go, and what to log."""

    text: str
    claims: InspectedClaims
    inway: InwayAddress


class TokenSource:
    """The tokens of one tenant's Outway, for its present certificate."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._kept: dict[tuple[GrantHash, CertificateThumbprint], OutwayToken] = {}
        self._fetching: dict[tuple[GrantHash, CertificateThumbprint], asyncio.Lock] = {}

    async def token_for(self, selected: SelectedGrant, *, instead_of: OutwayToken | None = None) -> OutwayToken:
        """A token that lives long enough to be used; never `instead_of`, which an Inway refused.

        Raises: TokenRequestFailed, NoValidCertificate.
        """
        key = (selected.grant_hash, self._peer.signing_pair().thumbprint)
        token = self._usable(key)
        if token is not None and token is not instead_of:
            return token
        async with self._fetching.setdefault(key, asyncio.Lock()):
            token = self._usable(key)
            if token is None or token is instead_of:
                token = await self._fetch(selected, key[1])
                self._keep(key, token)
        self._fetching.pop(key, None)
        return token

    def _usable(self, key: tuple[GrantHash, CertificateThumbprint]) -> OutwayToken | None:
        token = self._kept.get(key)
        if token is None or token.claims.expires_at - OUTWAY_MARGIN_S <= self._peer.clock.now():
            return None
        return token

    def _keep(self, key: tuple[GrantHash, CertificateThumbprint], token: OutwayToken) -> None:
        self._kept.pop(key, None)
        while len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        self._kept[key] = token

    async def _fetch(self, selected: SelectedGrant, thumbprint: CertificateThumbprint) -> OutwayToken:
        peer, provider = self._peer, selected.grant.service_peer_id
        form = {"grant_type": "client_credentials", "scope": selected.grant_hash, "client_id": peer.peer_id}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            address = await manager_address_of(peer, provider)
            answer = await peer.client.call(
                provider, "POST", f"{address}/v1/token", headers=headers, body=urlencode(form).encode()
            )
        except PeerUnreachable as error:
            raise TokenRequestFailed(f"the Manager of peer {provider} gave no access token: {error}") from error
        text = _access_token(answer, provider)
        expected = ExpectedToken(selected.grant, selected.grant_hash, peer.tenant.group.id, thumbprint)
        claims, inway = inspect_token(
            text, expected, now=peer.clock.now(), allow_any_port=peer.tenant.group.allow_any_port
        )
        return OutwayToken(text, claims, inway)


def _access_token(answer: PeerAnswer, provider: str) -> str:
    try:
        body = json.loads(answer.body)
        if answer.status == 200:
            token = body["access_token"]
            if isinstance(token, str):
                return token
        reason = f"{body.get('error')}: {body.get('error_description', '')}"
    except (ValueError, KeyError, TypeError, AttributeError):
        reason = "no readable reason"
    raise TokenRequestFailed(
        f"the Manager of peer {provider} gave no access token: {answer.status} {quoted(reason, 300)}"
    )
