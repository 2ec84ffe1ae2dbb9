"""What to ask which other Peer about the Contracts we share, and when. Pure: `now` and chance are arguments.

Theory of operation. There are two reasons to ask. A Contract that misses the accept of a Peer is asked about ten
seconds after we first saw that, and then after ever longer pauses: the answer may have been lost on its way to us. And
every living Contract is looked over with each Peer in it a little after the start, whenever that Peer announces itself
and every few hours: a revoke, a reject or a renewed signature that never reached us shows in no other way. What one
question may be about is bounded, and it is smaller after each unusable answer, so that one beyond our limits comes down
to the one Contract that is too large. A Peer that does not answer is left alone for a while, whatever waits for it.
All of this is derived from the Contracts and kept in memory: a restart makes it again.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest

from certs.identity import PeerId
from gateway.fsc.names import ContentHash
from gateway.manager.delivery import next_delay_s

FIRST_S = 10
MAX_BATCH = 40
"""Contracts in one question: their Grant hashes are in the path, which many servers limit to 8 kB."""
REVIEW_EVERY_S = 6 * 3_600
REVIEW_AGAIN_S = 60
"""A Peer that keeps announcing itself does not make us look everything over more often than this."""


@dataclass(frozen=True, slots=True)
class Question:
    """About which Contracts to ask one Peer now. `reviewed` are those that are looked over for anything new."""

    peer_id: PeerId
    contracts: tuple[ContentHash, ...]
    reviewed: frozenset[ContentHash]


@dataclass(slots=True)
class _Turn:
    next_at: int
    attempts: int = 0


@dataclass(slots=True)
class _Subject:
    """One Peer: what is awaited of it, what of its Contracts is still to be looked over, how it answered lately."""

    review_at: int
    awaited: dict[ContentHash, _Turn] = field(default_factory=dict)
    review: list[ContentHash] = field(default_factory=list)
    reviewed_at: int = -REVIEW_AGAIN_S
    not_before: int = 0
    failures: int = 0
    batch: int = MAX_BATCH
    asked: Question | None = None

    def next_question(self, peer_id: PeerId, now: int) -> Question | None:
        """What is awaited and due, the longest first; what is left of the batch goes to the review."""
        awaited = nsmallest(
            self.batch,
            (one for one, turn in self.awaited.items() if turn.next_at <= now),
            key=lambda one: self.awaited[one].next_at,
        )
        contracts = tuple(dict.fromkeys((*awaited, *self.review[: self.batch])))[: self.batch]
        return Question(peer_id, contracts, frozenset(self.review).intersection(contracts)) if contracts else None


class Questions:
    """The schedule of one hosted Peer."""

    def __init__(self) -> None:
        self._subjects: dict[PeerId, _Subject] = {}

    def refresh(
        self, peers: Iterable[PeerId], awaiting: Mapping[ContentHash, Collection[PeerId]], *, now: int, chance: float
    ) -> None:
        """Know the Peers we share living Contracts with, and whose accept is missing; forget all others.

        `chance` in 0..1 spreads the first review of the Peers that are new, so that not all are asked at once.
        """
        known = self._subjects
        self._subjects = {
            peer_id: known.get(peer_id) or _Subject(review_at=now + FIRST_S + round(chance * FIRST_S))
            for peer_id in peers
        }
        wanted: dict[PeerId, dict[ContentHash, _Turn]] = {}
        for content_hash, missing in awaiting.items():
            for peer_id in missing:
                subject = self._subjects.get(peer_id)
                if subject is not None:
                    turn = subject.awaited.get(content_hash) or _Turn(now + FIRST_S)
                    wanted.setdefault(peer_id, {})[content_hash] = turn
        for peer_id, subject in self._subjects.items():
            subject.awaited = wanted.get(peer_id, {})

    def hasten(self, peer_id: PeerId, *, now: int) -> None:
        """That Peer is there: ask at once what is awaited of it, and look over what we share with it."""
        subject = self._subjects.get(peer_id)
        if subject is None:
            return
        subject.not_before = subject.failures = 0
        subject.review_at = min(subject.review_at, max(now, subject.reviewed_at + REVIEW_AGAIN_S))
        for turn in subject.awaited.values():
            turn.next_at = min(turn.next_at, now)

    def hasten_awaited(self, *, now: int) -> None:
        """Ask at once everything that is awaited of anybody who is not known to be away."""
        for subject in self._subjects.values():
            for turn in subject.awaited.values():
                turn.next_at = min(turn.next_at, now)

    def due(self, shared_with: Callable[[PeerId], Iterable[ContentHash]], *, now: int) -> list[Question]:
        """The questions to ask now, at most one for each Peer and none while one is open."""
        questions = []
        for peer_id, subject in self._subjects.items():
            if subject.asked is None and now >= subject.not_before:
                if now >= subject.review_at and not subject.review:
                    subject.review = list(shared_with(peer_id))
                    subject.reviewed_at, subject.review_at = now, now + REVIEW_EVERY_S
                subject.asked = subject.next_question(peer_id, now)
                if subject.asked is not None:
                    questions.append(subject.asked)
        return questions

    def answered(self, question: Question, *, now: int, jitter: float) -> None:
        """The Peer answered: what it did not tell of what is awaited is asked again after a longer pause."""
        subject = self._closed(question)
        if subject is None:
            return
        subject.failures, subject.batch = 0, min(MAX_BATCH, subject.batch * 2)
        subject.review = [one for one in subject.review if one not in question.reviewed]
        self._postpone(subject, question, now, jitter)

    def unanswered(self, question: Question, *, now: int, jitter: float) -> None:
        """The Peer is away: leave it alone for a while."""
        subject = self._closed(question)
        if subject is not None:
            self._leave_alone(subject, now, jitter)

    def unusable(self, question: Question, *, now: int, jitter: float) -> None:
        """The Peer answered with something that is of no use, too large perhaps: ask for less, after a while."""
        subject = self._closed(question)
        if subject is None:
            return
        self._leave_alone(subject, now, jitter)
        subject.batch = max(1, len(question.contracts) // 2)
        if len(question.contracts) == 1:  # what fails by itself makes place for the others
            subject.review = [one for one in subject.review if one not in question.reviewed]
            self._postpone(subject, question, now, jitter)

    @staticmethod
    def _leave_alone(subject: _Subject, now: int, jitter: float) -> None:
        subject.failures += 1
        subject.not_before = now + next_delay_s(subject.failures, jitter=jitter)

    def _closed(self, question: Question) -> _Subject | None:
        subject = self._subjects.get(question.peer_id)
        if subject is None or subject.asked is not question:
            return None
        subject.asked = None
        return subject

    @staticmethod
    def _postpone(subject: _Subject, question: Question, now: int, jitter: float) -> None:
        for content_hash in question.contracts:
            turn = subject.awaited.get(content_hash)
            if turn is not None:
                turn.attempts += 1
                turn.next_at = now + next_delay_s(turn.attempts, jitter=jitter)
