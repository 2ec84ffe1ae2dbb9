"""`gateway.state.contract_view`: the Contracts that are not over; test_contract_store has the rest."""

from gateway.fsc.signature import SignatureType
from gateway.state.contract_view import ContractView
from tests.gateway.harness import PROVIDER
from tests.gateway.state.test_contract_store import NOW, record_of, signed


def test_what_is_over_is_forgotten_and_what_is_not_is_known_by_its_grants() -> None:
    view, record = ContractView(), record_of(accepted=True)

    assert view.put(record, NOW)
    assert [view.by_grant(one) for one in record.all_grant_hashes] == [record] * len(record.all_grant_hashes)
    assert view.valid(NOW) == [record]
    assert not view.put(signed(record, SignatureType.REVOKE), NOW)
    assert view.get(record.content_hash) is None
    assert all(view.by_grant(one) is None for one in record.all_grant_hashes)
    assert view.alive() == view.valid(NOW) == []


def test_what_ended_is_dropped_and_told() -> None:
    view, record = ContractView(), record_of(accepted=True)
    view.put(record, NOW)

    assert view.drop_ended(record.content.not_after) == []
    assert view.drop_ended(record.content.not_after + 1) == [record.content_hash]
    assert view.waiting_for(PROVIDER) == []
