"""Which living Contracts each Peer has a part in, has not signed, or is awaited to accept: kept with every write."""

from collections.abc import Mapping
from types import MappingProxyType

from certs.identity import PeerId
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType
from gateway.state.contracts import ContractRecord


class PartyIndex:
    """Living Contracts by party, and those that are not accepted by all."""

    def __init__(self) -> None:
        self._shared: dict[PeerId, dict[ContentHash, None]] = {}
        self._unsigned: dict[PeerId, dict[ContentHash, None]] = {}
        self._awaited: dict[ContentHash, frozenset[PeerId]] = {}

    def add(self, record: ContractRecord) -> None:
        """Know a Contract that is not known yet."""
        for peer_id in record.content.peer_ids():
            self._shared.setdefault(peer_id, {})[record.content_hash] = None
        for peer_id in _silent(record):
            self._unsigned.setdefault(peer_id, {})[record.content_hash] = None
        missing = frozenset(one for one in record.awaited() if not record.may_be_unknown_to(one))
        if missing:
            self._awaited[record.content_hash] = missing

    def remove(self, record: ContractRecord) -> None:
        """Forget what `add` was told of this Contract."""
        self._awaited.pop(record.content_hash, None)
        for peer_id in record.content.peer_ids():
            _take_out(self._shared, peer_id, record.content_hash)
        for peer_id in _silent(record):
            _take_out(self._unsigned, peer_id, record.content_hash)

    def peers(self) -> list[PeerId]:
        """Every Peer with a part in one of them."""
        return list(self._shared)

    def shared_with(self, peer_id: PeerId) -> list[ContentHash]:
        """Those in which this Peer has a part, in the order they came."""
        return list(self._shared.get(peer_id, ()))

    def unsigned_by(self, peer_id: PeerId) -> list[ContentHash]:
        """Those that this Peer has a part in and has not signed in any way, in the order they came."""
        return list(self._unsigned.get(peer_id, ()))

    def awaiting(self) -> Mapping[ContentHash, frozenset[PeerId]]:
        """Those that miss the accept of a Peer that received them, and whose. Not a copy: the next write changes it."""
        return MappingProxyType(self._awaited)


def _silent(record: ContractRecord) -> frozenset[PeerId]:
    """The parties of which we hold no signature of any kind."""
    return record.content.peer_ids().difference(*(record.signers(kind) for kind in SignatureType))


def _take_out(index: dict[PeerId, dict[ContentHash, None]], peer_id: PeerId, content_hash: ContentHash) -> None:
    held = index[peer_id]
    del held[content_hash]
    if not held:
        del index[peer_id]
