"""The background work of one hosted Peer: announce, let the rules look at what waits, converge, deliver, repair."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from certs.identity import PeerId
from gateway.manager.allowance import Allowance
from gateway.manager.announce import Announcer
from gateway.manager.contracts import consider
from gateway.manager.convergence import Convergence
from gateway.manager.delivery import DeliveryWorker
from gateway.manager.pdp import PolicyWorker
from gateway.manager.repair import Repairer
from gateway.manager.resigning import Resigner
from gateway.manager.versions import VersionKeeper
from gateway.state.changes import Change, Topic
from gateway.state.local_peer import LocalPeer
from storage.errors import StoreError

_log = logging.getLogger(__name__)

EVERY_S = 15.0
_AT_A_TIME = 50
"""Contracts that the rules look at before others have a turn."""
RETRY_S = 1.0


class Upkeep:
    """Runs for as long as the Peer is hosted. `kick` makes it look again at once (reload, announce).

    It also looks as soon as a Contract that was made for a declaration is agreed, refused or ended.
    """

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._announcer = Announcer(peer)
        self._repairer = Repairer(peer)
        self._resigner = Resigner(peer)
        self._heard = Allowance()
        self._kicks = (asyncio.Event(), peer.contracts.turned, asyncio.Event())
        self.delivery = DeliveryWorker(peer)
        self.convergence = Convergence(peer)

    def kick(self) -> None:
        """Do a round now instead of at the end of the pause."""
        self._look_again()
        self._repairer.hasten_awaited()

    async def heard_from(self, other: PeerId) -> None:
        """`other` has just told us where it is: bring what we owe it, ask what it owes us, look again at the rest.

        Who says so all the time waits, like everybody, until that is due. Where the work is done in another process,
        that one is told.
        """
        if not self._peer.is_looked_after:
            self._peer.tell(Change(Topic.ANNOUNCED, other))
            return
        if not self._heard.take(other, at=asyncio.get_running_loop().time()):
            return
        await self.delivery.hasten(other)
        self._repairer.hasten(other)
        self._look_again()

    def _look_again(self) -> None:
        for kick in self._kicks:
            kick.set()

    async def run(self) -> None:
        """Work until cancelled. A Directory that does not answer delays its announcement, nothing else."""
        announce, look, sign = self._kicks
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.delivery.run())
            tasks.create_task(PolicyWorker(self._peer).run())
            tasks.create_task(self._repeat(self._announcer.announce_due, announce))
            tasks.create_task(self._repeat(self._look, look))
            tasks.create_task(self._repeat(self._resigner.look, sign))
            tasks.create_task(self._repairer.run())
            tasks.create_task(self._repeat(VersionKeeper(self._peer).look, asyncio.Event()))

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
        self._peer.contracts.forget_ended()
        for number, record in enumerate(self._peer.contracts.view.waiting_for(self._peer.peer_id)):
            await consider(self._peer, record.content_hash)
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)
        return await self.convergence.converge()
