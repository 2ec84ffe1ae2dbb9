"""Our Peer and a foreign one at the same table: where most tests of the Manager begin."""

from dataclasses import dataclass

from certs.identity import PeerId
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.local_peer import LocalPeer
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    FOREIGN,
    PROVIDER,
    Federation,
    ForeignPeer,
    connection,
    content_hash_of,
    make_content,
)

ALL_GRANTS = (
    "service_connection",
    "delegated_service_connection",
    "service_publication",
    "delegated_service_publication",
)


@dataclass
class Scene:
    """Our Peer, a foreign one, and the Contract between them."""

    group: Federation
    hosted: HostedPeer
    foreign: ForeignPeer

    @property
    def peer(self) -> LocalPeer:
        return self.hosted.peer

    def content(self, *grants: Grant, **changes: object) -> JsonObject:
        return make_content(*(grants or (self.connection(),)), now=self.group.clock.now(), **changes)  # type: ignore[arg-type]

    def connection(self) -> Grant:
        return connection(self.foreign.pair, FOREIGN, PROVIDER)

    async def state(self, content: JsonObject) -> ContractState | None:
        record = await self.peer.contracts.get(content_hash_of(content))
        return None if record is None else record.state(self.group.clock.now())

    async def signers(self, content: JsonObject, kind: SignatureType) -> set[PeerId]:
        record = await self.peer.contracts.get(content_hash_of(content))
        assert record is not None
        return set(record.signers(kind))
