"""Keeping tokens fresh in the background, so that no request waits for one that could have been fetched in time.

Theory of operation. A look tells which tokens are due: those in use that have come to their moment of refreshing, and
those of the declared connections, used or not, from when their Contract is valid. Each is fetched by a task of its own.
One that cannot be had leaves the present one in use until it ends, and is tried again, later each time. What no request
used since it was fetched is not fetched again, and goes when it ends; so does what no valid Contract stands behind, or
no certificate of ours. There is a look whenever a Contract changes, and often enough for what only time changes.
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from certs.errors import CertsError
from gateway.errors import FscError
from gateway.outway.choosing import Chooser
from gateway.outway.refreshing import retry_after_s
from gateway.outway.selection import Choices, SelectedGrant, select_declared
from gateway.outway.tokens import KeptToken, TokenKey, TokenSource, chance, key_of
from gateway.state.local_peer import LocalPeer
from storage.errors import StoreError

_log = logging.getLogger(__name__)

LOOK_EVERY_S = 5.0
_PAUSE_S = 0.05
"""Between two looks at least: many Contracts may change at once."""
_AT_ONCE = 8
"""Tokens of one tenant that are fetched at the same time."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """How often in a row a token could not be had, and when to try again (Unix seconds)."""

    count: int
    retry_at: int


class TokenKeeper:
    """Keeps the tokens of one tenant's Outway fresh for as long as it runs."""

    def __init__(
        self, peer: LocalPeer, chooser: Chooser, source: TokenSource, *, jitter: Callable[[], float] = chance
    ) -> None:
        self._peer = peer
        self._chooser = chooser
        self._source = source
        self._jitter = jitter
        self._failures: dict[TokenKey, _Failure] = {}
        self._under_way: set[TokenKey] = set()
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Work until cancelled. A fault in one look or one fetch ends neither the others nor the program."""
        learned = self._peer.contracts.learned
        async with asyncio.TaskGroup() as tasks:
            while True:
                learned.clear()
                try:
                    pause_s = self._look(tasks)
                except Exception:
                    _log.exception("token_look_crashed", extra={"peer_id": self._peer.peer_id})
                    pause_s = LOOK_EVERY_S
                await asyncio.sleep(_PAUSE_S)
                try:
                    async with asyncio.timeout(pause_s):
                        await learned.wait()
                except TimeoutError:
                    continue

    def _look(self, tasks: asyncio.TaskGroup) -> float:
        """Begin to fetch what is due; returns how long there is nothing to do, in seconds."""
        now = self._peer.clock.now()
        wanted = self._wanted(now)
        self._failures = {key: failure for key, failure in self._failures.items() if key in wanted}
        for key, selected in wanted.items():
            failure = self._failures.get(key)
            if key not in self._under_way and (failure is None or failure.retry_at <= now):
                self._under_way.add(key)
                tasks.create_task(self._fetch(key, selected))
        retries = [failure.retry_at - now for key, failure in self._failures.items() if key not in self._under_way]
        return float(min([LOOK_EVERY_S, *retries]))

    def _wanted(self, now: int) -> dict[TokenKey, SelectedGrant]:
        """What should be fetched, when not for failures; what is of no use any more is let go."""
        try:
            choices = self._chooser.choices()
        except CertsError:
            return {}  # no certificate is valid now: that is told to whoever sends a request
        declared = _declared(choices)
        wanted = {}
        for key, kept in self._source.kept().items():
            if not self._has_use(kept, choices, now):
                self._source.let_go(key)
            elif kept.refresh_at <= now and (kept.is_used or key in declared):
                wanted[key] = kept.selected
        present = self._source.kept()
        return wanted | {key: selected for key, selected in declared.items() if key not in present}

    def _has_use(self, kept: KeptToken, choices: Choices, now: int) -> bool:
        selected = kept.selected
        return (
            kept.is_usable(now)
            and self._peer.contracts.valid_by_grant(selected.grant_hash, now) is not None
            and any(outway.pair.thumbprint == selected.pair.thumbprint for outway in choices.outways)
        )

    async def _fetch(self, key: TokenKey, selected: SelectedGrant) -> None:
        try:
            async with self._slots:
                await self._source.refresh(selected)
            self._failures.pop(key, None)
        except (FscError, CertsError, StoreError) as error:
            self._failed(key, selected, str(error))
        except Exception as error:
            _log.exception("token_fetch_crashed", extra={"peer_id": self._peer.peer_id})
            self._failed(key, selected, type(error).__name__)
        finally:
            self._under_way.discard(key)

    def _failed(self, key: TokenKey, selected: SelectedGrant, reason: str) -> None:
        known = self._failures.get(key)
        count = 1 if known is None else known.count + 1
        delay_s = retry_after_s(count, jitter=self._jitter())
        self._failures[key] = _Failure(count, self._peer.clock.now() + delay_s)
        # Told once: who has to use the connection meanwhile is told why each time.
        level = logging.WARNING if count == 1 else logging.DEBUG
        extra = {"peer_id": self._peer.peer_id, "grant_hash": selected.grant_hash, "reason": reason}
        _log.log(level, "token_not_refreshed", extra=extra)


def _declared(choices: Choices) -> dict[TokenKey, SelectedGrant]:
    """What the declared connections use now."""
    selected = [select_declared(connection, choices) for connection in choices.declared]
    return {key_of(one): one for one in selected if one is not None}
