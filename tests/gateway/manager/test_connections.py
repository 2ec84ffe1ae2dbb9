"""Desired state: what is judged of what there is, and that converging comes to rest."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import Grant, PublicationGrant
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.manager.connections import (
    RENEW_AT_MOST_S,
    Verdict,
    Wanted,
    converge,
    judge,
    wanted_grants,
)
from gateway.manager.contracts import add_our_signature
from gateway.state.contracts import ContractRecord
from klantenregister.hosting import HostedPeer
from storage.documents import Query
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    authority,
    connection,
    key_pair,
    make_content,
    make_group,
    make_tenant,
    offering,
    wanting,
)

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)
GRANT = connection(PAIR, CONSUMER, PROVIDER)
WANTED = Wanted("connection brp", GRANT, 100 * DAY_S)


def record_of(*grants: Grant, signed: dict[SignatureType, PeerId] | None = None, **changes: Any) -> ContractRecord:
    parsed = parse_contract_content(make_content(*(grants or (GRANT,)), now=NOW, **changes))
    signatures = {kind: {peer_id: "a.b.c"} for kind, peer_id in (signed or {}).items()}
    return ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), signatures)


# -- judging


def test_what_is_not_there_is_offered() -> None:
    other_service = connection(PAIR, CONSUMER, PROVIDER, service="kvk")
    other_key = connection(key_pair(CONSUMER), CONSUMER, PROVIDER)
    with_properties = GRANT.model_copy(update={"properties": {"a": 1}})
    for grants in ((), (other_service,), (other_key,), (with_properties,)):
        assert judge(WANTED, [record_of(one) for one in grants], now=NOW) == (Verdict.OFFER, None)


def test_what_is_offered_or_agreed_is_good() -> None:
    proposed = record_of()
    assert judge(WANTED, [proposed], now=NOW) == (Verdict.GOOD, proposed)
    together = record_of(connection(PAIR, CONSUMER, PROVIDER, service="kvk"), GRANT)
    assert judge(WANTED, [together], now=NOW) == (Verdict.GOOD, together)


@pytest.mark.parametrize("kind", [SignatureType.REJECT, SignatureType.REVOKE])
def test_a_no_is_not_asked_again(kind: SignatureType) -> None:
    refused = record_of(signed={kind: PROVIDER})
    assert judge(WANTED, [refused], now=NOW) == (Verdict.REFUSED, refused)


def test_the_newest_decides() -> None:
    older = record_of(created_at=NOW - 1000, signed={SignatureType.REVOKE: PROVIDER})
    newer = record_of(created_at=NOW - 500)
    for records in ([older, newer], [newer, older]):
        assert judge(WANTED, records, now=NOW) == (Verdict.GOOD, newer)
    assert judge(WANTED, [replace(newer, signatures=older.signatures), replace(older, signatures={})], now=NOW)[0] is (
        Verdict.REFUSED
    )


def test_what_has_expired_does_not_count() -> None:
    expired = record_of(valid_s=61, signed={SignatureType.REJECT: PROVIDER})
    assert judge(WANTED, [expired], now=NOW + 1) == (Verdict.OFFER, None)


@pytest.mark.parametrize(("valid_days", "lead_days"), [(1, 0.25), (8, 2), (120, 30), (365, 30), (3650, 30)])
def test_renewal_begins_when_a_quarter_and_at_most_thirty_days_remain(valid_days: int, lead_days: float) -> None:
    record = record_of(valid_s=valid_days * DAY_S)
    begins = record.content.not_after - int(lead_days * DAY_S)
    assert judge(WANTED, [record], now=begins - 1) == (Verdict.GOOD, record)
    assert judge(WANTED, [record], now=begins) == (Verdict.OFFER, record)


@given(st.integers(DAY_S, 5000 * DAY_S), st.integers(0, 5000 * DAY_S))
def test_a_contract_is_renewed_before_it_ends_and_a_new_one_never_at_once(valid_s: int, age_s: int) -> None:
    record = record_of(valid_s=valid_s)
    left_s = record.content.not_after - (NOW + age_s)
    verdict, _ = judge(WANTED, [record], now=NOW + age_s)
    assert verdict is (Verdict.OFFER if left_s <= min(RENEW_AT_MOST_S, valid_s // 4) else Verdict.GOOD)


# -- what is wanted


def test_a_service_is_published_at_every_directory_with_its_properties() -> None:
    at = make_tenant().manager_address
    tenant = make_tenant(
        PROVIDER,
        key_pairs=(PAIR,),
        group=make_group(directories={DIRECTORY: at, OTHER: at}),
        services={**offering("brp", publish=True, properties={"a": [1]}), **offering("kvk")},
    )
    wanted = wanted_grants(tenant, PAIR.public_key_thumbprint)
    grants = [one.grant for one in wanted]
    assert all(isinstance(one, PublicationGrant) and one.service_name == "brp" for one in grants)
    assert [one.directory_peer_id for one in grants if isinstance(one, PublicationGrant)] == [DIRECTORY, OTHER]
    assert {str(one.properties) for one in grants} == {"{'a': [1]}"}


def test_a_connection_is_wanted_for_our_key_with_its_properties_and_validity() -> None:
    properties = {"klantenregister.scopes": ["a"]}
    connections = (wanting("brp", PROVIDER, valid_days=7, properties=properties),)
    tenant = make_tenant(CONSUMER, key_pairs=(PAIR,), connections=connections)
    (wanted,) = wanted_grants(tenant, PAIR.public_key_thumbprint)
    assert wanted.grant == GRANT.model_copy(update={"properties": properties})
    assert wanted.valid_s == 7 * DAY_S


# -- converging


async def consumer(group: Federation, *names: str, **settings: Any) -> HostedPeer:
    """A Peer that wants a connection of each name."""
    connections = tuple(wanting(name, PROVIDER, name, **settings) for name in names)
    return await group.host(CONSUMER, connections=connections)


async def all_of(hosted: HostedPeer) -> list[ContractRecord]:
    return (await hosted.peer.contracts.page(Query()))[0]


async def test_each_wanted_grant_is_offered_once(group: Federation) -> None:
    hosted = await consumer(group, "brp", "kvk", properties={"a": {"b": [1, 2.5, None]}})
    for _ in range(3):
        await converge(hosted.peer)
    records = await all_of(hosted)
    assert sorted(one.content.grants[0].service_name for one in records) == ["brp", "kvk"]
    for record in records:
        assert record.signers(SignatureType.ACCEPT) == {CONSUMER}
        assert [one.peer_id for one in record.deliveries] == [PROVIDER]
        assert record.content.not_after - record.content.not_before == 365 * DAY_S
        assert record.state(group.clock.now()) is ContractState.PROPOSED
        assert record.remark.startswith("connection ")


async def test_a_restart_offers_nothing_again(group: Federation) -> None:
    hosted = await consumer(group, "brp")
    await converge(hosted.peer)
    again = await group.host_tenant(hosted.peer.tenant)
    await converge(again.peer)
    assert len(await all_of(again)) == 1


async def test_a_successor_stands_beside_what_is_about_to_end(group: Federation) -> None:
    hosted = await consumer(group, "brp")
    await converge(hosted.peer)
    (first,) = await all_of(hosted)
    group.clock.at = first.content.not_after - RENEW_AT_MOST_S
    hosted = await group.host_tenant(replace(hosted.peer.tenant, key_pairs=(_long(hosted),)))
    for _ in range(2):
        await converge(hosted.peer)
    assert len(await all_of(hosted)) == 2


def _long(hosted: HostedPeer) -> Any:
    """The same key, certified for long enough."""
    pair = hosted.peer.tenant.key_pairs[0]
    return authority().issue(
        peer_id=CONSUMER, name=f"Peer {CONSUMER}", dns_names=["x"], days=3000, private_key=pair.private_key
    )


async def test_a_new_key_needs_a_new_contract_and_the_same_key_does_not(group: Federation) -> None:
    hosted = await consumer(group, "brp")
    await converge(hosted.peer)
    renewed = await group.host_tenant(replace(hosted.peer.tenant, key_pairs=(_long(hosted),)))
    await converge(renewed.peer)
    assert len(await all_of(renewed)) == 1
    rekeyed = await group.host_tenant(replace(hosted.peer.tenant, key_pairs=(key_pair(CONSUMER),)))
    await converge(rekeyed.peer)
    assert len(await all_of(rekeyed)) == 2


async def test_a_no_is_returned_and_nothing_is_offered(group: Federation) -> None:
    hosted = await consumer(group, "brp")
    await converge(hosted.peer)
    (record,) = await all_of(hosted)
    await add_our_signature(hosted.peer, record.content_hash, SignatureType.REVOKE, remark="")
    ((wanted, refused),) = await converge(hosted.peer)
    assert len(await all_of(hosted)) == 1
    assert (wanted.label, refused.content_hash) == ("connection brp", record.content_hash)


async def test_what_cannot_be_offered_stops_nothing_else(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    hosted = await consumer(group, "brp", "kvk")
    large = hosted.peer.tenant.connections[0].model_copy(update={"properties": {"a": "x" * 1_100_000}})
    hosted = await group.host_tenant(
        replace(hosted.peer.tenant, connections=(large, hosted.peer.tenant.connections[1]))
    )
    await converge(hosted.peer)
    assert [one.content.grants[0].service_name for one in await all_of(hosted)] == ["kvk"]
    assert "cannot_offer" in caplog.text


async def test_without_a_valid_certificate_nothing_is_offered(
    group: Federation, caplog: pytest.LogCaptureFixture
) -> None:
    hosted = await consumer(group, "brp")
    group.clock.advance(400 * DAY_S)
    await converge(hosted.peer)
    assert await all_of(hosted) == []
    assert "cannot_converge" in caplog.text


async def test_a_directory_publishes_its_own_service_without_asking_anybody(group: Federation) -> None:
    tenant = make_tenant(DIRECTORY, port=group.port)
    rules = make_group(directories={DIRECTORY: tenant.manager_address})
    hosted = await group.host(DIRECTORY, group=rules, directory=True, services=offering(SERVICE, publish=True))
    await converge(hosted.peer)
    (record,) = await all_of(hosted)
    assert (record.state(group.clock.now()), record.deliveries) == (ContractState.VALID, ())
