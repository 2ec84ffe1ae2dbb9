"""What policy decision points said about Contracts that wait for us, and what they are still to be asked.

In memory only: what is forgotten is asked again, because a Contract without our signature is looked at in every round
of the upkeep. A yes or a no holds for RECONSIDER_S; the want of an answer is kept only to be shown.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from config.settings import PdpSettings
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType

RECONSIDER_S = 300
"""After this a policy decision point is asked anew about a Contract that still waits."""


@dataclass(frozen=True, slots=True)
class PolicyQuestion:
    """May this Contract be signed so? Rules that ask the same of the same policy decision point share the answer."""

    content_hash: ContentHash
    pdp: PdpSettings
    signature: SignatureType


class Ruling(StrEnum):
    """What came back."""

    PERMIT = "permit"
    DENY = "deny"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class PolicyAnswer:
    """A ruling, and the reason that came with it or why there is none; printable."""

    ruling: Ruling
    reason: str = ""


AnswerTo: TypeAlias = Callable[[PolicyQuestion], PolicyAnswer | None]
"""What is known of a question; None: nothing."""


class PolicyAnswers:
    """The questions and answers of one hosted Peer."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._answers: dict[PolicyQuestion, tuple[PolicyAnswer, int]] = {}
        self._waiting: dict[PolicyQuestion, None] = {}
        self._under_way: set[PolicyQuestion] = set()
        self.asked = asyncio.Event()
        """Set whenever a question waits: who brings them waits for it."""

    def to(self, question: PolicyQuestion) -> PolicyAnswer | None:
        """The last answer, when it is not too old, nor from the future: a clock may go back."""
        answer, given_at = self._answers.get(question, (None, 0))
        return answer if 0 <= self._now() - given_at < RECONSIDER_S else None

    def ask(self, question: PolicyQuestion) -> None:
        """Have it asked, unless it is under way already."""
        if question not in self._under_way:
            self._waiting[question] = None
            self.asked.set()

    def take(self) -> list[PolicyQuestion]:
        """The questions that wait; from here on they are under way."""
        taken = list(self._waiting)
        self._waiting.clear()
        self._under_way.update(taken)
        self.asked.clear()
        return taken

    def settle(self, question: PolicyQuestion, answer: PolicyAnswer | None) -> None:
        """It is no longer under way; None: it was never answered, nor will be."""
        self._under_way.discard(question)
        self._answers.pop(question, None)
        now = self._now()
        # In the order in which they were given: the oldest are first.
        while self._answers and not 0 <= now - next(iter(self._answers.values()))[1] < RECONSIDER_S:
            del self._answers[next(iter(self._answers))]
        if answer is not None:
            self._answers[question] = (answer, now)
