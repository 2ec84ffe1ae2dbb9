"""Desired state: every decision as a table, and that deciding and doing always comes to rest."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import compute_all
from gateway.fsc.names import ContentHash
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.manager.desired import (
    OFFERING,
    OVERLAP_S,
    RENEW_AT_MOST_S,
    Action,
    Decision,
    Holdings,
    decide_all,
    is_refusal_to_forget,
    near_end,
    reconsider,
)
from gateway.state.contracts import ContractRecord
from gateway.state.declared import Wanted
from tests.gateway.harness import CONSUMER, DAY_S, DIRECTORY, PROVIDER, connection, key_pair, make_content, publication

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
LABEL = "connection brp"
GRANT = connection(PAIR, CONSUMER, PROVIDER)
CHANGED = GRANT.model_copy(update={"properties": {"a": 1}})
WANTED = Wanted(LABEL, GRANT, 30 * DAY_S)
BOTH = (CONSUMER, PROVIDER)


def record_of(
    *grants: Grant,
    accepted: Iterable[PeerId] = (CONSUMER,),
    ended: tuple[SignatureType, PeerId] | None = None,
    made_for: str = LABEL,
    withdrawn: bool = False,
    **changes: Any,
) -> ContractRecord:
    """A Contract that we made for the declaration and accepted, unless said otherwise."""
    parsed = parse_contract_content(make_content(*(grants or (GRANT,)), now=NOW, **changes))
    record = ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), made_for=made_for, withdrawn=withdrawn)
    for peer_id in accepted:
        record = record.with_signature(SignatureType.ACCEPT, peer_id, "a.b.c")
    return record if ended is None else record.with_signature(*ended, "a.b.c")


def valid(*grants: Grant, **changes: Any) -> ContractRecord:
    return record_of(*grants, accepted=BOTH, **changes)


def decide(
    *records: ContractRecord,
    wanted: Iterable[Wanted] = (WANTED,),
    now: int = NOW,
    known_for_s: int = OVERLAP_S,
) -> list[Decision]:
    """What is decided when all that is valid was known to be so for `known_for_s`."""
    since = {one.content_hash: now - known_for_s for one in records}
    alive = [one for one in records if one.state(now) in (ContractState.PROPOSED, ContractState.VALID)]
    decisions = decide_all(wanted, Holdings(CONSUMER, alive, since, now))
    return [reconsider(one, [r for r in records if r.made_for == one.label], now) for one in decisions]


def only(*records: ContractRecord, **more: Any) -> Decision:
    [decision] = decide(*records, **more)
    return decision


def hashes(records: Iterable[ContractRecord]) -> set[ContentHash]:
    return {one.content_hash for one in records}


# -- one valid Contract


@pytest.mark.parametrize(
    "grant",
    [
        None,
        connection(PAIR, CONSUMER, PROVIDER, service="kvk"),
        connection(key_pair(CONSUMER), CONSUMER, PROVIDER),
        connection(PAIR, CONSUMER, PROVIDER, delegator=DIRECTORY),
        publication(DIRECTORY, CONSUMER),
        CHANGED,
    ],
    ids=["nothing", "other service", "other key", "delegated", "publication", "other properties"],
)
def test_what_is_not_there_is_offered(grant: Grant | None) -> None:
    records = () if grant is None else (record_of(grant, made_for=""),)
    decision = only(*records)
    assert (decision.action, decision.contract, decision.settled) == (Action.OFFER, None, False)
    assert (decision.ended, decision.outgoing, decision.duplicates) == ((), (), ())


def test_what_is_proposed_is_waited_for() -> None:
    proposed = record_of()
    decision = only(proposed)
    assert (decision.action, decision.contract) == (Action.KEEP, proposed)
    assert not decision.settled
    assert not decision.hurries


def test_what_is_valid_is_kept_and_settled() -> None:
    kept = valid()
    decision = only(kept)
    assert (decision.action, decision.contract, decision.settled) == (Action.KEEP, kept, True)


@pytest.mark.parametrize("kind", [SignatureType.REJECT, SignatureType.REVOKE])
@pytest.mark.parametrize("by", BOTH)
def test_a_no_is_not_asked_again(kind: SignatureType, by: PeerId) -> None:
    refused = record_of(ended=(kind, by))
    for now in (NOW, NOW + 400 * DAY_S):
        decision = only(refused, now=now)
        assert (decision.action, decision.contract, decision.settled) == (Action.REFUSED, refused, False)


def test_what_we_withdrew_ourselves_is_no_answer() -> None:
    assert only(record_of(ended=(SignatureType.REVOKE, CONSUMER), withdrawn=True)).action is Action.OFFER


def test_a_rejection_of_another_duration_is_another_question_and_a_revocation_is_not() -> None:
    longer = replace(WANTED, valid_s=60 * DAY_S)
    assert only(record_of(ended=(SignatureType.REJECT, PROVIDER)), wanted=[longer]).action is Action.OFFER
    assert only(record_of(ended=(SignatureType.REVOKE, PROVIDER)), wanted=[longer]).action is Action.REFUSED


def test_what_was_made_without_our_hearing_of_it_is_not_made_again() -> None:
    (blind,) = decide_all((WANTED,), Holdings(CONSUMER, (), {}, NOW))
    assert blind.action is Action.OFFER
    for made in (record_of(), valid()):
        seeing = reconsider(blind, [made], NOW)
        assert (seeing.action, seeing.contract) == (Action.KEEP, made)
    for made in (record_of(withdrawn=True), valid(CHANGED), valid(valid_s=120)):
        assert reconsider(blind, [made], NOW + 50) == blind


def test_the_newest_answer_counts() -> None:
    older = record_of(created_at=NOW - 1000, ended=(SignatureType.REVOKE, PROVIDER))
    newer = record_of(created_at=NOW - 500)
    assert only(older, newer).action is Action.KEEP
    assert only(newer.with_signature(SignatureType.REJECT, PROVIDER, "a.b.c"), older).action is Action.REFUSED
    assert only(older, record_of(valid_s=61), now=NOW + 1).action is Action.OFFER  # the newest was never answered


def test_a_no_to_a_second_one_does_not_end_what_is_valid() -> None:
    kept = valid(created_at=NOW - 1000)
    assert only(kept, record_of(ended=(SignatureType.REJECT, PROVIDER))).settled


# -- renewing


@pytest.mark.parametrize(("valid_days", "lead_days"), [(1, 0.25), (8, 2), (120, 30), (365, 30), (3650, 30)])
def test_renewal_begins_when_a_quarter_and_at_most_thirty_days_remain(valid_days: int, lead_days: float) -> None:
    for record in (valid(valid_s=valid_days * DAY_S), record_of(valid_s=valid_days * DAY_S)):
        begins = record.content.not_after - int(lead_days * DAY_S)
        assert only(record, now=begins - 1).action is Action.KEEP
        decision = only(record, now=begins)
        assert (decision.action, decision.contract, decision.ended) == (Action.RENEW, record, ())
        assert decision.in_use is (record.state(begins) is ContractState.VALID)


@given(st.integers(DAY_S, 5000 * DAY_S), st.integers(0, 5000 * DAY_S))
def test_the_end_is_near_in_the_last_quarter_and_never_at_the_beginning(valid_s: int, age_s: int) -> None:
    record = record_of(valid_s=valid_s)
    left_s = record.content.not_after - (NOW + age_s)
    assert near_end(record, NOW + age_s) is (left_s <= min(RENEW_AT_MOST_S, valid_s // 4))


def test_what_is_about_to_end_runs_out_beside_its_successor() -> None:
    late = NOW + 25 * DAY_S
    old, successor = valid(), valid(valid_s=60 * DAY_S, created_at=NOW)
    decision = only(old, successor, now=late)
    assert (decision.action, decision.contract, decision.settled) == (Action.KEEP, successor, True)
    assert (decision.ended, decision.outgoing, decision.duplicates) == ((), (), ())
    waiting = only(old, record_of(valid_s=60 * DAY_S, created_at=NOW), now=late)
    assert (waiting.action, waiting.in_use, waiting.settled) == (Action.KEEP, True, True)


def test_a_successor_that_is_refused_is_shown_while_the_old_one_serves() -> None:
    old = valid()
    no = record_of(created_at=NOW, ended=(SignatureType.REJECT, PROVIDER))
    decision = only(old, no, now=NOW + 25 * DAY_S)
    assert (decision.action, decision.contract, decision.in_use) == (Action.REFUSED, no, True)


# -- replacing


def test_a_changed_declaration_is_offered_while_the_old_contract_serves() -> None:
    old = valid(CHANGED)
    decision = only(old)
    assert (decision.action, decision.contract, decision.outgoing, decision.ended) == (
        Action.REPLACE,
        old,
        (old,),
        (),
    )


@pytest.mark.parametrize(("known_for_s", "ends"), [(0, False), (OVERLAP_S - 1, False), (OVERLAP_S, True)])
def test_the_old_contract_is_revoked_once_the_new_one_was_valid_for_a_while(known_for_s: int, ends: bool) -> None:
    old, new = valid(CHANGED), valid()
    decision = only(old, new, known_for_s=known_for_s)
    assert (decision.action, decision.contract) == (Action.KEEP, new)
    assert (decision.ended, decision.outgoing) == (((old,), ()) if ends else ((), (old,)))
    assert decision.hurries is not ends
    assert not decision.settled


def test_the_old_contract_stays_while_the_new_one_is_proposed_or_refused() -> None:
    old = valid(CHANGED)
    for new in (record_of(), record_of(ended=(SignatureType.REJECT, PROVIDER))):
        decision = only(old, new)
        assert (decision.ended, decision.outgoing) == ((), (old,))
        assert not decision.hurries


def test_what_was_never_valid_is_withdrawn_at_once() -> None:
    old = record_of(CHANGED)
    assert only(old).ended == (old,)
    assert only(old).action is Action.REPLACE


def test_a_declaration_that_is_changed_back_keeps_the_old_contract() -> None:
    old, tried = valid(), record_of(CHANGED)
    decision = only(old, tried)
    assert (decision.action, decision.contract, decision.ended) == (Action.KEEP, old, (tried,))


def test_of_several_the_newest_valid_one_is_kept_and_older_ones_are_revoked() -> None:
    oldest = record_of(created_at=NOW - 300)
    older, newer, proposed = valid(created_at=NOW - 200), valid(created_at=NOW - 100), record_of(created_at=NOW - 50)
    decision = only(oldest, older, newer, proposed)
    assert decision.contract is newer
    assert hashes(decision.ended) == hashes([oldest, older])
    fresh = only(older, newer, known_for_s=0)
    assert (fresh.ended, fresh.outgoing) == ((), (older,))


def test_within_one_second_the_one_that_was_made_last_is_the_newest() -> None:
    pairs = ((valid(iv=_iv(1)), valid(iv=_iv(2), not_after=NOW + end_s)) for end_s in range(DAY_S * 365, DAY_S * 366))
    first, last = next((one, two) for one, two in pairs if one.content_hash > two.content_hash)
    assert first.content.created_at == last.content.created_at
    for known in ((first, last), (last, first)):
        decision = only(*known)
        assert (decision.contract, decision.ended) == (last, (first,))


def _iv(milliseconds: int) -> str:
    return str(make_uuid7(NOW * 1000 + milliseconds, bytes(RANDOM_BYTES)))


def test_a_second_proposal_takes_the_place_of_the_first() -> None:
    first, second = record_of(created_at=NOW - 200), record_of(created_at=NOW - 100)
    decision = only(first, second)
    assert (decision.contract, decision.ended) == (second, (first,))


def test_a_withdrawal_that_was_cut_off_is_finished() -> None:
    half = valid(withdrawn=True)
    decision = only(half)
    assert (decision.action, decision.ended) == (Action.OFFER, (half,))


# -- declarations that come and go


def test_what_is_not_declared_any_more_is_revoked() -> None:
    agreed, proposed, other = valid(), record_of(CHANGED), valid(made_for="")
    [decision] = decide(agreed, proposed, other, wanted=())
    assert (decision.action, decision.label, decision.wanted) == (Action.REVOKE, LABEL, None)
    assert hashes(decision.ended) == hashes([agreed, proposed])


def test_a_declaration_with_a_new_name_takes_its_contract_along() -> None:
    record = valid()
    renamed = replace(WANTED, label="connection basis")
    [decision] = decide(record, wanted=[renamed])
    assert (decision.action, decision.label, decision.contract) == (Action.ADOPT, renamed.label, record)


@pytest.mark.parametrize(
    ("record", "forgotten"),
    [
        (record_of(ended=(SignatureType.REJECT, PROVIDER)), True),
        (valid(ended=(SignatureType.REVOKE, PROVIDER)), True),
        (record_of(), False),
        (valid(), False),
        (record_of(ended=(SignatureType.REVOKE, CONSUMER), withdrawn=True), False),
    ],
)
def test_answers_to_a_declaration_that_is_gone_are_forgotten(record: ContractRecord, forgotten: bool) -> None:
    assert is_refusal_to_forget(record, frozenset(), NOW) is forgotten
    assert not is_refusal_to_forget(record, frozenset({LABEL}), NOW)


# -- what others made


@pytest.mark.parametrize("record", [valid(made_for=""), record_of(made_for="")], ids=["valid", "proposed"])
def test_what_somebody_else_made_and_we_accepted_is_adopted(record: ContractRecord) -> None:
    decision = only(record)
    assert (decision.action, decision.contract) == (Action.ADOPT, record)


def test_what_waits_for_our_signature_is_for_the_accept_rules() -> None:
    assert only(record_of(accepted=(PROVIDER,), made_for="")).action is Action.OFFER


def test_nothing_is_adopted_that_is_about_to_end_or_is_of_another_declaration() -> None:
    assert only(valid(made_for=""), now=NOW + 25 * DAY_S).action is Action.OFFER
    other = replace(WANTED, label="connection other")
    taken = valid(made_for=other.label)
    decisions = {one.label: one for one in decide(taken, wanted=[WANTED, other])}
    assert decisions[LABEL].action is Action.OFFER
    assert decisions[other.label].contract is taken


def test_one_contract_is_adopted_by_one_declaration() -> None:
    record = valid(made_for="")
    actions = [one.action for one in decide(record, wanted=[WANTED, replace(WANTED, label="connection other")])]
    assert actions == [Action.ADOPT, Action.OFFER]


def test_a_contract_with_more_grants_serves_while_it_is_valid_and_is_never_ours_to_end() -> None:
    together = valid(connection(PAIR, CONSUMER, PROVIDER, service="kvk"), GRANT, made_for="")
    decision = only(together)
    assert (decision.action, decision.contract, decision.settled) == (Action.KEEP, together, True)
    assert only(together, now=NOW + 25 * DAY_S).action is Action.OFFER
    assert decide(together, wanted=()) == []


def test_a_duplicate_that_is_not_ours_is_shown_and_not_revoked() -> None:
    ours, theirs = valid(), valid(made_for="", created_at=NOW - 10)
    together = valid(connection(PAIR, CONSUMER, PROVIDER, service="kvk"), GRANT, made_for="")
    decision = only(ours, theirs, together)
    assert (decision.contract, decision.ended, decision.outgoing) == (ours, (), ())
    assert hashes(decision.duplicates) == hashes([theirs, together])


# -- coming to rest


@dataclass
class World:
    """What we hold and declare; `do` is what `convergence` does, without a store."""

    now: int = NOW
    records: dict[ContentHash, ContractRecord] = field(default_factory=dict)
    wanted: list[Wanted] = field(default_factory=list)
    since: dict[ContentHash, int] = field(default_factory=dict)

    def decide(self, *, reverse: bool = False) -> list[Decision]:
        alive = [one for one in self.records.values() if self.alive(one)]
        wanted = self.wanted[::-1] if reverse else self.wanted
        decided = decide_all(wanted, Holdings(CONSUMER, alive[::-1] if reverse else alive, self.since, self.now))
        made = self.records.values()
        return [reconsider(one, [r for r in made if r.made_for == one.label], self.now) for one in decided]

    def round(self) -> list[Decision]:
        decisions = self.decide()
        for one in decisions:
            if one.contract is not None and one.contract.state(self.now) is ContractState.VALID:
                self.since.setdefault(one.contract.content_hash, self.now)
            if one.action is Action.ADOPT and one.contract is not None:
                self.put(replace(one.contract, made_for=one.label))
            if one.action in OFFERING and one.wanted is not None:
                self.offer(one.wanted)
            for record in one.ended:
                self.put(replace(record, withdrawn=True).with_signature(SignatureType.REVOKE, CONSUMER, "a.b.c"))
        return decisions

    def offer(self, wanted: Wanted, made_for: str | None = None) -> None:
        parsed = parse_contract_content(make_content(wanted.grant, now=self.now, valid_s=wanted.valid_s))
        label = wanted.label if made_for is None else made_for
        record = ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), made_for=label)
        self.put(record.with_signature(SignatureType.ACCEPT, CONSUMER, "a.b.c"))

    def put(self, record: ContractRecord) -> None:
        self.records[record.content_hash] = record

    def alive(self, record: ContractRecord) -> bool:
        return record.state(self.now) in (ContractState.PROPOSED, ContractState.VALID)


_GRANTS = (GRANT, CHANGED, connection(PAIR, CONSUMER, PROVIDER, service="kvk"))
_DECLARED = st.lists(
    st.builds(
        Wanted,
        st.sampled_from([LABEL, "connection other"]),
        st.sampled_from(_GRANTS),
        st.sampled_from([10 * DAY_S, 30 * DAY_S]),
    ),
    max_size=2,
    unique_by=lambda one: one.label,
)
_EVENTS = st.one_of(
    st.tuples(st.just("declare"), _DECLARED),
    st.tuples(st.just("pass"), st.sampled_from([1, OVERLAP_S, 8 * DAY_S, 25 * DAY_S])),
    st.tuples(st.sampled_from([*SignatureType]), st.integers(0, 5)),
    st.tuples(st.just("person offers"), st.sampled_from(_GRANTS)),
)


def happen(world: World, what: Any, detail: Any) -> None:
    if what == "declare":
        world.wanted = detail
    elif what == "pass":
        world.now += detail
    elif what == "person offers":
        world.offer(Wanted("", detail, 20 * DAY_S), made_for="")
    elif world.records:
        record = list(world.records.values())[detail % len(world.records)]
        if world.alive(record):
            world.put(record.with_signature(what, PROVIDER, "a.b.c"))


@settings(max_examples=60, deadline=None)
@given(st.lists(_EVENTS, max_size=12))
def test_whatever_happens_it_comes_to_rest_with_one_offer_at_most(events: list[tuple[Any, Any]]) -> None:
    world = World()
    for event in (*events, ("pass", 0)):
        happen(world, *event)
        world.round()
        before = dict(world.records)
        # Again at once, as after a restart: nothing more is done.
        for decision in world.round():
            assert decision.action in (Action.KEEP, Action.REFUSED), decision
            assert decision.ended == ()
        assert world.records == before
        for one in world.wanted:
            outstanding = [
                record
                for record in world.records.values()
                if record.made_for == one.label
                and record.state(world.now) is ContractState.PROPOSED
                and not near_end(record, world.now)
            ]
            assert len(outstanding) <= 1
        labels = {one.label for one in world.wanted}
        assert not [
            one for one in world.records.values() if one.made_for and one.made_for not in labels and world.alive(one)
        ]
        assert not [one for one in world.records.values() if one.withdrawn and world.alive(one)]


@settings(max_examples=40, deadline=None)
@given(st.lists(_EVENTS, max_size=10), _DECLARED)
def test_the_other_side_saying_yes_ends_in_one_valid_contract(
    events: list[tuple[Any, Any]], last: list[Wanted]
) -> None:
    world = World()
    for event in (*events, ("declare", last)):
        happen(world, *event)
        world.round()
    for _ in range(3):
        for record in list(world.records.values()):
            if world.alive(record):
                world.put(record.with_signature(SignatureType.ACCEPT, PROVIDER, "a.b.c"))
        world.now += OVERLAP_S
        world.round()
    for decision in world.decide():
        if decision.action is Action.REFUSED:
            continue
        assert decision.settled, decision
        lasting = [
            one
            for one in world.records.values()
            if one.made_for == decision.label and world.alive(one) and not near_end(one, world.now)
        ]
        assert hashes(lasting) == hashes([decision.contract] if decision.contract else [])


@settings(max_examples=40, deadline=None)
@given(st.lists(_EVENTS, max_size=10))
def test_the_order_of_declarations_and_contracts_does_not_matter(events: list[tuple[Any, Any]]) -> None:
    world = World()
    for event in events:
        happen(world, *event)
        world.round()
        grants = [str(one.grant) for one in world.wanted]
        if len(set(grants)) == len(grants):
            forth, back = world.decide(), world.decide(reverse=True)
            assert {one.label: (one.action, one.contract) for one in forth} == {
                one.label: (one.action, one.contract) for one in back
            }
