"""Transaction log records."""

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from certs.thumbprint import CertificateThumbprint
from gateway.errors import InvalidRequest
from gateway.fsc.claims import Claims
from gateway.fsc.external_contract import CONNECTION_REFERENCE
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord, incoming_record, outgoing_record, parse_log_record
from gateway.fsc.names import GrantHash, parse_transaction_id
from gateway.fsc.token import Authorization, InspectedClaims
from tests.gateway.fsc.samples import (
    CONSUMER,
    DELEGATOR,
    GROUP,
    NOW,
    PROVIDER,
    SERVICE,
    SERVICE_DELEGATOR,
    STRANGER,
)

TRANSACTION_ID = parse_transaction_id("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
REFERENCE = {"reference": "2026/123", "delegator_id": "12345678", "delegator_name": "Stichting Voorbeeld"}
CLAIMS = Claims(
    grant_hash=GrantHash("$1$3$abc"),
    group_id=GROUP,
    outway_peer_id=CONSUMER,
    service_peer_id=PROVIDER,
    service_name=SERVICE,
    audience="https://inway.example.nl:443",
    expires_at=NOW + 600,
    not_before=NOW,
    certificate_thumbprint=CertificateThumbprint("A" * 43),
)
FULL = replace(
    CLAIMS,
    delegator_peer_id=DELEGATOR,
    service_delegator_peer_id=SERVICE_DELEGATOR,
    properties={CONNECTION_REFERENCE: REFERENCE, "other": 1},
)
PLAIN_JSON: JsonObject = {
    "transaction_id": TRANSACTION_ID,
    "direction": "DIRECTION_INCOMING",
    "grant_hash": "$1$3$abc",
    "source": {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER},
    "destination": {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER},
    "service_name": SERVICE,
    "created_at": NOW,
}
FULL_JSON: JsonObject = {
    **PLAIN_JSON,
    "direction": "DIRECTION_OUTGOING",
    "source": {
        "type": "SOURCE_TYPE_DELEGATED_SOURCE",
        "outway_peer_id": CONSUMER,
        "delegator_peer_id": DELEGATOR,
    },
    "destination": {
        "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
        "service_peer_id": PROVIDER,
        "delegator_peer_id": SERVICE_DELEGATOR,
    },
    "additional_data": {CONNECTION_REFERENCE: REFERENCE},
}


def plain() -> LogRecord:
    return incoming_record(Authorization(CLAIMS), TRANSACTION_ID, now=NOW)


def full() -> LogRecord:
    return outgoing_record(InspectedClaims(FULL), TRANSACTION_ID, now=NOW)


def test_a_record_in_the_form_of_the_standard() -> None:
    assert plain().direction is Direction.INCOMING
    assert plain().to_json() == PLAIN_JSON


def test_a_record_of_delegation_with_an_external_contract() -> None:
    assert full().direction is Direction.OUTGOING
    assert full().to_json() == FULL_JSON


@pytest.mark.parametrize("record", [plain(), full()])
def test_a_record_is_read_back(record: LogRecord) -> None:
    assert parse_log_record(json.loads(json.dumps(record.to_json()))) == record


def test_only_the_peers_that_a_record_names_may_read_it() -> None:
    for peer_id in (CONSUMER, PROVIDER, DELEGATOR, SERVICE_DELEGATOR):
        assert full().is_visible_to(peer_id)
    assert [plain().is_visible_to(peer_id) for peer_id in (CONSUMER, PROVIDER)] == [True, True]
    assert not full().is_visible_to(STRANGER)
    assert not plain().is_visible_to(DELEGATOR)
    assert not plain().is_visible_to(PeerId(""))


def test_another_peer_may_use_another_form_of_transaction_id() -> None:
    assert parse_log_record({**PLAIN_JSON, "transaction_id": "order-12"}).transaction_id == "order-12"


@pytest.mark.parametrize("value", [None, [], "x", 1])
def test_only_an_object_is_a_record(value: object) -> None:
    with pytest.raises(InvalidRequest, match="not a JSON object"):
        parse_log_record(value)


@pytest.mark.parametrize("name", sorted(PLAIN_JSON))
@pytest.mark.parametrize("value", [None, [], 1.5, "", {"outway_peer_id": 1}])
def test_a_record_without_its_members_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidRequest, match="the log record has"):
        parse_log_record({**PLAIN_JSON, name: value})


@pytest.mark.parametrize("direction", ["INCOMING", "DIRECTION_UNSPECIFIED"])
def test_a_direction_is_one_of_two(direction: str) -> None:
    with pytest.raises(InvalidRequest, match="must be DIRECTION_INCOMING or DIRECTION_OUTGOING"):
        parse_log_record({**PLAIN_JSON, "direction": direction})


@given(st.sampled_from(sorted(FULL_JSON)), st.none() | st.text(max_size=5) | st.integers() | st.just({}) | st.just([]))
def test_no_record_makes_the_parser_fail_otherwise(name: str, value: Any) -> None:
    try:
        record = parse_log_record(copy.deepcopy(FULL_JSON) | {name: value})
    except InvalidRequest:
        return
    assert parse_log_record(record.to_json()) == record
