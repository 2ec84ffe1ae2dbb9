"""Which Contracts owe a delivery, and when: in memory, so that nobody reads the store to learn that nothing is due.

A Contract is here for as long as its document has deliveries, whatever became of the Contract itself.
"""

import heapq

from gateway.fsc.names import ContentHash
from gateway.state.contracts import ContractRecord


class Agenda:
    """The Contracts that owe something, the first to be looked at first. Units: instants are Unix seconds."""

    def __init__(self) -> None:
        self._owing: dict[ContentHash, ContractRecord] = {}
        self._times: list[tuple[int, ContentHash]] = []
        """A heap. What a later write made untrue stays in it until its time comes, and means nothing then."""

    def put(self, record: ContractRecord) -> None:
        """Know what `record` owes from here on, which may be nothing."""
        if not record.deliveries:
            self._owing.pop(record.content_hash, None)
            return
        known = self._owing.get(record.content_hash)
        self._owing[record.content_hash] = record
        if known is None or known.deliveries != record.deliveries:
            self._note_times(record)

    def put_back(self, content_hash: ContentHash) -> None:
        """Name a Contract again that `take_due` named: what it owed then, and still does, was not brought."""
        record = self._owing.get(content_hash)
        if record is not None:
            self._note_times(record)

    def take_due(self, now: int) -> list[ContractRecord]:
        """Those with a delivery due at `now`, each once; they are named again when they are put again."""
        due: dict[ContentHash, ContractRecord] = {}
        while self._times and self._times[0][0] <= now:
            at, content_hash = heapq.heappop(self._times)
            record = self._owing.get(content_hash)
            if record is not None and any(one.next_at == at for one in record.deliveries):
                due[content_hash] = record
        return list(due.values())

    def postponed_beyond(self, at: int) -> list[ContentHash]:
        """Those with a delivery that is due only after `at`."""
        return [one for one, record in self._owing.items() if any(owed.next_at > at for owed in record.deliveries)]

    def owed(self) -> tuple[int, int, int | None]:
        """How many deliveries, how many of them tried in vain, and when the oldest of their Contracts was made."""
        deliveries = [delivery for record in self._owing.values() for delivery in record.deliveries]
        oldest = min((record.content.created_at for record in self._owing.values()), default=None)
        return len(deliveries), sum(delivery.attempts > 0 for delivery in deliveries), oldest

    def next_at(self) -> int | None:
        """When to look again at the latest; None when nothing is owed. What is due already has been taken."""
        return self._times[0][0] if self._times else None

    def _note_times(self, record: ContractRecord) -> None:
        for at in {one.next_at for one in record.deliveries}:
            heapq.heappush(self._times, (at, record.content_hash))
