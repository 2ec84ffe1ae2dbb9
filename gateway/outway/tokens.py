"""Access tokens as an Outway has them: fetched from the Manager of the Service's Peer, kept while they live.

Standard: FSC Core, Outway / Obtaining access tokens. One request fetches the token for a Grant; the others that need it
meanwhile wait, and share what it gets: the token or the refusal.
"""

import asyncio
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import urlencode

from certs.thumbprint import CertificateThumbprint
from gateway.errors import InvalidRequest, TokenRequestFailed, quoted
from gateway.fsc.jcs import parse_json
from gateway.fsc.names import GrantHash, InwayAddress
from gateway.fsc.token import OUTWAY_MARGIN_S, ExpectedToken, InspectedClaims, inspect_token
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.outway.selection import SelectedGrant
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import manager_address_of

_MAX_KEPT = 10_000

_Key: TypeAlias = tuple[GrantHash, CertificateThumbprint]


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
        self._kept: dict[_Key, OutwayToken] = {}
        self._awaited: dict[_Key, asyncio.Future[OutwayToken]] = {}

    async def token_for(self, selected: SelectedGrant) -> OutwayToken:
        """A token that lives long enough to be used. Raises: TokenRequestFailed, NoValidCertificate, StoreError."""
        key = (selected.grant_hash, self._peer.signing_pair().thumbprint)
        token = self._usable(key)
        if token is not None:
            return token
        while (awaited := self._awaited.get(key)) is not None:
            await asyncio.wait((awaited,))
            if not awaited.cancelled():
                return awaited.result()
        return await self._fetch_for_all(selected, key)

    def forget(self, token: OutwayToken) -> None:
        """Do not use `token` again: an Inway refused it."""
        key = (token.claims.grant_hash, token.claims.certificate_thumbprint)
        if self._kept.get(key) is token:
            del self._kept[key]

    def _usable(self, key: _Key) -> OutwayToken | None:
        token = self._kept.get(key)
        if token is None or token.claims.expires_at < self._peer.clock.now() + OUTWAY_MARGIN_S:
            return None
        return token

    async def _fetch_for_all(self, selected: SelectedGrant, key: _Key) -> OutwayToken:
        awaited = self._awaited[key] = asyncio.get_running_loop().create_future()
        try:
            token = await self._fetch(selected, key[1])
        except Exception as error:
            awaited.set_exception(error)
            awaited.exception()  # tells asyncio that nobody needs to be waiting for it
            raise
        else:
            self._keep(key, token)
            awaited.set_result(token)
            return token
        finally:
            awaited.cancel()  # when this request was given up: one of those that wait fetches instead
            del self._awaited[key]

    def _keep(self, key: _Key, token: OutwayToken) -> None:
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
        body = parse_json(answer.body)
        token = body.get("access_token") if answer.status == 200 else None
        if isinstance(token, str):
            return token
        reason = f"{body.get('error')}: {body.get('error_description', '')}"
    except InvalidRequest:
        reason = "no readable reason"
    raise TokenRequestFailed(
        f"the Manager of peer {provider} gave no access token: {answer.status} {quoted(reason, 300)}"
    )
