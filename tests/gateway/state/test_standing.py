"""Where a Contract stands, in words."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.signature import SignatureType
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from gateway.state.standing import instant_text, standing, undelivered
from tests.gateway.material import CONSUMER, DAY_S, PROVIDER, connection_grant, signed_contract, with_signature

NOW = 1_800_000_000
VALID = signed_contract(connection_grant(), now=NOW)


def unsigned_by_provider() -> ContractRecord:
    accepts = {CONSUMER: VALID.signatures[SignatureType.ACCEPT][CONSUMER]}
    return replace(VALID, signatures={SignatureType.ACCEPT: accepts})


@pytest.mark.parametrize(
    ("record", "now", "told"),
    [
        (VALID, NOW, "is valid until 2027-01-16 08:00:00Z"),
        (VALID, NOW + DAY_S, "expired at 2027-01-16 08:00:00Z"),
        (VALID, NOW - 2 * DAY_S, "is valid only from 2027-01-14 08:00:00Z"),
        (unsigned_by_provider(), NOW, f"waits for the accept of {PROVIDER}"),
        (with_signature(VALID, PROVIDER, SignatureType.REVOKE, NOW), NOW, f"was revoked by {PROVIDER}"),
        (
            with_signature(unsigned_by_provider(), PROVIDER, SignatureType.REJECT, NOW),
            NOW,
            f"was rejected by {PROVIDER}",
        ),
    ],
)
def test_every_state_is_told_with_its_reason(record: ContractRecord, now: int, told: str) -> None:
    assert standing(record, now=now) == told


def test_what_could_not_be_delivered_explains_why_nobody_signed() -> None:
    owed = Delivery(PROVIDER, DeliveryAction.SUBMIT, NOW + 9, attempts=3, last_error="connection refused")
    record = replace(unsigned_by_provider(), deliveries=(owed, Delivery(CONSUMER, DeliveryAction.SUBMIT, NOW)))
    reason = f"our submit has not reached {PROVIDER}: connection refused"
    assert undelivered(record) == reason
    assert standing(record, now=NOW) == f"waits for the accept of {PROVIDER} ({reason})"
    assert undelivered(VALID) == ""


@given(st.integers(0, 2**53))
def test_every_instant_has_a_text(at: int) -> None:
    assert instant_text(at)
