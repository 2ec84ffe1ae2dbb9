"""The Contracts of one tenant that are not over, in memory: by content hash, by Grant, by whatever is asked often."""

from collections.abc import Iterable

from certs.identity import PeerId
from gateway.fsc.grants import Grant
from gateway.fsc.names import ContentHash
from gateway.fsc.state import ContractState
from gateway.state.connection_index import ConnectionIndex
from gateway.state.contracts import ContractRecord
from gateway.state.party_index import PartyIndex
from gateway.state.proposal_index import ProposalIndex
from gateway.state.publication_index import PublicationIndex
from gateway.state.subject_index import SubjectIndex


class ContractView:
    """Every Contract that is not over, by content hash and by Grant hash under every allowed profile."""

    def __init__(self) -> None:
        self._contracts: dict[ContentHash, ContractRecord] = {}
        self._by_grant: dict[str, ContractRecord] = {}
        self.connections = ConnectionIndex()
        self.parties = PartyIndex()
        self.proposals = ProposalIndex()
        self.publications = PublicationIndex()
        self.subjects = SubjectIndex()

    def put(self, record: ContractRecord, now: int) -> bool:
        """Know `record` from here on, or forget it when it is rejected, revoked or expired; tells which."""
        self._forget(record.content_hash)
        if record.state(now) not in (ContractState.PROPOSED, ContractState.VALID):
            return False
        self._contracts[record.content_hash] = record
        for grant_hash in record.all_grant_hashes:
            self._by_grant[grant_hash] = record
        self.connections.add(record)
        self.parties.add(record)
        self.proposals.add(record)
        self.publications.add(record)
        self.subjects.add(record)
        return True

    def drop_ended(self, before: int) -> list[ContentHash]:
        """Forget what ended before this instant; tells what that was."""
        ended = [one.content_hash for one in self._contracts.values() if one.content.not_after < before]
        for content_hash in ended:
            self._forget(content_hash)
        return ended

    def by_grant(self, grant_hash: str) -> ContractRecord | None:
        """The Contract that holds this Grant, when it is not over as far as we were told."""
        return self._by_grant.get(grant_hash)

    def get(self, content_hash: ContentHash) -> ContractRecord | None:
        """The Contract, when it is not over as far as we were told."""
        return self._contracts.get(content_hash)

    def valid(self, now: int) -> list[ContractRecord]:
        """Those valid at `now`, newest first."""
        valid = (one for one in self._contracts.values() if one.state(now) is ContractState.VALID)
        return sorted(valid, key=lambda one: (one.content.created_at, one.content_hash), reverse=True)

    def alive(self) -> list[ContractRecord]:
        """Every one of them: proposed or valid as far as we were told, in no order."""
        return list(self._contracts.values())

    def waiting_for(self, peer_id: PeerId) -> list[ContractRecord]:
        """Those that `peer_id` has not signed in any way."""
        return [self._contracts[one] for one in self.parties.unsigned_by(peer_id)]

    def concerning(self, grants: Iterable[Grant]) -> list[ContractRecord]:
        """Those made for a declaration, and those with a Grant about the same as one of these, in no order."""
        return [self._contracts[one] for one in self.subjects.concerning(grants)]

    def _forget(self, content_hash: ContentHash) -> None:
        known = self._contracts.pop(content_hash, None)
        if known is not None:
            for grant_hash in known.all_grant_hashes:
                self._by_grant.pop(grant_hash, None)
            self.connections.remove(known)
            self.parties.remove(known)
            self.proposals.remove(known)
            self.publications.remove(known)
            self.subjects.remove(known)
