"""The other Peers that one tenant knows: who they are, where their Manager is, with which certificates they sign."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.identity import PeerId, PeerName
from certs.thumbprint import CertificateThumbprint
from gateway.fsc.names import ManagerAddress
from storage.documents import Collection, Documents, Query
from storage.errors import Conflict

PEERS = Collection("peers", fields=("name", "first_seen_at"))
PEER_CERTIFICATES = Collection("peer_certificates")
COLLECTIONS = (PEERS, PEER_CERTIFICATES)


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """Name and id as its certificate says, address as it told us (or the Directory did)."""

    peer_id: PeerId
    name: PeerName
    manager_address: ManagerAddress
    first_seen_at: int


class PeerBook:
    """Peers by id, durable. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def remember(self, peer_id: PeerId, name: PeerName, address: ManagerAddress, *, now: int) -> bool:
        """Keep what is known of a Peer; returns whether it was new or had changed."""
        while True:
            document = await self._documents.get(PEERS, peer_id)
            first_seen_at = now if document is None else document.body["first_seen_at"]
            body = {"name": name, "manager_address": address, "first_seen_at": first_seen_at}
            if document is not None and document.body == body:
                return False
            try:
                expected = None if document is None else document.revision
                await self._documents.put(PEERS, peer_id, body, expected=expected)
            except Conflict:
                continue
            return True

    async def get(self, peer_id: PeerId) -> KnownPeer | None:
        """The Peer, when we know it."""
        return (await self.get_many([peer_id])).get(peer_id)

    async def get_many(self, peer_ids: Iterable[PeerId]) -> Mapping[PeerId, KnownPeer]:
        """Those of the Peers that we know."""
        found = await self._documents.get_many(PEERS, list(peer_ids))
        return {PeerId(one.id): _known(PeerId(one.id), one.body) for one in found.values()}

    async def by_ids(self, peer_ids: Iterable[str]) -> list[KnownPeer]:
        """Those of the Peers that we know, in the order asked."""
        wanted = [PeerId(one) for one in dict.fromkeys(peer_ids)]
        found = await self.get_many(wanted)
        return [found[one] for one in wanted if one in found]

    async def page(self, query: Query) -> tuple[list[KnownPeer], str]:
        """One page and the cursor of the next ("" at the end). Raises: InvalidCursor."""
        page = await self._documents.find(PEERS, query)
        return [_known(PeerId(one.id), one.body) for one in page.documents], page.next_cursor

    async def certificate_chain(
        self, peer_id: PeerId, thumbprint: CertificateThumbprint
    ) -> tuple[x509.Certificate, ...] | None:
        """The chain, leaf first, that this Peer published under the thumbprint."""
        document = await self._documents.get(PEER_CERTIFICATES, f"{peer_id}:{thumbprint}")
        if document is None:
            return None
        return tuple(x509.load_pem_x509_certificates("".join(document.body["chain"]).encode()))

    async def remember_chain(
        self, peer_id: PeerId, thumbprint: CertificateThumbprint, chain: tuple[x509.Certificate, ...]
    ) -> None:
        """Keep a chain that was verified; what a thumbprint stands for never changes."""
        body = {"chain": [one.public_bytes(Encoding.PEM).decode() for one in chain]}
        try:
            await self._documents.put(PEER_CERTIFICATES, f"{peer_id}:{thumbprint}", body, expected=None)
        except Conflict:
            return


def _known(peer_id: PeerId, body: Mapping[str, object]) -> KnownPeer:
    return KnownPeer(
        peer_id,
        PeerName(str(body["name"])),
        ManagerAddress(str(body["manager_address"])),
        int(str(body["first_seen_at"])),
    )
