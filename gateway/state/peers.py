"""The other Peers that one tenant knows: who they are, where their Manager is, what they speak, with what they sign."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.identity import PeerId, PeerName
from certs.thumbprint import CertificateThumbprint
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import PeerVersion
from gateway.state.changes import Change, Tell, Topic, tell_nobody
from storage.documents import Collection, Document, Documents, Eq, JsonObject, Query, Range, Sort
from storage.errors import Conflict

PEERS = Collection("peers", fields=("name", "first_seen_at", "ask_at"))
PEER_CERTIFICATES = Collection("peer_certificates")
COLLECTIONS = (PEERS, PEER_CERTIFICATES)

_MAX_MET = 10_000
"""Peers that are kept in memory."""
_MAX_CHAINS = 1000
"""Chains of others that are kept in memory."""


@dataclass(frozen=True, slots=True)
class KnownPeer:
    """Name and id as its certificate says, address as it told us (or the Directory did), and what it speaks.

    `told_at` is when it last told its version, None when it never did.
    """

    peer_id: PeerId
    name: PeerName
    manager_address: ManagerAddress
    first_seen_at: int
    version: PeerVersion = field(default_factory=PeerVersion)
    told_at: int | None = None


class PeerBook:
    """Peers by id, durable. Every method raises StoreUnavailable when the store cannot serve."""

    def __init__(self, documents: Documents, tell: Tell = tell_nobody) -> None:
        """`tell` is told of each write, for other processes."""
        self._documents = documents
        self._tell = tell
        self._chains: dict[str, tuple[x509.Certificate, ...]] = {}
        self._met: dict[PeerId, Document] = {}
        """As last read or written here: every Contract that comes or goes asks for its Peers."""
        self._heard = 0
        """How often another process was heard: what was read or written meanwhile may be older than that."""

    async def remember(
        self,
        peer_id: PeerId,
        name: PeerName,
        address: ManagerAddress,
        *,
        now: int,
        hash_profile: HashProfile | None = None,
    ) -> bool:
        """Keep what is known of a Peer; `hash_profile` is that of a signature of its that was verified.

        Returns whether the Peer was new or had changed.
        """

        def learn(known: JsonObject | None) -> JsonObject:
            signed = {} if hash_profile is None else {"hash_profile": hash_profile}
            return {"first_seen_at": now, **(known or {}), "name": name, "manager_address": address, **signed}

        return await self._change(peer_id, learn)

    async def ask_version(self, peer_id: PeerId) -> None:
        """Let the Peer, when we know it, be asked for its version soon."""
        await self._change(peer_id, lambda known: None if known is None else {**known, "ask_at": None})

    async def told_version(self, peer_id: PeerId, fsc_version: str | None, *, now: int, ask_at: int) -> None:
        """Keep the version that a Peer told, or None when it could not be asked, and when to ask again."""

        def learn(known: JsonObject | None) -> JsonObject | None:
            if known is None:
                return None
            told = {} if fsc_version is None else {"fsc_version": fsc_version, "told_at": now}
            return {**known, **told, "ask_at": ask_at}

        await self._change(peer_id, learn)

    async def to_be_asked(self, now: int, *, limit: int) -> list[KnownPeer]:
        """Peers whose version is to be asked for now; those first that never told it or announced themselves."""
        fresh, _ = await self.page(Query(where=(Eq("ask_at", None),), limit=limit))
        if len(fresh) == limit:
            return fresh
        due = Query(where=(Range("ask_at", lte=now),), sort=Sort("ask_at"), limit=limit - len(fresh))
        return fresh + (await self.page(due))[0]

    async def get(self, peer_id: PeerId) -> KnownPeer | None:
        """The Peer, when we know it."""
        return (await self.get_many([peer_id])).get(peer_id)

    async def get_many(self, peer_ids: Iterable[PeerId]) -> Mapping[PeerId, KnownPeer]:
        """Those of the Peers that we know."""
        wanted = list(peer_ids)
        found = {one: self._met[one] for one in wanted if one in self._met}
        missing = [one for one in wanted if one not in found]
        if missing:
            heard = self._heard
            for document in (await self._documents.get_many(PEERS, missing)).values():
                peer_id = PeerId(document.id)
                if peer_id not in self._met:  # else it was written while this was read
                    self._meet(document, heard)
                found[peer_id] = self._met.get(peer_id, document)
        return {one: _known(one, found[one].body) for one in wanted if one in found}

    async def by_ids(self, peer_ids: Iterable[str]) -> list[KnownPeer]:
        """Those of the Peers that we know, in the order asked."""
        wanted = [PeerId(one) for one in dict.fromkeys(peer_ids)]
        found = await self.get_many(wanted)
        return [found[one] for one in wanted if one in found]

    def refresh(self, peer_id: str, revision: str = "") -> None:
        """Another process wrote about this Peer: read it afresh when next asked for, unless it is at `revision`."""
        known = self._met.get(PeerId(peer_id))
        if known is None or not revision or known.revision != revision:
            self._heard += 1
            self._met.pop(PeerId(peer_id), None)

    def catch_up(self) -> None:
        """Read everything afresh when next asked for: other processes may have written anything."""
        self._heard += 1
        self._met.clear()

    async def page(self, query: Query) -> tuple[list[KnownPeer], str]:
        """One page and the cursor of the next ("" at the end). Raises: InvalidCursor."""
        page = await self._documents.find(PEERS, query)
        return [_known(PeerId(one.id), one.body) for one in page.documents], page.next_cursor

    async def certificate_chain(
        self, peer_id: PeerId, thumbprint: CertificateThumbprint
    ) -> tuple[x509.Certificate, ...] | None:
        """The chain, leaf first, that this Peer published under the thumbprint."""
        key = f"{peer_id}:{thumbprint}"
        if key not in self._chains:
            document = await self._documents.get(PEER_CERTIFICATES, key)
            if document is None:
                return None
            chain = tuple(x509.load_pem_x509_certificates("".join(document.body["chain"]).encode()))
            # What a thumbprint stands for never changes, so it is read once; the oldest makes room.
            while len(self._chains) >= _MAX_CHAINS:
                del self._chains[next(iter(self._chains))]
            self._chains[key] = chain
        return self._chains[key]

    async def remember_chain(
        self, peer_id: PeerId, thumbprint: CertificateThumbprint, chain: tuple[x509.Certificate, ...]
    ) -> None:
        """Keep a chain that was verified; what a thumbprint stands for never changes."""
        body = {"chain": [one.public_bytes(Encoding.PEM).decode() for one in chain]}
        try:
            await self._documents.put(PEER_CERTIFICATES, f"{peer_id}:{thumbprint}", body, expected=None)
        except Conflict:
            return

    async def _change(self, peer_id: PeerId, change: Callable[[JsonObject | None], JsonObject | None]) -> bool:
        """Store what `change` makes of what is known now, None for nothing; returns whether that is different."""
        document = self._met.get(peer_id)
        while True:
            document = document or await self._documents.get(PEERS, peer_id)
            before = None if document is None else document.body
            after = change(before)
            if after is None or after == before:
                return False
            heard = self._heard
            try:
                expected = None if document is None else document.revision
                written = await self._documents.put(PEERS, peer_id, after, expected=expected)
            except Conflict:
                document = None
                continue
            self._meet(written, heard)
            self._tell(Change(Topic.PEER, peer_id, written.revision))
            return True

    def _meet(self, document: Document, heard: int) -> None:
        """Keep what was read or written since `_heard` was `heard`, unless it may be older than what was told since."""
        if heard != self._heard:
            self._met.pop(PeerId(document.id), None)
            return
        while len(self._met) >= _MAX_MET:
            del self._met[next(iter(self._met))]
        self._met[PeerId(document.id)] = document


def _known(peer_id: PeerId, body: Mapping[str, object]) -> KnownPeer:
    profile, told_at = body.get("hash_profile"), body.get("told_at")
    return KnownPeer(
        peer_id,
        PeerName(str(body["name"])),
        ManagerAddress(str(body["manager_address"])),
        int(str(body["first_seen_at"])),
        PeerVersion(None if profile is None else HashProfile(str(profile)), str(body.get("fsc_version", ""))),
        None if told_at is None else int(str(told_at)),
    )
