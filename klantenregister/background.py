"""The background work of every hosted Peer: begun, ended, and kept going whatever fails.

It is the upkeep of its contracts (`gateway.manager.upkeep`) and the retention of its log (`gateway.txlog.retention`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable

from certs.identity import PeerId
from klantenregister.hosting import HostedPeer

_log = logging.getLogger(__name__)

_RESTART_S = 1.0


class BackgroundWork:
    """The tasks of this process, one for each Peer that it works for."""

    def __init__(self, tasks: asyncio.TaskGroup) -> None:
        self._tasks = tasks
        self._of: dict[PeerId, asyncio.Task[None]] = {}

    def use(self, hosted: Iterable[HostedPeer]) -> None:
        """Work for these Peers and no others; those that are worked for already are looked at again at once."""
        wanted = {one.peer.peer_id: one for one in hosted}
        for peer_id in self._of.keys() - wanted.keys():
            self._of.pop(peer_id).cancel()
        for peer_id, one in wanted.items():
            if peer_id in self._of:
                one.manager.upkeep.kick()
            else:
                self._of[peer_id] = self._tasks.create_task(_work_for(one))

    def under_way(self) -> dict[PeerId, asyncio.Task[None]]:
        """What is worked on, by the Peer that it is done for."""
        return dict(self._of)

    async def stop(self) -> None:
        """End all of it; it uses nothing any more when this returns."""
        work = tuple(self._of.values())
        self._of.clear()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)


async def _work_for(hosted: HostedPeer) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_supervised("upkeep", hosted.manager.upkeep.run, hosted.peer.peer_id))
        if hosted.retention is not None:
            tasks.create_task(_supervised("retention", hosted.retention.run, hosted.peer.peer_id))


async def _supervised(name: str, run: Callable[[], Awaitable[None]], peer_id: PeerId) -> None:
    """Keep one work of one tenant going: a fault in it never stops the others, nor the serving."""
    while True:
        try:
            await run()
        except Exception:
            _log.exception(f"{name}_crashed", extra={"peer_id": peer_id})
            await asyncio.sleep(_RESTART_S)
