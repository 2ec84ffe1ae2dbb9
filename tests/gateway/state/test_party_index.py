"""The index by party says what looking at every Contract would."""

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.party_index import PartyIndex
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER, connection, key_pair, make_content, publication

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
GRANTS = (
    connection(PAIR, CONSUMER, PROVIDER),
    connection(PAIR, CONSUMER, OTHER, delegator=FOREIGN),
    publication(FOREIGN, PROVIDER),
)
RECORDS = []
for _grant in GRANTS:
    _parsed = parse_contract_content(make_content(_grant, now=NOW))
    RECORDS.append(ContractRecord(_parsed, compute_all(_parsed, (HashProfile.FSC_2_0,))))
PEERS = (CONSUMER, PROVIDER, FOREIGN, OTHER)

signers = st.frozensets(st.sampled_from(PEERS))


def accepted_by(records: Iterable[ContractRecord], content_hash: str) -> frozenset[str]:
    (record,) = [one for one in records if one.content_hash == content_hash]
    return frozenset(record.signers(SignatureType.ACCEPT))


@given(st.lists(st.tuples(st.sampled_from(range(len(RECORDS))), st.none() | signers), max_size=30))
def test_it_says_what_a_look_at_every_contract_would(
    events: list[tuple[int, frozenset[str] | None]],
) -> None:
    index = PartyIndex()
    known: dict[int, ContractRecord] = {}
    for number, accepted in events:
        if number in known:
            index.remove(known.pop(number))
        if accepted is not None:
            record = RECORDS[number]
            for peer_id in record.content.peer_ids() & accepted:
                record = record.with_signature(SignatureType.ACCEPT, peer_id, "a.b.c")
            known[number] = record
            index.add(record)
    records = known.values()
    assert set(index.peers()) == {peer_id for one in records for peer_id in one.content.peer_ids()}
    for peer_id in PEERS:
        shared = {one.content_hash for one in records if peer_id in one.content.peer_ids()}
        assert set(index.shared_with(peer_id)) == shared
        unsigned = {one for one in shared if peer_id not in accepted_by(records, one)}
        assert set(index.unsigned_by(peer_id)) == unsigned
    assert index.awaiting() == {one.content_hash: one.awaited() for one in records if one.awaited()}


def test_who_has_not_received_a_contract_is_not_waited_for() -> None:
    index = PartyIndex()
    index.add(RECORDS[0].signed_by_us(SignatureType.ACCEPT, CONSUMER, "a.b.c", action=DeliveryAction.SUBMIT, now=1))
    index.add(RECORDS[1].signed_by_us(SignatureType.ACCEPT, CONSUMER, "a.b.c", action=DeliveryAction.ACCEPT, now=1))
    assert index.awaiting() == {RECORDS[1].content_hash: {OTHER, FOREIGN}}
