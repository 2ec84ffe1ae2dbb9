"""Questions and answers: each is under way once, and no answer outlives its time."""

from clock import FixedClock
from config.settings import PdpSettings
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType
from gateway.state.policy import RECONSIDER_S, PolicyAnswer, PolicyAnswers, PolicyQuestion, Ruling

PDP = PdpSettings.model_validate({"url": "http://127.0.0.1:9/evaluation"})
PERMIT = PolicyAnswer(Ruling.PERMIT)


def question(number: int = 0) -> PolicyQuestion:
    return PolicyQuestion(ContentHash(f"$1$1${number}"), PDP, SignatureType.ACCEPT)


def answers() -> tuple[PolicyAnswers, FixedClock]:
    clock = FixedClock(1_800_000_000)
    return PolicyAnswers(clock.now), clock


def test_a_question_waits_once_and_is_under_way_once() -> None:
    policy, _ = answers()
    for _ in range(3):
        policy.ask(question())
    assert policy.asked.is_set()
    assert policy.take() == [question()]
    assert not policy.asked.is_set()
    policy.ask(question())
    assert policy.take() == []
    policy.settle(question(), None)
    policy.ask(question())
    assert policy.take() == [question()]


def test_an_answer_holds_for_a_while() -> None:
    policy, clock = answers()
    assert policy.to(question()) is None
    policy.settle(question(), PERMIT)
    clock.advance(RECONSIDER_S - 1)
    assert policy.to(question()) == PERMIT
    assert policy.to(question(1)) is None
    clock.advance(1)
    assert policy.to(question()) is None


def test_an_answer_from_the_future_does_not_hold() -> None:
    policy, clock = answers()
    policy.settle(question(), PERMIT)
    clock.advance(-1)
    assert policy.to(question()) is None
    policy.settle(question(1), PERMIT)
    assert len(policy._answers) == 1


def test_a_new_answer_replaces_the_old_one_and_none_removes_it() -> None:
    policy, _ = answers()
    policy.settle(question(), PERMIT)
    policy.settle(question(), PolicyAnswer(Ruling.DENY))
    assert policy.to(question()) == PolicyAnswer(Ruling.DENY)
    policy.settle(question(), None)
    assert policy.to(question()) is None


def test_answers_that_are_too_old_take_no_memory() -> None:
    policy, clock = answers()
    for number in range(10):
        policy.settle(question(number), PERMIT)
    clock.advance(RECONSIDER_S - 1)
    policy.settle(question(0), PERMIT)
    clock.advance(1)
    policy.settle(question(20), PERMIT)
    assert set(policy._answers) == {question(0), question(20)}
