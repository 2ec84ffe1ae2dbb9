"""The background work of one hosted Peer: announce, let the rules look again at what waits, converge, deliver."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from gateway.manager.announce import Announcer
from gateway.manager.connections import converge
from gateway.manager.contracts import consider
from gateway.manager.delivery import DeliveryWorker
from gateway.state.local_peer import LocalPeer
from storage.errors import StoreError

_log = logging.getLogger(__name__)

EVERY_S = 15.0
RETRY_S = 1.0


class Upkeep:
    """Runs for as long as the Peer is hosted. `kick` makes it look again at once (reload, announce, new Contract)."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._announcer = Announcer(peer)
        self._refused: frozenset[str] = frozenset()
        self._kicks = (asyncio.Event(), asyncio.Event())
        self.delivery = DeliveryWorker(peer)

    def kick(self) -> None:
        """Do a round now instead of at the end of the pause."""
        for kick in self._kicks:
            kick.set()

    async def run(self) -> None:
        """Work until cancelled. A Directory that does not answer delays its announcement, nothing else."""
        announce, look = self._kicks
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.delivery.run())
            tasks.create_task(self._repeat(self._announcer.announce_due, announce))
            tasks.create_task(self._repeat(self._look, look))

    async def _repeat(self, work: Callable[[], Awaitable[bool]], kicked: asyncio.Event) -> None:
        while True:
            kicked.clear()
            pause_s = EVERY_S if await self._succeeds(work) else RETRY_S
            try:
                async with asyncio.timeout(pause_s):
                    await kicked.wait()
            except TimeoutError:
                continue

    async def _succeeds(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """Whether `work` did all there was to do. Only cancellation leaves it: the next round may go better."""
        try:
            return await work()
        except StoreError as error:
            _log.warning("upkeep_failed", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
        except Exception:
            _log.exception("upkeep_crashed", extra={"peer_id": self._peer.peer_id})
        return False

    async def _look(self) -> bool:
        """Let the rules decide about what waits for us, and offer what is wanted."""
        for record in self._peer.contracts.view.waiting_for(self._peer.peer_id):
            await consider(self._peer, record.content_hash)
        refused = await converge(self._peer)
        for wanted, record in refused:
            if record.content_hash not in self._refused:
                _log.warning(
                    "declared_contract_refused",
                    extra={"peer_id": self._peer.peer_id, "wanted": wanted.label, "contract": record.content_hash},
                )
        self._refused = frozenset(record.content_hash for _, record in refused)
        return True
