"""Announcing ourselves to the Directories of the Group, and hearing others do so (FSC Core, Announce)."""

import logging

from certs.identity import PeerId
from gateway.http.client import PeerUnreachable
from gateway.manager.delivery import next_delay_s
from gateway.state.local_peer import LocalPeer

_log = logging.getLogger(__name__)

REPEAT_S = 3_600
"""A Directory that lost its memory learns of us again within the hour."""


class Announcer:
    """Tells each Directory our address until it knows, and again when the address changes."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._told: dict[PeerId, tuple[str, int]] = {}
        self._failed: dict[PeerId, tuple[int, int]] = {}

    async def announce_due(self) -> bool:
        """Announce where that is due; returns whether every Directory knows our present address."""
        now = self._peer.clock.now()
        address = self._peer.tenant.manager_address
        known = True
        for directory, its_address in self._peer.tenant.group.directories.items():
            if directory == self._peer.peer_id:
                continue
            told_address, told_at = self._told.get(directory, ("", 0))
            if told_address == address and now - told_at < REPEAT_S:
                continue
            attempts, next_at = self._failed.get(directory, (0, 0))
            if now < next_at:
                known = False
                continue
            error = await self._announce(directory, its_address)
            if error:
                known = False
                self._failed[directory] = (attempts + 1, now + next_delay_s(attempts + 1, jitter=1.0))
                _log.warning("announce_failed", extra={"peer_id": self._peer.peer_id, "to": directory, "reason": error})
            else:
                self._failed.pop(directory, None)
                self._told[directory] = (address, now)
        return known

    async def _announce(self, directory: PeerId, address: str) -> str:
        headers = {"Fsc-Manager-Address": self._peer.tenant.manager_address}
        try:
            answer = await self._peer.client.call(directory, "PUT", f"{address}/v1/announce", headers=headers)
        except PeerUnreachable as error:
            return str(error)
        return "" if answer.status == 200 else f"answered {answer.status}"
