"""Access tokens as an Outway keeps them: fetched when first needed, used while they live, fetched again in time.

Standard: FSC Core, Outway / Obtaining access tokens. One request fetches the token for a Grant; the others that need it
meanwhile wait, and share what it gets: the token or the refusal.
"""

import asyncio
from typing import TypeAlias

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.names import GrantHash
from gateway.fsc.token import OUTWAY_MARGIN_S
from gateway.outway.selection import SelectedGrant
from gateway.state.access_tokens import OutwayToken, obtain_token
from gateway.state.local_peer import LocalPeer

_MAX_KEPT = 10_000

_Key: TypeAlias = tuple[GrantHash, CertificateThumbprint]


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
        for key in [key for key, kept in self._kept.items() if kept is token]:  # it may name the Grant by another hash
            del self._kept[key]

    def _usable(self, key: _Key) -> OutwayToken | None:
        token = self._kept.get(key)
        if token is None or token.claims.expires_at < self._peer.clock.now() + OUTWAY_MARGIN_S:
            return None
        return token

    async def _fetch_for_all(self, selected: SelectedGrant, key: _Key) -> OutwayToken:
        awaited = self._awaited[key] = asyncio.get_running_loop().create_future()
        try:
            token = await obtain_token(self._peer, selected.grant, selected.grant_hash)
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
