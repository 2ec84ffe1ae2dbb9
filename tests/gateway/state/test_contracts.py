"""The record of a Contract: what is derived from it, and that nothing is lost on the way to the store and back."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import Grant
from gateway.fsc.hashes import compute_all
from gateway.fsc.jcs import parse_json
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import DELIVERS, ContractRecord, Delivery, DeliveryAction
from storage.body import parse_body, render_body
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    connection,
    delegated_connection,
    delegated_publication,
    key_pair,
    make_content,
    publication,
    signed,
)

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
PROFILES = (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES)
ACCEPT, REJECT, REVOKE = SignatureType.ACCEPT, SignatureType.REJECT, SignatureType.REVOKE
GRANTS: tuple[Grant, ...] = (
    connection(PAIR, CONSUMER, PROVIDER),
    delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER, delegator=FOREIGN),
    publication(DIRECTORY, PROVIDER),
    delegated_publication(DIRECTORY, PROVIDER, OTHER),
)


def record_of(*grants: Grant, **changes: Any) -> ContractRecord:
    parsed = parse_contract_content(make_content(*(grants or GRANTS[:1]), now=NOW, **changes))
    return ContractRecord(parsed, compute_all(parsed, PROFILES))


deliveries = st.builds(
    Delivery,
    st.sampled_from([PROVIDER, FOREIGN]),
    st.sampled_from(DeliveryAction),
    st.integers(0, 2**53),
    st.integers(0, 10**6),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=50),
)
signatures = st.dictionaries(
    st.sampled_from(SignatureType), st.dictionaries(st.sampled_from([CONSUMER, PROVIDER]), st.just("a.b.c"), min_size=1)
)


@given(
    st.lists(st.sampled_from(GRANTS), min_size=1, max_size=4),
    signatures,
    st.lists(deliveries, max_size=4),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
)
def test_a_record_survives_the_store(
    grants: list[Grant],
    signed_by: dict[SignatureType, dict[PeerId, str]],
    owed: list[Delivery],
    remark: str,
) -> None:
    record = record_of(*grants)
    record = ContractRecord(record.parsed, record.hashes, signed_by, tuple(owed), remark)
    assert ContractRecord.from_body(parse_body(render_body(record.to_body()))) == record


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
properties = st.dictionaries(
    texts,
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**53) + 1, 2**53 - 1)
        | st.floats(-(2.0**53) + 1, 2.0**53 - 1)
        | texts,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
        max_leaves=20,
    ),
    max_size=4,
)


@given(properties, st.integers(0, 50), st.sampled_from(HashProfile), st.booleans())
def test_properties_keep_their_hashes_through_the_store_and_on_to_the_next_peer(
    found: dict[str, Any], depth: int, profile: HashProfile, ascii_only: bool
) -> None:
    content = make_content(*GRANTS[:1], now=NOW, profile=profile)
    for _ in range(depth):
        found = {"a": found}
    content["grants"][0]["data"]["properties"] = found
    hashes = compute_all(parse_contract_content(content), tuple(HashProfile))
    for _ in range(2):  # each Peer receives, stores, and sends on what it stored
        received = parse_json(json.dumps({"contract_content": content}, ensure_ascii=ascii_only).encode())
        parsed = parse_contract_content(received["contract_content"])
        assert compute_all(parsed, tuple(HashProfile)) == hashes
        stored = render_body(ContractRecord(parsed, hashes).to_body())
        content = ContractRecord.from_body(parse_body(stored)).parsed.raw


def test_members_that_we_do_not_know_survive_the_store_too() -> None:
    content = make_content(*GRANTS[:1], now=NOW)
    content |= {"future": {"a": [1, 2.5, None, "é"]}}
    parsed = parse_contract_content(content)
    record = ContractRecord(parsed, compute_all(parsed, PROFILES))
    again = ContractRecord.from_body(parse_body(render_body(record.to_body())))
    assert again.parsed.raw == content
    assert compute_all(again.parsed, PROFILES) == record.hashes


def test_what_is_searched_by_is_in_the_body() -> None:
    record = record_of(GRANTS[0], GRANTS[1])
    body = record.to_body()
    assert body["content_hashes"] == [one.content_hash for one in record.hashes][:1]
    assert body["grant_hashes"] == [hash_ for one in record.hashes for hash_ in one.grant_hashes]
    assert body["grant_types"] == ["GRANT_TYPE_DELEGATED_SERVICE_CONNECTION", "GRANT_TYPE_SERVICE_CONNECTION"]
    assert body["peer_ids"] == sorted([CONSUMER, PROVIDER, OTHER, FOREIGN])
    assert (body["created_at"], body["not_after"], body["owed_at"]) == (NOW - 60, record.content.not_after, None)
    owing = record.signed_by_us(ACCEPT, PROVIDER, "a.b.c", action=DeliveryAction.ACCEPT, now=7)
    assert owing.to_body()["owed_at"] == 7


def test_each_grant_is_found_by_its_hash_under_every_profile() -> None:
    record = record_of(GRANTS[0], GRANTS[1])
    for hashes in record.hashes:
        for grant_hash, grant in zip(hashes.grant_hashes, record.content.grants, strict=True):
            assert record.grant(grant_hash) is grant
    assert len(record.all_grant_hashes) == 4
    assert record.grant("$1$3$other") is None


@pytest.mark.parametrize(
    ("kinds", "now", "state"),
    [
        ({}, NOW, ContractState.PROPOSED),
        ({ACCEPT: [CONSUMER]}, NOW, ContractState.PROPOSED),
        ({ACCEPT: [CONSUMER, PROVIDER]}, NOW, ContractState.VALID),
        ({ACCEPT: [CONSUMER, PROVIDER]}, NOW - 61, ContractState.PROPOSED),
        ({ACCEPT: [CONSUMER, PROVIDER]}, NOW + 31 * DAY_S, ContractState.EXPIRED),
        ({ACCEPT: [CONSUMER, PROVIDER], REVOKE: [CONSUMER]}, NOW, ContractState.REVOKED),
        ({REJECT: [CONSUMER]}, NOW, ContractState.REJECTED),
    ],
)
def test_the_state_follows_from_signatures_and_time(
    kinds: dict[SignatureType, list[PeerId]], now: int, state: ContractState
) -> None:
    record = record_of()
    for kind, peer_ids in kinds.items():
        for peer_id in peer_ids:
            record = record.with_signature(kind, peer_id, "a.b.c")
    assert record.state(now) is state


def test_our_signature_is_owed_to_every_other_party_and_to_nobody_else() -> None:
    record = record_of(GRANTS[1])
    accepted = record.signed_by_us(ACCEPT, PROVIDER, "a.b.c", action=DeliveryAction.SUBMIT, now=5)
    assert accepted.deliveries == tuple(
        Delivery(one, DeliveryAction.SUBMIT, 5) for one in sorted([CONSUMER, OTHER, FOREIGN])
    )
    revoked = accepted.signed_by_us(REVOKE, PROVIDER, "d.e.f", action=DeliveryAction.REVOKE, now=6)
    assert revoked.deliveries[:3] == accepted.deliveries
    assert [one.action for one in revoked.deliveries[3:]] == [DeliveryAction.REVOKE] * 3
    assert revoked.signers(ACCEPT) == revoked.signers(REVOKE) == {PROVIDER}


def test_every_action_delivers_a_signature() -> None:
    assert set(DELIVERS) == set(DeliveryAction)
    assert set(DELIVERS.values()) == set(SignatureType)


def test_a_signature_is_replaced_by_a_newer_one_of_the_same_peer_only() -> None:
    record = record_of()
    content = record.parsed.raw
    by_time = {at: signed(PAIR, content, at=at) for at in (10, 20)}
    first = record.with_newer_signature(ACCEPT, CONSUMER, by_time[10], 10)
    assert first.with_newer_signature(ACCEPT, CONSUMER, by_time[10], 10) is first
    assert first.with_newer_signature(ACCEPT, CONSUMER, "older.x.y", 9) == first
    newer = first.with_newer_signature(ACCEPT, CONSUMER, by_time[20], 20)
    assert newer.signatures[ACCEPT][CONSUMER] == by_time[20]
    both = newer.with_newer_signature(REJECT, CONSUMER, by_time[10], 10)
    assert both.signers(ACCEPT) == both.signers(REJECT) == {CONSUMER}


def test_of_two_signatures_of_one_second_everybody_keeps_the_same() -> None:
    record = record_of()
    one, other = (signed(PAIR, record.parsed.raw, at=10) for _ in range(2))
    kept = record.with_newer_signature(ACCEPT, CONSUMER, one, 10).with_newer_signature(ACCEPT, CONSUMER, other, 10)
    assert kept == record.with_newer_signature(ACCEPT, CONSUMER, other, 10).with_newer_signature(
        ACCEPT, CONSUMER, one, 10
    )


def test_what_is_signed_again_is_owed_once() -> None:
    record = record_of()
    offered = record.signed_by_us(ACCEPT, PROVIDER, "a.b.c", action=DeliveryAction.SUBMIT, now=5)
    again = offered.signed_again(PROVIDER, "a.b.c", "d.e.f", now=9)
    assert again.deliveries == offered.deliveries, "who has not got the Contract yet gets it with the new signature"
    confirmed = replace(offered, deliveries=offered.deliveries[1:])
    again = confirmed.signed_again(PROVIDER, "a.b.c", "d.e.f", now=9)
    assert again.signatures[ACCEPT][PROVIDER] == "d.e.f"
    assert again.deliveries == (
        *confirmed.deliveries,
        Delivery(offered.deliveries[0].peer_id, DeliveryAction.ACCEPT, 9),
    )


def test_what_changed_meanwhile_is_not_replaced() -> None:
    record = record_of().with_signature(ACCEPT, PROVIDER, "a.b.c")
    assert record.signed_again(PROVIDER, "x.y.z", "d.e.f", now=9) is record


def test_one_peer_is_hastened_or_all_and_what_is_due_stays() -> None:
    record = replace(
        record_of(),
        deliveries=(
            Delivery(CONSUMER, DeliveryAction.SUBMIT, 50, attempts=3, last_error="no"),
            Delivery(OTHER, DeliveryAction.SUBMIT, 60),
            Delivery(CONSUMER, DeliveryAction.REVOKE, 5),
        ),
    )
    assert [one.next_at for one in record.hastened(CONSUMER, now=10).deliveries] == [10, 60, 5]
    assert [one.next_at for one in record.hastened(None, now=10).deliveries] == [10, 10, 5]
    assert record.hastened(CONSUMER, now=10).deliveries[0].attempts == 3
    assert record.hastened(OTHER, now=70) == record
