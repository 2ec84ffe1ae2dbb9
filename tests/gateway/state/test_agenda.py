"""The agenda names every debt when its time has come, once, and again when it was not paid."""

from dataclasses import replace

from gateway.state.agenda import Agenda
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from tests.gateway.harness import FOREIGN, OTHER
from tests.gateway.state.test_contract_store import NOW, record_of


def owing(record: ContractRecord, *times: int) -> ContractRecord:
    pairs = zip((FOREIGN, OTHER), times, strict=False)
    return replace(record, deliveries=tuple(Delivery(peer_id, DeliveryAction.SUBMIT, at) for peer_id, at in pairs))


def test_what_is_due_is_named_once() -> None:
    agenda, now_due, later = Agenda(), owing(record_of(), NOW, NOW), owing(record_of(), NOW + 5)
    for record in (now_due, later, record_of()):
        agenda.put(record)
    assert agenda.take_due(NOW) == [now_due]
    assert agenda.take_due(NOW) == []
    assert agenda.next_at() == NOW + 5
    assert agenda.take_due(NOW + 5) == [later]
    assert agenda.next_at() is None


def test_each_delivery_of_a_contract_has_its_own_time() -> None:
    agenda, record = Agenda(), owing(record_of(), NOW, NOW + 9)
    agenda.put(record)
    assert agenda.take_due(NOW) == [record]
    assert agenda.next_at() == NOW + 9
    assert agenda.take_due(NOW + 9) == [record]


def test_what_is_owed_is_counted_with_the_oldest_contract() -> None:
    agenda = Agenda()
    assert agenda.owed() == (0, 0, None)
    record = owing(record_of(), NOW, NOW + 9)
    tried = replace(record.deliveries[0], attempts=3)
    agenda.put(replace(record, deliveries=(tried, *record.deliveries[1:])))
    agenda.put(owing(record_of(), NOW))
    assert agenda.owed() == (3, 1, record.content.created_at)
    agenda.put(replace(record, deliveries=()))
    assert agenda.owed()[:2] == (1, 0)


def test_a_later_write_counts() -> None:
    agenda, record = Agenda(), record_of()
    agenda.put(owing(record, NOW))
    agenda.put(owing(record, NOW + 60))
    assert agenda.take_due(NOW) == []
    agenda.put(owing(record, NOW + 1))
    assert agenda.take_due(NOW + 1) == [owing(record, NOW + 1)]
    agenda.put(record)
    assert agenda.take_due(NOW + 60) == []


def test_what_was_not_brought_is_named_again_unless_it_was_paid() -> None:
    agenda, record = Agenda(), owing(record_of(), NOW)
    agenda.put(record)
    assert agenda.take_due(NOW) == [record]
    agenda.put_back(record.content_hash)
    assert agenda.take_due(NOW) == [record]
    agenda.put(replace(record, deliveries=()))
    agenda.put_back(record.content_hash)
    assert agenda.take_due(NOW) == []


def test_what_is_told_again_unchanged_is_not_named_twice() -> None:
    agenda, record = Agenda(), owing(record_of(), NOW)
    agenda.put(record)
    assert agenda.take_due(NOW) == [record]
    agenda.put(record)
    assert agenda.take_due(NOW) == []
    assert agenda.next_at() is None


def test_what_is_due_only_in_a_long_time_is_told() -> None:
    agenda, soon, late = Agenda(), owing(record_of(), NOW + 60), owing(record_of(), NOW, NOW + 61)
    for record in (soon, late):
        agenda.put(record)
    assert agenda.postponed_beyond(NOW + 60) == [late.content_hash]
