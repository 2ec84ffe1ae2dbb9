"""Access tokens as an Outway keeps them: fetched when first needed, used while they live, replaced ahead of their end.

Standard: FSC Core, Outway / Obtaining access tokens. One request fetches the token for a Grant; the others that need it
meanwhile wait, and share what it gets: the token or the refusal. Who replaces tokens in time is `keeping`.
"""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.names import GrantHash
from gateway.fsc.token import OUTWAY_MARGIN_S
from gateway.outway.refreshing import refresh_after_s
from gateway.outway.selection import SelectedGrant
from gateway.state.access_tokens import OutwayToken, obtain_token
from gateway.state.local_peer import LocalPeer

_MAX_KEPT = 10_000

TokenKey: TypeAlias = tuple[GrantHash, CertificateThumbprint]
"""A token is for one Grant and bound to one certificate."""


def key_of(selected: SelectedGrant) -> TokenKey:
    """Under which key the token for `selected` is kept."""
    return selected.grant_hash, selected.pair.thumbprint


def chance() -> float:
    """A jitter in 0..1: what was begun together shall not all come back together."""
    return random.random()  # noqa: S311 - spreads load, guards nothing


@dataclass(slots=True)
class KeptToken:
    """A token that is at hand, and what it is for. `refresh_at` is when another one is due, in Unix seconds."""

    selected: SelectedGrant
    token: OutwayToken
    refresh_at: int
    is_used: bool = False
    """Whether any request has used it."""

    def is_usable(self, now: int) -> bool:
        """Whether it lives long enough to be used."""
        return self.token.claims.expires_at >= now + OUTWAY_MARGIN_S


class TokenSource:
    """The tokens of one tenant's Outway. Bounded: the longest kept makes room."""

    def __init__(self, peer: LocalPeer, *, jitter: Callable[[], float] = chance) -> None:
        self._peer = peer
        self._jitter = jitter
        self._kept: dict[TokenKey, KeptToken] = {}
        self._awaited: dict[TokenKey, asyncio.Future[OutwayToken]] = {}

    def at_hand(self, selected: SelectedGrant) -> OutwayToken | None:
        """The token, when there is one that lives long enough to be used: no I/O."""
        kept = self._kept.get((selected.grant_hash, selected.pair.thumbprint))
        if kept is None or not kept.is_usable(self._peer.clock.now()):
            return None
        kept.is_used = True
        return kept.token

    async def token_for(self, selected: SelectedGrant) -> OutwayToken:
        """A token that lives long enough to be used. Raises: TokenRequestFailed, StoreError."""
        key = key_of(selected)
        while True:
            token = self.at_hand(selected)
            if token is not None:
                return token
            awaited = self._awaited.get(key)
            if awaited is None:
                token = await self._fetch_for_all(selected, key)
            else:
                await asyncio.wait((awaited,))
                if awaited.cancelled():
                    continue
                token = awaited.result()
            self._mark_used(key, token)
            return token

    async def refresh(self, selected: SelectedGrant) -> None:
        """Fetch another token, unless somebody does so already; the present one is used meanwhile.

        Raises: TokenRequestFailed, StoreError.
        """
        key = key_of(selected)
        if key not in self._awaited:
            await self._fetch_for_all(selected, key)

    def forget(self, token: OutwayToken) -> None:
        """Do not use `token` again: an Inway refused it."""
        for key in [key for key, kept in self._kept.items() if kept.token is token]:  # it may name the Grant otherwise
            del self._kept[key]

    def kept(self) -> dict[TokenKey, KeptToken]:
        """What is kept: a copy."""
        return dict(self._kept)

    def let_go(self, key: TokenKey) -> None:
        """Keep this one no longer."""
        self._kept.pop(key, None)

    async def _fetch_for_all(self, selected: SelectedGrant, key: TokenKey) -> OutwayToken:
        awaited = self._awaited[key] = asyncio.get_running_loop().create_future()
        try:
            token = await obtain_token(self._peer, selected.grant, selected.grant_hash, selected.pair)
        except Exception as error:
            awaited.set_exception(error)
            awaited.exception()  # tells asyncio that nobody needs to be waiting for it
            raise
        else:
            self._keep(key, selected, token)
            awaited.set_result(token)
            return token
        finally:
            awaited.cancel()  # when this request was given up: one of those that wait fetches instead
            del self._awaited[key]

    def _keep(self, key: TokenKey, selected: SelectedGrant, token: OutwayToken) -> None:
        now = self._peer.clock.now()
        self._kept.pop(key, None)
        while len(self._kept) >= _MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        life_s = token.claims.expires_at - now
        self._kept[key] = KeptToken(selected, token, now + refresh_after_s(life_s, jitter=self._jitter()))

    def _mark_used(self, key: TokenKey, token: OutwayToken) -> None:
        kept = self._kept.get(key)
        if kept is not None and kept.token is token:
            kept.is_used = True
