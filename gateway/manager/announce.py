"""Announcing ourselves: to the Directories of the Group, and to the Peers we share a Contract with when we moved.

Standard: FSC Core, Announce. Every Directory must know our address; a Peer with a Contract of ours should, and learns
it with every signature we bring, so it is told by itself only after the address changed.
"""

import asyncio
import logging
from dataclasses import dataclass

from certs.identity import PeerId
from gateway.fsc.names import ManagerAddress
from gateway.http.client import PeerUnreachable
from gateway.manager.delivery import next_delay_s
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager
from storage.errors import StoreError

_log = logging.getLogger(__name__)

REPEAT_S = 3_600
"""A Directory that lost its memory learns of us again within the hour."""
_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Failed:
    attempts: int
    next_at: int


class Announcer:
    """Tells our address to whom it concerns until they know, and again when it changes."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._noted: ManagerAddress | None = None
        self._told: dict[PeerId, tuple[str, int]] = {}
        self._untold: set[PeerId] = set()
        self._failed: dict[PeerId, _Failed] = {}
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def announce_due(self) -> bool:
        """Announce where that is due; returns whether all know our present address. Raises: StoreUnavailable."""
        now, address = self._peer.clock.now(), self._peer.tenant.manager_address
        if self._noted != address:
            self._untold = set(await self._peer.announced.change(address, self._contracted()))
            self._noted = address
        owed = [*self._directories_due(now, address), *self._untold]
        due = [one for one in owed if one not in self._failed or self._failed[one].next_at <= now]
        async with asyncio.TaskGroup() as tasks:
            for other in due:
                tasks.create_task(self._tell(other, address, now))
        return not any(one in self._failed for one in owed)

    def _contracted(self) -> list[PeerId]:
        directories = self._peer.tenant.group.directories
        others = self._peer.contracts.view.parties.peers()
        return [one for one in others if one != self._peer.peer_id and one not in directories]

    def _directories_due(self, now: int, address: ManagerAddress) -> list[PeerId]:
        due = []
        for directory in self._peer.tenant.group.directories:
            told_address, told_at = self._told.get(directory, ("", 0))
            if directory != self._peer.peer_id and (told_address != address or not 0 <= now - told_at < REPEAT_S):
                due.append(directory)
        return due

    async def _tell(self, other: PeerId, address: ManagerAddress, now: int) -> None:
        """Tell one Peer and write down how that went. Only cancellation leaves it: one failure stops no other."""
        async with self._slots:
            try:
                error = await self._announce(other, address)
                if not error and other in self._untold:
                    await self._peer.announced.told(address, other)
            except (PeerUnreachable, StoreError) as failure:
                error = str(failure)
        if not error:
            self._failed.pop(other, None)
            self._untold.discard(other)
            self._told[other] = (address, now)
            return
        attempts = self._failed[other].attempts + 1 if other in self._failed else 1
        self._failed[other] = _Failed(attempts, now + next_delay_s(attempts, jitter=1.0))
        _log.warning("announce_failed", extra={"peer_id": self._peer.peer_id, "to": other, "reason": error})

    async def _announce(self, other: PeerId, address: ManagerAddress) -> str:
        if other in self._untold and not self._peer.contracts.view.parties.shared_with(other):
            return ""  # our last Contract with it is over: it need not know
        headers = {"Fsc-Manager-Address": address}
        answer = await call_manager(self._peer, other, "PUT", "/v1/announce", headers=headers)
        return "" if answer.status == 200 else f"answered {answer.status}"
