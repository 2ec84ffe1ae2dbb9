"""What the Contracts with another Peer are good for."""

from dataclasses import replace

import pytest

from certs.identity import PeerId
from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings
from gateway.fsc.names import ServiceName
from gateway.fsc.signature import SignatureType
from gateway.manager.connection_check import CheckedConnection, check_connections
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from tests.gateway.material import (
    CONSUMER,
    DAY_S,
    ECHO,
    PROVIDER,
    connection_grant,
    delegated_grant,
    key_pair,
    signed_contract,
    with_signature,
)

NOW = 1_800_000_000
THUMBPRINT = key_pair(CONSUMER).public_key_thumbprint
VALID = signed_contract(connection_grant(), now=NOW)
WHAT = f"{PROVIDER}/{ECHO}"


def checked(
    *records: ContractRecord,
    us: PeerId = CONSUMER,
    connections: tuple[ConnectionSettings, ...] = (),
    thumbprint: PublicKeyThumbprint = THUMBPRINT,
) -> tuple[CheckedConnection, ...]:
    other = PROVIDER if us == CONSUMER else CONSUMER
    return check_connections(records, connections, us=us, other=other, thumbprint=thumbprint, now=NOW)


def declared(name: str) -> ConnectionSettings:
    return ConnectionSettings.model_validate({"name": name, "service": {"peer_id": PROVIDER, "name": ECHO}})


def accepted_by(*peers: str) -> ContractRecord:
    accepts = {peer: jws for peer, jws in VALID.signatures[SignatureType.ACCEPT].items() if peer in peers}
    return replace(VALID, signatures={SignatureType.ACCEPT: accepts})


def test_a_valid_contract_is_usable_by_who_connects() -> None:
    (one,) = checked(VALID)
    assert (one.what, one.remedy) == (WHAT, "")
    assert one.usable == (VALID.content.grants[0], VALID.grant_hashes[0])
    (theirs,) = checked(VALID, us=PROVIDER)
    assert (theirs.what, theirs.remedy, theirs.usable) == (f"{WHAT} for {CONSUMER}", "", None)


@pytest.mark.parametrize(
    ("record", "us", "seen", "remedy"),
    [
        (accepted_by(CONSUMER), CONSUMER, f"waits for the accept of {PROVIDER}", f"ask {PROVIDER} to accept it"),
        (
            accepted_by(CONSUMER),
            PROVIDER,
            f"waits for the accept of {PROVIDER}",
            "klantenregister contracts accept '$1$",
        ),
        (accepted_by(), CONSUMER, "waits for", "klantenregister contracts accept"),
        (signed_contract(connection_grant(), now=NOW + 2 * DAY_S), CONSUMER, "valid only from", "wait until it begins"),
        (signed_contract(connection_grant(), now=NOW - DAY_S), CONSUMER, "expired at", "contracts request"),
        (with_signature(VALID, PROVIDER, SignatureType.REVOKE, NOW), CONSUMER, "was revoked by", "contracts request"),
        (with_signature(VALID, PROVIDER, SignatureType.REJECT, NOW), CONSUMER, "was rejected by", "contracts request"),
    ],
)
def test_every_other_state_has_its_remedy(record: ContractRecord, us: PeerId, seen: str, remedy: str) -> None:
    (one,) = checked(record, us=us)
    assert seen in one.seen
    assert remedy in one.remedy
    assert one.usable is None


@pytest.mark.parametrize("kind", [SignatureType.REJECT, SignatureType.REVOKE])
def test_what_we_ended_ourselves_is_no_fault_unless_it_is_declared(kind: SignatureType) -> None:
    ended = with_signature(VALID, CONSUMER, kind, NOW)
    assert checked(ended) == ()
    (one,) = checked(ended, connections=(declared("brp"),))
    assert f"by {CONSUMER}" in one.seen
    assert one.remedy


def test_what_was_not_delivered_is_the_reason_that_nobody_signed() -> None:
    owed = (Delivery(PROVIDER, DeliveryAction.SUBMIT, NOW, attempts=2, last_error="refused"),)
    (one,) = checked(replace(accepted_by(CONSUMER), deliveries=owed))
    assert f"our submit has not reached {PROVIDER}: refused" in one.seen
    assert one.remedy == "make the Peer reachable; then it is delivered by itself"
    (fine,) = checked(replace(VALID, deliveries=owed))
    assert f"our submit has not reached {PROVIDER}: refused" in fine.seen
    assert fine.remedy == ""


def test_a_contract_for_an_earlier_key_is_not_usable() -> None:
    (one,) = checked(VALID, thumbprint=key_pair(CONSUMER, 7).public_key_thumbprint)
    assert "for another key than ours" in one.seen
    assert "serve with the earlier key again" in one.remedy
    assert one.usable is None


def test_the_best_contract_for_a_connection_decides() -> None:
    revoked = with_signature(signed_contract(connection_grant(), now=NOW + 1), PROVIDER, SignatureType.REVOKE, NOW)
    newer = signed_contract(connection_grant(), now=NOW + 2)
    for records in ((VALID, revoked), (revoked, VALID)):
        (one,) = checked(*records)
        assert VALID.content_hash in one.seen
    (one,) = checked(newer, VALID, revoked)
    assert newer.content_hash in one.seen


def test_connections_are_told_apart_by_service_and_delegators() -> None:
    several = checked(VALID, signed_contract(connection_grant(name=ServiceName("a")), delegated_grant(), now=NOW))
    assert sorted(one.what for one in several) == [f"{PROVIDER}/a", WHAT, WHAT]


def test_a_declared_connection_without_any_contract_is_missed() -> None:
    assert len(checked(VALID, connections=(declared("klant"),))) == 1
    (one,) = checked(connections=(declared("klant"),))
    assert "connection klant is declared and there is no contract for it" in one.seen
    assert "contracts request --connection klant" in one.remedy
    assert checked() == ()
