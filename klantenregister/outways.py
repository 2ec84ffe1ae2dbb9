"""The Outways: opened and closed as the configuration says, one for each tenant that has one; tokens kept fresh."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from certs.identity import PeerId
from config.addresses import TcpAddress
from config.settings import Settings
from gateway.http.listener import Listener
from gateway.relay.settings import RelaySettings
from gateway.relay.site import Site
from klantenregister.errors import Failed
from klantenregister.hosting import HostedPeer
from klantenregister.listening import Listeners


@dataclass(frozen=True, slots=True)
class OpenOutway:
    """An Outway that is listened to."""

    address: TcpAddress
    hosted: HostedPeer
    site: Site
    listener: Listener


OpenOutways: TypeAlias = dict[PeerId, OpenOutway]


class Outways:
    """The Outways that are open. A change is made in two steps, so that it can be given up in between."""

    def __init__(self, listeners: Listeners, relay: RelaySettings, tasks: asyncio.TaskGroup) -> None:
        self._listeners = listeners
        self._relay = relay
        self._tasks = tasks
        self._open: OpenOutways = {}
        self._keeping: dict[PeerId, asyncio.Task[None]] = {}

    async def prepare(self, settings: Settings, hosted: Iterable[HostedPeer]) -> OpenOutways:
        """The Outways that `settings` wants: those that are open there already, and new ones. Raises: Failed."""
        addresses = {tenant.peer_id: tenant.outway.listen for tenant in settings.tenants if tenant.outway is not None}
        outways: OpenOutways = {}
        for one in hosted:
            address = addresses.get(one.peer.peer_id)
            if address is None:
                continue
            present = self._open.get(one.peer.peer_id)
            if present is not None and present.address == address:
                outways[one.peer.peer_id] = present
                continue
            key = f"tenants: outway.listen of {one.peer.tenant.slug}"
            site = one.outway.site(self._relay)
            try:
                listener = await self._listeners.relayed(key, site, address)
            except Failed:
                await self._close(outways, kept=self._open)
                raise
            outways[one.peer.peer_id] = OpenOutway(address, one, site, listener)
        return outways

    async def use(self, prepared: OpenOutways) -> None:
        """Keep these open and no others; returns when the requests of the others have ended."""
        before, self._open = self._open, prepared
        for peer_id in self._keeping.keys() - prepared.keys():
            self._keeping.pop(peer_id).cancel()
        for peer_id, one in prepared.items():
            if peer_id not in self._keeping:
                self._keeping[peer_id] = self._tasks.create_task(one.hosted.outway.keeper.run())
            one.hosted.peer.contracts.learned.set()  # other connections may be declared now
        await self._close(before, kept=prepared)

    async def stop(self) -> None:
        """Keep no tokens any more."""
        keeping = tuple(self._keeping.values())
        self._keeping.clear()
        for task in keeping:
            task.cancel()
        await asyncio.gather(*keeping, return_exceptions=True)

    async def _close(self, outways: OpenOutways, *, kept: OpenOutways) -> None:
        for peer_id, one in outways.items():
            if kept.get(peer_id) is not one:
                await self._listeners.drop_relayed(one.site, one.listener)
