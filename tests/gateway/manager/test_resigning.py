"""A rotated certificate: what it signed is signed anew and brought to everybody, once."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.custody import KeyPair
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType, parse_signature
from gateway.fsc.state import ContractState
from gateway.manager.contracts import add_our_signature, offer
from gateway.manager.resigning import LOOK_AGAIN_S, Resigner, is_outlived
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.tenant import NoValidCertificate
from klantenregister.hosting import HostedPeer
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    FOREIGN,
    Federation,
    ForeignPeer,
    connection,
    eventually,
    key_pair,
    make_content,
    working,
)

ACCEPT = SignatureType.ACCEPT
HOST = f"manager-{CONSUMER}.localhost"


@pytest.fixture
async def foreign(group: Federation) -> ForeignPeer:
    return await group.foreign()


async def hosted_with(group: Federation, *pairs: KeyPair) -> HostedPeer:
    return await group.host(CONSUMER, key_pairs=pairs)


async def made(hosted: HostedPeer, *, days: int = 30, owed: bool = False) -> ContractRecord:
    """A Contract of ours that the other side has received, unless it is still `owed`."""
    now = hosted.peer.clock.now()
    grant = connection(hosted.peer.signing_pair(), CONSUMER, FOREIGN)
    record = await offer(hosted.peer, (grant,), not_before=now, not_after=now + days * DAY_S, created_at=now, remark="")
    if owed:
        return record
    return await hosted.peer.contracts.update(record.content_hash, lambda one: replace(one, deliveries=()))


async def present(hosted: HostedPeer, record: ContractRecord) -> ContractRecord:
    found = await hosted.peer.contracts.get(record.content_hash)
    assert found is not None
    return found


def rotate(hosted: HostedPeer, *pairs: KeyPair) -> None:
    """The configuration was read again, with these certificates."""
    hosted.use(replace(hosted.peer.tenant, key_pairs=pairs))


async def test_what_would_outlive_its_certificate_is_signed_again_and_owed(group: Federation) -> None:
    old, new = key_pair(CONSUMER, host=HOST, days=10), key_pair(CONSUMER, host=HOST, days=365)
    hosted = await hosted_with(group, old)
    record = await made(hosted)
    rotate(hosted, new)
    assert await Resigner(hosted.peer).look()
    after = await present(hosted, record)
    held, again = (parse_signature(one.signatures[ACCEPT][CONSUMER]) for one in (record, after))
    assert (held.thumbprint, again.thumbprint) == (old.thumbprint, new.thumbprint)
    assert again.payload.signed_at > held.payload.signed_at, "made in the same second, yet later"
    assert again.payload.contract_content_hash == record.content_hash
    assert [(one.peer_id, one.action) for one in after.deliveries] == [(FOREIGN, DeliveryAction.ACCEPT)]


async def test_it_is_done_once_for_a_rotation(group: Federation) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    record = await made(hosted)
    rotate(hosted, key_pair(CONSUMER, host=HOST))
    resigner = Resigner(hosted.peer)
    await resigner.look()
    after = await present(hosted, record)
    for look_again in (resigner, Resigner(hosted.peer)):
        await look_again.look()
        group.clock.advance(LOOK_AGAIN_S)
        await look_again.look()
        assert await present(hosted, record) == after


async def test_what_another_process_signed_with_the_old_certificate_is_found_within_the_hour(group: Federation) -> None:
    old, new = key_pair(CONSUMER, host=HOST, days=10), key_pair(CONSUMER, host=HOST)
    hosted = await hosted_with(group, old)
    rotate(hosted, new)
    resigner = Resigner(hosted.peer)
    await resigner.look()
    rotate(hosted, old)
    record = await made(hosted)
    rotate(hosted, new)
    await resigner.look()
    assert await present(hosted, record) == record
    group.clock.advance(LOOK_AGAIN_S)
    await resigner.look()
    assert parse_signature((await present(hosted, record)).signatures[ACCEPT][CONSUMER]).thumbprint == new.thumbprint


@pytest.mark.parametrize(
    ("old_days", "contract_days", "new_days"),
    [(60, 30, 365), (10, 30, 5), (10, 5, 365)],
    ids=["outlives it anyway", "the new one ends sooner", "contract ends first"],
)
async def test_what_needs_no_new_signature_gets_none(
    group: Federation, old_days: int, contract_days: int, new_days: int
) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=old_days))
    record = await made(hosted, days=contract_days)
    rotate(hosted, key_pair(CONSUMER, host=HOST, days=new_days))
    await Resigner(hosted.peer).look()
    assert await present(hosted, record) == record


async def test_what_we_have_not_accepted_or_have_ended_gets_none(group: Federation, foreign: ForeignPeer) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    revoked = await made(hosted)
    revoked = await add_our_signature(hosted.peer, revoked.content_hash, SignatureType.REVOKE, remark="")
    rotate(hosted, key_pair(CONSUMER, host=HOST))
    await Resigner(hosted.peer).look()
    assert await present(hosted, revoked) == revoked


async def test_a_signature_of_a_certificate_that_this_process_does_not_know_is_left_alone(group: Federation) -> None:
    """Another process may have signed with a newer certificate than ours: replacing that would go on for ever."""
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    record = await made(hosted)
    hosted.peer.certificates._known.clear()
    rotate(hosted, key_pair(CONSUMER, host=HOST))
    await Resigner(hosted.peer).look()
    assert await present(hosted, record) == record


async def test_without_a_valid_certificate_nothing_is_signed(group: Federation) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    record = await made(hosted)
    group.clock.advance(11 * DAY_S)
    with pytest.raises(NoValidCertificate):
        hosted.peer.signing_pair()
    assert await Resigner(hosted.peer).look()
    assert await present(hosted, record) == record


async def test_a_round_that_the_store_broke_off_is_done_again(group: Federation) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    records = [await made(hosted) for _ in range(3)]
    new = key_pair(CONSUMER, host=HOST)
    rotate(hosted, new)
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    resigner = Resigner(hosted.peer)
    documents.available = False
    with pytest.raises(StoreUnavailable):
        await resigner.look()
    documents.available = True
    await resigner.look()
    for record in records:
        jws = (await present(hosted, record)).signatures[ACCEPT][CONSUMER]
        assert parse_signature(jws).thumbprint == new.thumbprint


async def test_a_peer_that_missed_the_contract_gets_it_with_the_new_signature_only(
    group: Federation, foreign: ForeignPeer
) -> None:
    hosted = await hosted_with(group, key_pair(CONSUMER, host=HOST, days=10))
    await foreign.announce(hosted.peer)
    record = await made(hosted, owed=True)
    new = key_pair(CONSUMER, host=HOST)
    rotate(hosted, new)
    await Resigner(hosted.peer).look()
    async with working(hosted):
        await eventually(lambda: len(foreign.signatures_received()) == 1)
    (got,) = foreign.signatures_received()
    assert (got.method, got.path) == ("POST", "/v1/contracts")
    assert parse_signature(json.loads(got.body)["signature"]).thumbprint == new.thumbprint
    assert json.loads(got.body)["contract_content"] == record.parsed.raw


async def test_both_sides_hold_the_new_signature_and_traffic_never_stops(group: Federation) -> None:
    """Two Managers of ours: the Contract stays valid on both sides, and both keep the newer accept."""
    other_host = f"manager-{FOREIGN}.localhost"
    provider = await group.host(FOREIGN, key_pairs=(key_pair(FOREIGN, host=other_host),))
    old, new = key_pair(CONSUMER, host=HOST, days=10), key_pair(CONSUMER, host=HOST)
    hosted = await hosted_with(group, old)
    for one, other in ((hosted, provider), (provider, hosted)):
        tenant = other.peer.tenant
        await one.peer.peers.remember(tenant.peer_id, tenant.name, tenant.manager_address, now=1)
    record = await made(hosted, owed=True)
    async with working(hosted, provider):
        await eventually(lambda: provider.peer.contracts.view.get(record.content_hash) is not None)
        await add_our_signature(provider.peer, record.content_hash, ACCEPT, remark="")
        await eventually(lambda: bool(hosted.peer.contracts.view.valid(group.clock.now())))
        rotate(hosted, new)
        hosted.manager.upkeep.kick()

        def thumbprints() -> set[str]:
            held = [one.peer.contracts.view.get(record.content_hash) for one in (hosted, provider)]
            assert all(one is not None and one.state(group.clock.now()) is ContractState.VALID for one in held)
            return {parse_signature(one.signatures[ACCEPT][CONSUMER]).thumbprint for one in held if one is not None}

        await eventually(lambda: thumbprints() == {new.thumbprint})
    assert (await present(hosted, record)).signatures == (await present(provider, record)).signatures
    published = {
        certificate for chain in hosted.peer.certificates.published(group.clock.now()) for certificate in chain
    }
    assert {old.certificate, new.certificate} <= published


@given(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60))
def test_a_signature_is_renewed_exactly_when_that_makes_it_last_longer_and_it_matters(
    signer_days: int, contract_days: int, present_days: int
) -> None:
    signer, present_pair = (_pair(days) for days in (signer_days, present_days))
    end = signer.not_before + contract_days * DAY_S
    record = _record_until(end)
    wanted = signer.not_after < end and signer.not_after < present_pair.not_after
    assert is_outlived(record, signer.certificate, present_pair) is wanted


_PAIRS: dict[int, KeyPair] = {}


def _pair(days: int) -> KeyPair:
    return _PAIRS.setdefault(days, key_pair(CONSUMER, days=days))


def _record_until(end: int) -> ContractRecord:
    content = make_content(connection(_pair(1), CONSUMER, FOREIGN), now=end - DAY_S, valid_s=DAY_S + 60)
    parsed = parse_contract_content(content)
    assert parsed.content.not_after == end
    return ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)))
