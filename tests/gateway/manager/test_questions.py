"""What is asked of whom, and when: only the schedule, with time as a number."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.names import ContentHash
from gateway.manager.questions import FIRST_S, MAX_BATCH, REVIEW_AGAIN_S, REVIEW_EVERY_S, Question, Questions
from tests.gateway.harness import FOREIGN, OTHER

NOW = 1_000_000
C = [ContentHash(f"$1$1${number}") for number in range(200)]


class Schedule:
    """A schedule over Contracts that the test names: `awaited` and `shared` of one Peer."""

    def __init__(self, *, awaited: Iterable[ContentHash] = (), shared: Iterable[ContentHash] = ()) -> None:
        self.questions = Questions()
        self.awaited, self.shared = list(awaited), list(shared)
        self.peers = [FOREIGN]

    def due(self, now: int) -> list[Question]:
        awaiting = dict.fromkeys(self.awaited, frozenset({FOREIGN}))
        self.questions.refresh(self.peers, awaiting, now=now, chance=0.0)
        return self.questions.due(lambda peer_id: self.shared if peer_id == FOREIGN else [], now=now)

    def answer(self, now: int) -> list[Question]:
        """Everything that is due, answered."""
        asked = self.due(now)
        for one in asked:
            self.questions.answered(one, now=now, jitter=1.0)
        return asked

    def asked_at(self, seconds: Iterable[int]) -> list[int]:
        """When of these seconds something was asked, when all is answered at once."""
        return [at for at in seconds if self.answer(NOW + at)]


def asked(questions: list[Question]) -> list[ContentHash]:
    return [content_hash for one in questions for content_hash in one.contracts]


def test_what_is_awaited_is_asked_after_ten_seconds_and_then_ever_less_often() -> None:
    schedule = Schedule(awaited=C[:1])
    assert FIRST_S == 10
    assert schedule.asked_at(range(300)) == [10, 11, 13, 17, 25, 41, 73, 133, 193, 253]


def test_what_came_in_or_ended_is_asked_no_more() -> None:
    schedule = Schedule(awaited=C[:2])
    assert asked(schedule.answer(NOW)) == []
    schedule.awaited = C[:1]
    assert asked(schedule.answer(NOW + 10)) == C[:1]
    schedule.awaited, schedule.peers = [], []
    assert schedule.asked_at(range(11, 100)) == []


def test_a_peer_that_is_there_again_is_asked_at_once() -> None:
    schedule = Schedule(awaited=C[:1])
    schedule.due(NOW)
    schedule.questions.hasten(FOREIGN, now=NOW)
    assert asked(schedule.due(NOW)) == C[:1]


def test_a_stranger_that_announces_itself_is_asked_nothing() -> None:
    schedule = Schedule(awaited=C[:1])
    schedule.due(NOW)
    schedule.questions.hasten(OTHER, now=NOW)
    assert schedule.due(NOW) == []


def test_a_reload_asks_what_is_awaited_but_looks_nothing_over() -> None:
    schedule = Schedule(awaited=C[:1], shared=C[:2])
    schedule.due(NOW)
    schedule.questions.hasten_awaited(now=NOW)
    (question,) = schedule.due(NOW)
    assert (question.contracts, question.reviewed) == ((C[0],), frozenset())


def test_everything_is_looked_over_at_the_start_on_announce_and_every_few_hours() -> None:
    schedule = Schedule(shared=C[:2])
    assert schedule.asked_at(range(0, REVIEW_EVERY_S, 5)) == [10]
    schedule.questions.hasten(FOREIGN, now=NOW + 100)
    (question,) = schedule.answer(NOW + 100)
    assert question == Question(FOREIGN, tuple(C[:2]), frozenset(C[:2]))
    assert schedule.asked_at([101, 100 + REVIEW_EVERY_S - 1, 100 + REVIEW_EVERY_S]) == [100 + REVIEW_EVERY_S]


def test_a_peer_that_keeps_announcing_itself_does_not_keep_us_busy() -> None:
    schedule = Schedule(shared=C[:2])
    schedule.due(NOW)
    times = []
    for second in range(3 * REVIEW_AGAIN_S):
        schedule.questions.hasten(FOREIGN, now=NOW + second)
        times += schedule.asked_at([second])
    assert times == [0, REVIEW_AGAIN_S, 2 * REVIEW_AGAIN_S]


def test_a_review_takes_as_many_questions_as_it_needs_and_what_is_awaited_goes_first() -> None:
    schedule = Schedule(awaited=C[150:152], shared=C[: 2 * MAX_BATCH + 5])
    schedule.due(NOW)
    questions = [one for _ in range(5) for one in schedule.answer(NOW + 10)]
    assert [len(one.contracts) for one in questions] == [MAX_BATCH, MAX_BATCH, 7]
    assert questions[0].contracts[:2] == tuple(C[150:152])
    assert sorted(asked(questions)) == sorted([*C[150:152], *C[: 2 * MAX_BATCH + 5]])


def test_one_peer_has_one_question_at_a_time() -> None:
    schedule = Schedule(awaited=C[:1], shared=C[:1])
    schedule.due(NOW)
    assert len(schedule.due(NOW + 10)) == 1
    assert schedule.due(NOW + 100) == []


def test_a_peer_that_is_away_is_left_alone_and_loses_nothing() -> None:
    schedule = Schedule(awaited=C[:3], shared=C[:3])
    schedule.due(NOW)
    tried = []
    for second in range(200):
        for one in schedule.due(NOW + second):
            assert one.contracts == tuple(C[:3])
            tried.append(second)
            schedule.questions.unanswered(one, now=NOW + second, jitter=1.0)
    assert tried == [10, 11, 13, 17, 25, 41, 73, 133, 193]
    schedule.questions.hasten(FOREIGN, now=NOW + 200)
    (question,) = schedule.answer(NOW + 200)
    assert question.reviewed == frozenset(C[:3])


def test_the_one_contract_that_cannot_be_answered_holds_up_no_other() -> None:
    poison = C[17]
    schedule = Schedule(awaited=C[:MAX_BATCH])
    schedule.due(NOW)
    learned: set[ContentHash] = set()
    for second in range(10, 1000):
        for one in schedule.due(NOW + second):
            if poison in one.contracts:
                schedule.questions.unusable(one, now=NOW + second, jitter=1.0)
                continue
            schedule.questions.answered(one, now=NOW + second, jitter=1.0)
            learned |= set(one.contracts)
            schedule.awaited = [left for left in schedule.awaited if left not in learned]
    assert learned == set(C[:MAX_BATCH]) - {poison}


def test_an_answer_to_what_is_forgotten_changes_nothing() -> None:
    schedule = Schedule(awaited=C[:1])
    schedule.due(NOW)
    (question,) = schedule.due(NOW + 10)
    schedule.peers = []
    schedule.due(NOW + 11)
    schedule.peers = [FOREIGN]
    schedule.due(NOW + 12)
    for close in (schedule.questions.answered, schedule.questions.unanswered, schedule.questions.unusable):
        close(question, now=NOW + 12, jitter=1.0)
    assert asked(schedule.due(NOW + 22)) == C[:1]


@given(st.lists(st.tuples(st.integers(0, 30), st.sampled_from("aufhr")), max_size=60), st.integers(0, 100))
def test_a_question_is_bounded_and_nothing_that_is_awaited_is_ever_given_up(
    events: list[tuple[int, str]], awaited: int
) -> None:
    schedule, now = Schedule(awaited=C[:awaited], shared=C[50:150]), NOW
    for pause, event in events:
        now += pause
        for one in schedule.due(now):
            assert 0 < len(one.contracts) <= MAX_BATCH
            assert one.reviewed <= set(one.contracts)
            assert len(set(one.contracts)) == len(one.contracts)
            closing = {"u": schedule.questions.unanswered, "f": schedule.questions.unusable}
            closing.get(event, schedule.questions.answered)(one, now=now, jitter=0.5)
        if event == "h":
            schedule.questions.hasten(PeerId(FOREIGN), now=now)
        if event == "r":
            schedule.questions.hasten_awaited(now=now)
    seen: set[ContentHash] = set()
    for second in range(400):
        seen |= set(asked(schedule.answer(now + 61 + second)))
    assert seen >= set(C[:awaited])
