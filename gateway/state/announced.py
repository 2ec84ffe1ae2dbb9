"""Where we last told others that our Manager is, and which of the Peers that have to know have not heard it yet.

Durable, so that a change of address reaches every Peer we share a Contract with, whatever is restarted meanwhile.
"""

from collections.abc import Iterable

from certs.identity import PeerId
from gateway.fsc.names import ManagerAddress
from storage.documents import Collection, Documents
from storage.errors import Conflict

ANNOUNCED = Collection("announced")
COLLECTIONS = (ANNOUNCED,)

_ID = "manager_address"


class AnnouncedAddress:
    """One document for one tenant. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def change(self, address: ManagerAddress, contracted: Iterable[PeerId]) -> frozenset[PeerId]:
        """Our address is `address` from here on; returns who must still hear it.

        When it was another before, those are the `contracted`: the calls by which the Contracts were made told the old
        one. The very first address is known to all of them by those calls.
        """
        while True:
            document = await self._documents.get(ANNOUNCED, _ID)
            if document is not None and document.body["address"] == address:
                return frozenset(PeerId(one) for one in document.body["untold"])
            untold = frozenset(contracted) if document is not None else frozenset()
            body = {"address": address, "untold": sorted(untold)}
            try:
                expected = None if document is None else document.revision
                await self._documents.put(ANNOUNCED, _ID, body, expected=expected)
            except Conflict:
                continue
            return untold

    async def told(self, address: ManagerAddress, peer_id: PeerId) -> None:
        """This Peer need not hear `address` any more."""
        while True:
            document = await self._documents.get(ANNOUNCED, _ID)
            if document is None or document.body["address"] != address or peer_id not in document.body["untold"]:
                return
            untold = [one for one in document.body["untold"] if one != peer_id]
            try:
                await self._documents.put(
                    ANNOUNCED, _ID, {"address": address, "untold": untold}, expected=document.revision
                )
            except Conflict:
                continue
            return
