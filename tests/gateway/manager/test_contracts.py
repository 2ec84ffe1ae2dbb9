"""What happens with a Contract inside: who may sign when, races, and that nothing is half done."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from gateway.fsc.jcs import JsonObject
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.manager.contracts import WrongState, add_our_signature, consider, offer
from gateway.state.contracts import ContractRecord, Delivery, DeliveryAction
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate
from klantenregister.hosting import HostedPeer
from storage.documents import Query
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    DAY_S,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    content_hash_of,
    grant_hash_of,
    key_pair,
    make_content,
    make_group,
    offering,
    signed,
)

ACCEPT, REJECT, REVOKE = SignatureType.ACCEPT, SignatureType.REJECT, SignatureType.REVOKE


@pytest.fixture
async def hosted(group: Federation) -> HostedPeer:
    return await group.host(PROVIDER, services=offering(SERVICE))


@pytest.fixture
async def foreign(group: Federation) -> ForeignPeer:
    return await group.foreign()


async def received(hosted: HostedPeer, foreign: ForeignPeer, **changes: Any) -> JsonObject:
    """A Contract that the foreign Peer offers us."""
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=foreign.clock.now(), **changes)
    assert (await foreign.submit(hosted.peer, content)).status == 201
    return content


async def record_of(peer: LocalPeer, content: JsonObject) -> ContractRecord:
    record = await peer.contracts.get(content_hash_of(content))
    assert record is not None
    return record


# -- how much may wait


async def test_what_a_peer_proposes_is_kept_up_to_a_number(
    hosted: HostedPeer, foreign: ForeignPeer, group: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.contracts.MAX_PROPOSALS", 2)
    kept = [await received(hosted, foreign) for _ in range(2)]
    beyond = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=foreign.clock.now())
    assert (await foreign.submit(hosted.peer, beyond)).refusal == (429, "ERROR_CODE_TOO_MANY_PROPOSALS")
    assert await hosted.peer.contracts.get(content_hash_of(beyond)) is None
    # What it proposed already is confirmed again, and another Peer is not held back by it.
    assert (await foreign.submit(hosted.peer, kept[0])).status == 201
    other = await group.foreign(OTHER)
    content = make_content(connection(other.pair, OTHER, PROVIDER), now=other.clock.now())
    assert (await other.submit(hosted.peer, content)).status == 201
    # What is decided on makes room, by whichever side.
    await add_our_signature(hosted.peer, content_hash_of(kept[0]), ACCEPT, remark="")
    assert (await foreign.submit(hosted.peer, beyond)).status == 201


async def test_what_a_peer_proposes_is_kept_up_to_a_size(
    hosted: HostedPeer, foreign: ForeignPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.contracts.MAX_PROPOSED_BYTES", 4_000)
    await received(hosted, foreign)
    grant = connection(foreign.pair, FOREIGN, PROVIDER).model_copy(update={"properties": {"a": "x" * 4_000}})
    large = make_content(grant, now=foreign.clock.now())
    assert (await foreign.submit(hosted.peer, large)).refusal == (429, "ERROR_CODE_TOO_MANY_PROPOSALS")
    await received(hosted, foreign)


async def test_what_a_rule_decides_at_once_needs_no_room(
    group: Federation, foreign: ForeignPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.contracts.MAX_PROPOSALS", 1)
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=(accepting("service_connection"),))
    for _ in range(3):
        await received(hosted, foreign)


# -- our signature


async def test_our_signature_and_what_we_owe_for_it_are_one_write(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = await received(hosted, foreign)
    record = await add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="why")
    assert record.state(foreign.clock.now()) is ContractState.VALID
    assert record.deliveries == (Delivery(FOREIGN, DeliveryAction.ACCEPT, foreign.clock.now()),)
    assert record.remark == "why"
    assert await record_of(hosted.peer, content) == record


async def test_signing_twice_changes_nothing(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = await received(hosted, foreign)
    first = await add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="first")
    foreign.clock.advance(10)
    assert await add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="second") == first


async def test_signing_twice_at_once_owes_once(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = await received(hosted, foreign)
    await asyncio.gather(
        *(add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="") for _ in range(5))
    )
    assert len((await record_of(hosted.peer, content)).deliveries) == 1


async def test_an_unknown_contract_is_not_signed(hosted: HostedPeer) -> None:
    with pytest.raises(KeyError):
        await add_our_signature(hosted.peer, "$1$1$unknown", ACCEPT, remark="")


@pytest.mark.parametrize(
    ("before", "kind", "text"),
    [
        ((), REVOKE, "reject it instead"),
        ((ACCEPT,), REJECT, "revoke it instead"),
        ((ACCEPT, REVOKE), ACCEPT, "revoked"),
        ((ACCEPT, REVOKE), REVOKE, None),
        ((ACCEPT,), ACCEPT, None),
        ((ACCEPT, REVOKE), REJECT, "revoked"),
        ((REJECT,), ACCEPT, "rejected"),
        ((REJECT,), REVOKE, "rejected"),
        ((REJECT,), REJECT, None),
    ],
)
async def test_each_signature_has_its_time(
    hosted: HostedPeer,
    foreign: ForeignPeer,
    before: tuple[SignatureType, ...],
    kind: SignatureType,
    text: str | None,
) -> None:
    content = await received(hosted, foreign)
    for one in before:
        await add_our_signature(hosted.peer, content_hash_of(content), one, remark="")
    record = await record_of(hosted.peer, content)
    if text is None:
        assert await add_our_signature(hosted.peer, content_hash_of(content), kind, remark="") == record
        return
    with pytest.raises(WrongState, match=text):
        await add_our_signature(hosted.peer, content_hash_of(content), kind, remark="")
    assert await record_of(hosted.peer, content) == record


async def test_nothing_is_signed_after_the_end(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = await received(hosted, foreign, valid_s=120)
    foreign.clock.advance(120)
    with pytest.raises(WrongState, match="expired"):
        await add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="")


async def test_without_a_store_nothing_is_signed(group: Federation, hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = await received(hosted, foreign)
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    documents.available = False
    with pytest.raises(StoreUnavailable):
        await add_our_signature(hosted.peer, content_hash_of(content), ACCEPT, remark="")
    documents.available = True
    assert (await record_of(hosted.peer, content)).signers(ACCEPT) == {FOREIGN}


# -- the rules


async def test_a_rule_accepts_within_the_call_that_brought_the_contract(
    group: Federation, foreign: ForeignPeer
) -> None:
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=(accepting("service_connection"),))
    content = await received(hosted, foreign)
    assert hosted.peer.contracts.valid_by_grant(grant_hash_of(content), group.clock.now()) is not None
    assert (await record_of(hosted.peer, content)).remark == "accept rule 1"


async def test_a_rule_may_reject(group: Federation, foreign: ForeignPeer) -> None:
    rule = accepting("service_connection", action="reject")
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=(rule,))
    content = await received(hosted, foreign)
    record = await record_of(hosted.peer, content)
    assert record.state(group.clock.now()) is ContractState.REJECTED
    assert [one.action for one in record.deliveries] == [DeliveryAction.REJECT]


async def test_a_rejected_contract_is_not_accepted_by_a_rule(group: Federation, foreign: ForeignPeer) -> None:
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=(accepting("service_connection"),))
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
    await foreign.put(hosted.peer, content, REJECT)
    assert (await record_of(hosted.peer, content)).signers(ACCEPT) == frozenset()


async def test_considering_what_is_unknown_decides_nothing(hosted: HostedPeer) -> None:
    decision = await consider(hosted.peer, content_hash_of(make_content(now=1000)))
    assert decision.kind is None


async def test_a_contract_is_taken_even_when_we_cannot_sign_it_now(group: Federation, foreign: ForeignPeer) -> None:
    """Our certificate expired while the connection was open: the Contract is stored, and signed after renewal."""
    host = f"manager-{PROVIDER}.localhost"
    pairs = (key_pair(PROVIDER, host=host, days=1),)
    rules = (accepting("service_connection"),)
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=rules, key_pairs=pairs)
    await received(hosted, foreign)
    group.clock.advance(2 * DAY_S)
    content = await received(hosted, foreign)
    assert (await record_of(hosted.peer, content)).signers(ACCEPT) == {FOREIGN}
    with pytest.raises(NoValidCertificate):
        hosted.peer.signing_pair()
    renewed = await group.host_tenant(replace(hosted.peer.tenant, key_pairs=(key_pair(PROVIDER, host=host),)))
    assert (await consider(renewed.peer, content_hash_of(content))).kind is ACCEPT


# -- several profiles


async def test_a_contract_is_kept_under_the_profile_it_was_signed_under(
    group: Federation, foreign: ForeignPeer
) -> None:
    profiles = (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1)
    hosted = await group.host(PROVIDER, group=make_group(hash_profiles=profiles), services=offering(SERVICE))
    grant = connection(foreign.pair, FOREIGN, PROVIDER)
    content = make_content(grant, now=group.clock.now(), profile=HashProfile.FSC_DEVELOP)
    hashes = {profile: content_hash_of(content, profile) for profile in profiles}
    jws = signed(foreign.pair, content, at=1, over=hashes[HashProfile.FSC_1_1])
    assert (await foreign.submit(hosted.peer, content, jws)).status == 201
    jws = signed(foreign.pair, content, REVOKE, at=1, over=hashes[HashProfile.FSC_DEVELOP])
    answer = await foreign.put(hosted.peer, content, REVOKE, jws, hashes[HashProfile.FSC_DEVELOP])
    assert answer.status == 201
    records, _ = await hosted.peer.contracts.page(Query())
    (record,) = records
    assert record.content_hash == hashes[HashProfile.FSC_1_1]
    assert record.state(group.clock.now()) is ContractState.REVOKED


# -- offering


async def test_an_offer_that_breaks_a_rule_is_not_made(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    now = foreign.clock.now()
    grant = connection(foreign.pair, FOREIGN, PROVIDER)
    with pytest.raises(Exception, match="not_after"):
        await offer(hosted.peer, (grant,), not_before=now, not_after=now, created_at=now, remark="")
    assert await hosted.peer.contracts.page(Query()) == ([], "")


async def test_an_offer_comes_back_as_the_very_same_contract(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    """The receiver accepts with the content we made: both have one Contract, valid."""
    now = foreign.clock.now()
    grant = connection(foreign.pair, FOREIGN, PROVIDER)
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + DAY_S, created_at=now, remark="")
    assert (await foreign.put(hosted.peer, record.parsed.raw, ACCEPT)).status == 201
    present = await hosted.peer.contracts.get(record.content_hash)
    assert present is not None
    assert present.state(now) is ContractState.VALID
    assert [one.action for one in present.deliveries] == [DeliveryAction.SUBMIT]


# -- the same again, later


async def test_what_we_hold_is_confirmed_again_though_the_clock_would_refuse_it_now(
    hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    """The sender did not hear our answer, for as long as the Contract lasted."""
    content = await received(hosted, foreign, valid_s=120)
    before = await record_of(hosted.peer, content)
    jws = before.signatures[ACCEPT][FOREIGN]
    foreign.clock.advance(DAY_S)
    assert (await foreign.submit(hosted.peer, content, jws)).status == 201
    assert (await foreign.put(hosted.peer, content, ACCEPT, jws)).status == 201
    assert await record_of(hosted.peer, content) == before


async def test_what_we_hold_is_confirmed_again_when_our_clock_was_set_back(
    hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    content = await received(hosted, foreign)
    jws = (await record_of(hosted.peer, content)).signatures[ACCEPT][FOREIGN]
    foreign.clock.advance(-1000)
    assert (await foreign.submit(hosted.peer, content, jws)).status == 201
    unknown = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=foreign.clock.now() + 1000)
    assert (await foreign.submit(hosted.peer, unknown)).refusal == (422, "ERROR_CODE_INVALID_CONTRACT")


@pytest.mark.parametrize("kind", [REJECT, REVOKE])
async def test_the_end_of_an_expired_contract_is_stored(
    hosted: HostedPeer, foreign: ForeignPeer, kind: SignatureType
) -> None:
    content = await received(hosted, foreign, valid_s=120)
    foreign.clock.advance(DAY_S)
    assert (await foreign.put(hosted.peer, content, kind)).status == 201
    assert (await record_of(hosted.peer, content)).signers(kind) == {FOREIGN}


async def test_an_expired_contract_that_we_do_not_hold_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=foreign.clock.now(), valid_s=120)
    foreign.clock.advance(DAY_S)
    for kind in SignatureType:
        assert (await foreign.put(hosted.peer, content, kind)).refusal == (422, "ERROR_CODE_INVALID_CONTRACT")
    assert await hosted.peer.contracts.page(Query()) == ([], "")


async def test_another_signature_under_what_we_hold_is_verified_as_ever(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    content = await received(hosted, foreign)
    before = await record_of(hosted.peer, content)
    jws = before.signatures[ACCEPT][FOREIGN]
    forged = ".".join((*jws.split(".")[:2], signed(foreign.pair, content, at=5).split(".")[2]))
    for bad in (
        forged,
        jws[:-4],
        signed(key_pair(FOREIGN), content, at=5),
        signed(foreign.pair, content, REVOKE, at=5),
    ):
        assert (await foreign.put(hosted.peer, content, ACCEPT, bad)).refusal[0] == 422
    outsider = await group.foreign(OTHER)
    assert (await outsider.put(hosted.peer, content, ACCEPT, jws)).refusal[0] == 422
    assert await record_of(hosted.peer, content) == before


async def test_an_accept_of_another_peer_does_not_count_as_the_same_again(
    hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    content = await received(hosted, foreign)
    jws = (await record_of(hosted.peer, content)).signatures[ACCEPT][FOREIGN]
    assert (await foreign.put(hosted.peer, content, REVOKE, jws)).refusal[0] == 422
    assert (await foreign.put(hosted.peer, content, ACCEPT, jws, url_hash="$1$1$other")).refusal[0] == 422


async def test_who_says_the_same_again_from_another_address_is_known_there(
    hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    content = await received(hosted, foreign)
    jws = (await record_of(hosted.peer, content)).signatures[ACCEPT][FOREIGN]
    foreign.address = "https://moved.example.test:8443"
    assert (await foreign.submit(hosted.peer, content, jws)).status == 201
    known = await hosted.peer.peers.get(FOREIGN)
    assert known is not None
    assert known.manager_address == foreign.address


async def test_one_contract_signed_under_two_profiles_at_once_is_one_contract(
    group: Federation, foreign: ForeignPeer
) -> None:
    profiles = (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1)
    hosted = await group.host(PROVIDER, group=make_group(hash_profiles=profiles), services=offering(SERVICE))
    other = await group.foreign(OTHER)
    grant = connection(foreign.pair, FOREIGN, PROVIDER, delegator=OTHER)
    content = make_content(grant, now=group.clock.now(), profile=HashProfile.FSC_DEVELOP)
    answers = await asyncio.gather(
        *(
            one.submit(hosted.peer, content, signed(one.pair, content, at=1, over=content_hash_of(content, profile)))
            for one, profile in zip((foreign, other) * 3, profiles * 3, strict=True)
        )
    )
    assert {answer.status for answer in answers} == {201}
    (record,), _ = await hosted.peer.contracts.page(Query())
    assert record.signers(ACCEPT) == {FOREIGN, OTHER}
