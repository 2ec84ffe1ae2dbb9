"""What a Peer proposed counts for as long as it is alive and not agreed."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fsc.signature import SignatureType
from gateway.state.proposal_index import ProposalIndex, Proposals, size_of_content
from tests.gateway.harness import CONSUMER, FOREIGN, PROVIDER
from tests.gateway.state.test_contract_store import record_of

ACCEPT = SignatureType.ACCEPT


def test_what_others_have_not_accepted_counts_for_who_did() -> None:
    index, record = ProposalIndex(), record_of().with_signature(ACCEPT, CONSUMER, "a.b.c")
    index.add(record)
    assert index.of(CONSUMER) == Proposals(1, size_of_content(record))
    assert index.of(PROVIDER) == index.of(FOREIGN) == Proposals()


def test_what_all_accepted_counts_for_nobody() -> None:
    index = ProposalIndex()
    index.add(record_of(accepted=True))
    assert index.of(CONSUMER) == index.of(PROVIDER) == Proposals()


@settings(max_examples=50)
@given(st.lists(st.tuples(st.integers(0, 3), st.booleans()), max_size=30))
def test_whatever_comes_and_goes_the_sums_are_right(steps: list[tuple[int, bool]]) -> None:
    records = [record_of().with_signature(ACCEPT, CONSUMER, "a.b.c") for _ in range(4)]
    index, known = ProposalIndex(), set[int]()
    for which, is_there in steps:
        index.remove(records[which])
        known.discard(which)
        if is_there:
            index.add(records[which])
            known.add(which)
    assert index.of(CONSUMER) == Proposals(len(known), sum(size_of_content(records[one]) for one in known))
