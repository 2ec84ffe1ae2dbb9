"""The state of a contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.state import ContractState, contract_state
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, NOT_AFTER, NOT_BEFORE, NOW, PROVIDER, STRANGER

CONTENT = samples.contract(samples.delegated_connection()).content
EVERYONE = frozenset({CONSUMER, PROVIDER, DELEGATOR})
NOBODY: frozenset[PeerId] = frozenset()

peers = st.frozensets(st.sampled_from(sorted(EVERYONE)))
instants = st.integers(0, NOT_AFTER * 2) | st.sampled_from([NOT_BEFORE - 1, NOT_BEFORE, NOT_AFTER - 1, NOT_AFTER])


def state(
    accepted: frozenset[PeerId] = EVERYONE,
    rejected: frozenset[PeerId] = NOBODY,
    revoked: frozenset[PeerId] = NOBODY,
    now: int = NOW,
) -> ContractState:
    return contract_state(CONTENT, accepted=accepted, rejected=rejected, revoked=revoked, now=now)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (0, ContractState.PROPOSED),
        (NOT_BEFORE - 1, ContractState.PROPOSED),
        (NOT_BEFORE, ContractState.VALID),
        (NOT_AFTER - 1, ContractState.VALID),
        (NOT_AFTER, ContractState.EXPIRED),
    ],
)
def test_the_borders_of_validity(now: int, expected: ContractState) -> None:
    assert state(now=now) is expected


@pytest.mark.parametrize("missing", sorted(EVERYONE))
def test_one_missing_accept_leaves_it_proposed(missing: PeerId) -> None:
    assert state(accepted=EVERYONE - {missing}) is ContractState.PROPOSED
    assert state(accepted=EVERYONE - {missing} | {STRANGER}) is ContractState.PROPOSED


def test_a_reject_wins_over_everything() -> None:
    assert state(rejected=frozenset({CONSUMER})) is ContractState.REJECTED
    assert state(rejected=frozenset({CONSUMER}), revoked=EVERYONE, now=NOT_AFTER) is ContractState.REJECTED


def test_a_revoke_wins_over_time_and_accepts() -> None:
    assert state(revoked=frozenset({PROVIDER})) is ContractState.REVOKED
    assert state(revoked=frozenset({PROVIDER}), now=NOT_AFTER) is ContractState.REVOKED


@given(peers, peers, peers, instants)
def test_every_combination_has_the_state_of_the_definition(
    accepted: frozenset[PeerId], rejected: frozenset[PeerId], revoked: frozenset[PeerId], now: int
) -> None:
    found = state(accepted, rejected, revoked, now)
    if rejected or revoked:
        assert found is (ContractState.REJECTED if rejected else ContractState.REVOKED)
    elif now >= NOT_AFTER:
        assert found is ContractState.EXPIRED
    else:
        assert found is (ContractState.VALID if accepted >= EVERYONE and now >= NOT_BEFORE else ContractState.PROPOSED)


@given(peers, peers, peers, instants, peers, instants)
def test_what_is_final_stays_final(
    accepted: frozenset[PeerId],
    rejected: frozenset[PeerId],
    revoked: frozenset[PeerId],
    now: int,
    later_accepts: frozenset[PeerId],
    later_by: int,
) -> None:
    found = state(accepted, rejected, revoked, now)
    later = state(accepted | later_accepts, rejected, revoked, now + later_by)
    if found in (ContractState.REJECTED, ContractState.REVOKED, ContractState.EXPIRED):
        assert later is found
    if found is ContractState.VALID:
        assert later in (ContractState.VALID, ContractState.EXPIRED)
