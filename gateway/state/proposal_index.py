"""What each Peer has proposed and others have not agreed to yet: how many Contracts, and how large together.

All of it is kept in memory and looked at in every round of the upkeep, and it is the proposing Peer alone that decides
how much there is; what all parties accepted is there because we or a rule of ours said so.
"""

import json
from dataclasses import dataclass

from certs.identity import PeerId
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType
from gateway.state.contracts import ContractRecord


@dataclass(frozen=True, slots=True)
class Proposals:
    """How many Contracts, and how many bytes of content."""

    number: int = 0
    size_bytes: int = 0


_NONE = Proposals()


class ProposalIndex:
    """Living Contracts that miss an accept, by each Peer that did accept them."""

    def __init__(self) -> None:
        self._by_peer: dict[PeerId, Proposals] = {}
        self._sizes: dict[ContentHash, int] = {}

    def of(self, peer_id: PeerId) -> Proposals:
        """What this Peer has accepted and others have not."""
        return self._by_peer.get(peer_id, _NONE)

    def add(self, record: ContractRecord) -> None:
        """Know a Contract that is not known yet."""
        if record.awaited():
            size_bytes = self._sizes[record.content_hash] = size_of_content(record)
            self._change(record, 1, size_bytes)

    def remove(self, record: ContractRecord) -> None:
        """Forget what `add` was told of this Contract."""
        size_bytes = self._sizes.pop(record.content_hash, None)
        if size_bytes is not None:
            self._change(record, -1, -size_bytes)

    def _change(self, record: ContractRecord, number: int, size_bytes: int) -> None:
        for peer_id in record.signers(SignatureType.ACCEPT):
            known = self.of(peer_id)
            left = Proposals(known.number + number, known.size_bytes + size_bytes)
            if left == _NONE:
                del self._by_peer[peer_id]
            else:
                self._by_peer[peer_id] = left


def size_of_content(record: ContractRecord) -> int:
    """How many bytes the content of a Contract takes."""
    return len(json.dumps(record.parsed.raw))
