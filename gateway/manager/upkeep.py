"""The background work of one hosted Peer: announce, let the rules look again at what waits, converge, deliver."""

import asyncio
import logging

from gateway.http.client import PeerUnreachable
from gateway.manager.announce import Announcer
from gateway.manager.connections import converge
from gateway.manager.contracts import consider
from gateway.manager.delivery import DeliveryWorker
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate
from storage.errors import StoreError

_log = logging.getLogger(__name__)

EVERY_S = 15.0
RETRY_S = 1.0


class Upkeep:
    """Runs for as long as the Peer is hosted. `kick` makes it look again at once (reload, announce, new Contract)."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._announcer = Announcer(peer)
        self._kicked = asyncio.Event()
        self.delivery = DeliveryWorker(peer)

    def kick(self) -> None:
        """Do a round now instead of at the end of the pause."""
        self._kicked.set()

    async def run(self) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.delivery.run())
            tasks.create_task(self._rounds())

    async def _rounds(self) -> None:
        while True:
            self._kicked.clear()
            pause_s = EVERY_S if await self._round() else RETRY_S
            try:
                await asyncio.wait_for(self._kicked.wait(), pause_s)
            except TimeoutError:
                continue

    async def _round(self) -> bool:
        try:
            announced = await self._announcer.announce_due()
            for record in self._peer.contracts.view.waiting_for(self._peer.peer_id):
                await consider(self._peer, record.content_hash)
            await converge(self._peer)
        except (StoreError, NoValidCertificate, PeerUnreachable) as error:
            _log.warning("upkeep_failed", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
            return False
        return announced
