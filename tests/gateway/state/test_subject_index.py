"""The index by subject says what looking at every Contract would."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.state.contracts import ContractRecord
from gateway.state.subject_index import SubjectIndex, subject_of
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER, connection, key_pair, make_content, publication

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
GRANTS = (
    connection(PAIR, CONSUMER, PROVIDER),
    connection(PAIR, CONSUMER, OTHER),
    connection(PAIR, CONSUMER, OTHER, delegator=FOREIGN),
    publication(FOREIGN, PROVIDER),
)
RECORDS = []
for _grant in (*GRANTS, GRANTS[0]):
    _parsed = parse_contract_content(make_content(_grant, now=NOW))
    RECORDS.append(ContractRecord(_parsed, compute_all(_parsed, (HashProfile.FSC_2_0,))))

labels = st.sampled_from(["", "connection brp"])


@given(
    st.lists(st.tuples(st.sampled_from(range(len(RECORDS))), st.none() | labels), max_size=30),
    st.frozensets(st.sampled_from(range(len(RECORDS)))),
)
def test_it_says_what_a_look_at_every_contract_would(
    events: list[tuple[int, str | None]], asked: frozenset[int]
) -> None:
    index = SubjectIndex()
    known: dict[int, ContractRecord] = {}
    for number, label in events:
        if number in known:
            index.remove(known.pop(number))
        if label is not None:
            known[number] = replace(RECORDS[number], made_for=label)
            index.add(known[number])
    wanted = [RECORDS[number].content.grants[0] for number in asked]
    subjects = {subject_of(one) for one in wanted}
    expected = {
        one.content_hash
        for one in known.values()
        if one.made_for or subjects & {subject_of(grant) for grant in one.content.grants}
    }
    found = index.concerning(wanted)
    assert set(found) == expected
    assert len(found) == len(expected)
