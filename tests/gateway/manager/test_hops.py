"""Hops put together from what each party says."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, ServiceName, TransactionId
from gateway.manager.hops import Told, assemble, parties
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER

NOW = 1_800_000_000
LEFT = LogRecord(
    TransactionId("017f22e2-79b0-7cc3-98c4-dc0c0c07398f"),
    Direction.OUTGOING,
    GrantHash("$1$3$abc"),
    CONSUMER,
    PROVIDER,
    ServiceName("echo"),
    NOW,
)
ARRIVED = replace(LEFT, direction=Direction.INCOMING)
BY_CONSUMER, BY_PROVIDER = Told(LEFT, CONSUMER), Told(ARRIVED, PROVIDER)


def test_two_sides_that_tell_the_same_are_complete() -> None:
    trace = assemble([BY_PROVIDER, BY_CONSUMER], {})
    assert trace.is_complete
    assert trace.records == (BY_CONSUMER, BY_PROVIDER)


def test_nothing_known_is_not_complete() -> None:
    assert not assemble([], {}).is_complete


def test_a_chain_of_hops_is_in_order_of_time() -> None:
    onward = replace(LEFT, outway_peer_id=PROVIDER, service_peer_id=OTHER, created_at=NOW + 1)
    chain = [
        BY_CONSUMER,
        BY_PROVIDER,
        Told(onward, PROVIDER),
        Told(replace(onward, direction=Direction.INCOMING), OTHER),
    ]
    trace = assemble(reversed(chain), {})
    assert trace.is_complete
    assert trace.records == tuple(chain)
    assert parties(chain) == {CONSUMER, PROVIDER, OTHER}


@pytest.mark.parametrize(
    ("told", "unanswered", "missing"),
    [
        ([BY_CONSUMER], {}, f"the Inway of peer {PROVIDER} did not: the request never arrived"),
        ([BY_CONSUMER], {PROVIDER: "refused"}, f"what the Inway of peer {PROVIDER} logged is unknown"),
        ([BY_PROVIDER], {}, f"the Outway of peer {CONSUMER} did not"),
        ([BY_PROVIDER], {CONSUMER: "down"}, f"what the Outway of peer {CONSUMER} logged is unknown"),
        ([BY_CONSUMER, BY_CONSUMER, BY_PROVIDER], {}, "(2 left, 1 arrived)"),
    ],
)
def test_the_side_that_does_not_tell_is_named(told: list[Told], unanswered: dict[PeerId, str], missing: str) -> None:
    trace = assemble(told, unanswered)
    assert not trace.is_complete
    (said,) = trace.missing
    assert said.startswith(f"{CONSUMER} to {PROVIDER}/echo: ")
    assert missing in said


def test_a_delegator_that_does_not_answer_makes_nothing_incomplete() -> None:
    told = [Told(replace(one.record, delegator_peer_id=OTHER), one.by) for one in (BY_CONSUMER, BY_PROVIDER)]
    trace = assemble(told, {OTHER: "it has no transaction log to ask"})
    assert trace.is_complete
    assert trace.unanswered == {OTHER: "it has no transaction log to ask"}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"grant_hash": GrantHash("$1$3$abd")}, "another grant_hash"),
        ({"delegator_peer_id": OTHER}, "another delegator_peer_id"),
        ({"service_delegator_peer_id": OTHER}, "another service_delegator_peer_id"),
        ({"additional_data": {"a": {"reference": "1"}}}, "another additional_data"),
        ({"created_at": NOW + 61}, "61 s apart"),
    ],
)
def test_sides_that_contradict_each_other_are_flagged(change: dict[str, object], name: str) -> None:
    trace = assemble([BY_CONSUMER, Told(replace(ARRIVED, **change), PROVIDER)], {})  # type: ignore[arg-type]
    assert not trace.is_complete
    assert trace.missing == ()
    assert any(name in one for one in trace.contradictions)


def test_a_few_seconds_between_the_sides_are_nothing() -> None:
    assert assemble([BY_CONSUMER, Told(replace(ARRIVED, created_at=NOW - 60), PROVIDER)], {}).is_complete


def test_several_grants_over_one_hop_are_compared_as_a_whole() -> None:
    others = [replace(one, grant_hash=GrantHash("$1$3$abd")) for one in (LEFT, ARRIVED)]
    told = [BY_CONSUMER, BY_PROVIDER, Told(others[0], CONSUMER), Told(others[1], PROVIDER)]
    assert assemble(told, {}).is_complete
    assert not assemble([*told[:3], BY_PROVIDER], {}).is_complete


def test_a_peer_is_believed_about_its_own_side_only() -> None:
    trace = assemble([BY_CONSUMER, Told(ARRIVED, FOREIGN)], {})
    assert f"peer {FOREIGN} has a record that only peer {PROVIDER} can have written" in trace.contradictions[0]
    assert "did not" in trace.missing[0]


def test_what_reading_brought_to_light_is_kept() -> None:
    trace = assemble([BY_CONSUMER, BY_PROVIDER], {}, ["a remark"])
    assert (trace.is_complete, trace.contradictions) == (False, ("a remark",))


PEERS = (CONSUMER, PROVIDER, OTHER)


@given(
    st.lists(
        st.tuples(st.sampled_from(PEERS), st.sampled_from(PEERS), st.sampled_from(Direction), st.sampled_from(PEERS)),
        max_size=8,
    )
)
def test_it_is_complete_exactly_when_every_hop_has_as_many_on_either_side(
    drawn: list[tuple[PeerId, PeerId, Direction, PeerId]],
) -> None:
    told = [
        Told(replace(LEFT, outway_peer_id=outway, service_peer_id=service, direction=direction), by)
        for outway, service, direction, by in drawn
    ]
    own = all(
        (outway if direction is Direction.OUTGOING else service) == by for outway, service, direction, by in drawn
    )
    balanced = all(
        sum(one[:3] == (outway, service, Direction.OUTGOING) for one in drawn)
        == sum(one[:3] == (outway, service, Direction.INCOMING) for one in drawn)
        for outway in PEERS
        for service in PEERS
    )
    assert assemble(told, {}).is_complete is (bool(drawn) and own and balanced)
