"""Converging: what is decided is done, once, durably, and towards every other Peer of the Contract."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from certs.custody import KeyPair
from certs.identity import PeerId, PeerName
from gateway.fsc.names import ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.manager.contracts import add_our_signature, offer
from gateway.manager.convergence import decisions_of
from gateway.manager.desired import OVERLAP_S, Action, Decision
from gateway.state.contracts import ContractRecord, DeliveryAction
from klantenregister.hosting import HostedPeer
from storage.documents import Query
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    accepting,
    authority,
    connection,
    eventually,
    key_pair,
    make_group,
    make_tenant,
    offering,
    wanting,
    working,
)

BRP = "connection brp"


async def consumer(group: Federation, *names: str, **settings: Any) -> HostedPeer:
    """A Peer that wants a connection of each name."""
    return await group.host(CONSUMER, connections=tuple(wanting(name, PROVIDER, name, **settings) for name in names))


def declare(hosted: HostedPeer, *connections: Any) -> None:
    """From here on `hosted` declares these."""
    hosted.use(replace(hosted.peer.tenant, connections=connections))


async def converge(hosted: HostedPeer) -> bool:
    return await hosted.manager.upkeep.convergence.converge()


async def decisions(hosted: HostedPeer) -> dict[str, Decision]:
    return {one.label: one for one in await hosted.manager.upkeep.convergence.decisions()}


async def all_of(hosted: HostedPeer) -> list[ContractRecord]:
    return (await hosted.peer.contracts.page(Query()))[0]


async def the_only(hosted: HostedPeer, **having: Any) -> ContractRecord:
    [record] = [one for one in await all_of(hosted) if all(getattr(one, name) == it for name, it in having.items())]
    return record


async def accepted(hosted: HostedPeer, record: ContractRecord, by: PeerId = PROVIDER) -> None:
    """As if the other side had accepted."""
    await hosted.peer.contracts.update(
        record.content_hash, lambda current: current.with_signature(SignatureType.ACCEPT, by, "a.b.c")
    )


async def agreed(group: Federation, **settings: Any) -> tuple[HostedPeer, ContractRecord]:
    """A consumer whose connection brp is valid, and has been for a while."""
    hosted = await consumer(group, "brp", **settings)
    await converge(hosted)
    await accepted(hosted, await the_only(hosted))
    await converge(hosted)
    group.clock.advance(OVERLAP_S)
    return hosted, await the_only(hosted)


async def test_each_declared_connection_is_offered_once(group: Federation) -> None:
    hosted = await consumer(group, "brp", "kvk", properties={"a": {"b": [1, 2.5, None]}})
    for _ in range(3):
        assert await converge(hosted)
    records = await all_of(hosted)
    assert sorted(one.made_for for one in records) == [BRP, "connection kvk"]
    for record in records:
        assert record.signers(SignatureType.ACCEPT) == {CONSUMER}
        assert [(one.peer_id, one.action) for one in record.deliveries] == [(PROVIDER, DeliveryAction.SUBMIT)]
        assert record.content.not_after - record.content.not_before == 365 * DAY_S
        assert record.state(group.clock.now()) is ContractState.PROPOSED


async def test_a_restart_changes_nothing(group: Federation) -> None:
    hosted, record = await agreed(group)
    again = await group.host_tenant(hosted.peer.tenant)
    assert await converge(again)
    assert await the_only(again) == record


async def test_an_offer_that_was_cut_off_while_it_was_stored_is_not_made_again(
    group: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = await consumer(group, "brp")
    documents = hosted.peer.contracts._documents
    stored = asyncio.Event()

    async def never_heard(*args: Any, **named: Any) -> Any:
        await type(documents).put_many(documents, *args, **named)
        stored.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patched:
        patched.setattr(documents, "put_many", never_heard)
        async with asyncio.TaskGroup() as tasks:
            round_cut_off = tasks.create_task(converge(hosted))
            await stored.wait()
            round_cut_off.cancel()
    for _ in range(2):
        assert await converge(hosted)
    record = await the_only(hosted)
    assert hosted.peer.contracts.view.alive() == [record]


async def test_two_rounds_at_once_offer_once(group: Federation) -> None:
    hosted = await consumer(group, "brp")
    async with working(hosted):
        for _ in range(5):
            hosted.manager.upkeep.kick()
            await converge(hosted)
    await the_only(hosted)


async def test_a_contract_for_several_parties_is_owed_to_each_of_them(group: Federation) -> None:
    wanted = wanting("brp", PROVIDER).model_validate(
        {
            "name": "brp",
            "delegator": FOREIGN,
            "service": {"peer_id": PROVIDER, "name": "brp", "delegator": OTHER},
        }
    )
    hosted = await group.host(CONSUMER, connections=(wanted,))
    await converge(hosted)
    record = await the_only(hosted)
    assert {one.peer_id for one in record.deliveries} == {PROVIDER, FOREIGN, OTHER}
    assert record.content.required_accepts() == {CONSUMER, PROVIDER, FOREIGN, OTHER}


async def test_four_parties_come_to_agree_each_with_everything(group: Federation) -> None:
    parties = (CONSUMER, PROVIDER, FOREIGN, OTHER)
    accept = (accepting("delegated_service_connection"),)
    others = [
        await group.host(one, slug=f"peer-{one}", services=offering(SERVICE), accept=accept) for one in parties[1:]
    ]
    wanted = wanting("brp", PROVIDER).model_validate(
        {
            "name": "brp",
            "delegator": FOREIGN,
            "service": {"peer_id": PROVIDER, "name": SERVICE, "delegator": OTHER},
        }
    )
    ours = await group.host(CONSUMER, connections=(wanted,))
    everybody = [ours, *others]
    for one in everybody:
        for other in everybody:
            tenant = other.peer.tenant
            await one.peer.peers.remember(tenant.peer_id, tenant.name, tenant.manager_address, now=group.clock.now())

    def all_valid() -> bool:
        return all(one.peer.contracts.view.valid(group.clock.now()) for one in everybody)

    async with working(*everybody):
        await eventually(all_valid, within_s=15)
    for one in everybody:
        assert (await the_only(one)).signers(SignatureType.ACCEPT) == set(parties)
    assert (await decisions(ours))[BRP].settled


async def test_a_service_is_published_on_behalf_of_another_which_receives_it_too(group: Federation) -> None:
    rules = make_group(directories={DIRECTORY: make_tenant(DIRECTORY, port=group.port).manager_address})
    hosted = await group.host(PROVIDER, group=rules, services=offering(SERVICE, publish=True, delegator=OTHER))
    await converge(hosted)
    record = await the_only(hosted)
    assert record.made_for == f"publication of {SERVICE} at {DIRECTORY}"
    assert {one.peer_id for one in record.deliveries} == {DIRECTORY, OTHER}


async def test_a_directory_publishes_its_own_service_without_asking_anybody(group: Federation) -> None:
    rules = make_group(directories={DIRECTORY: make_tenant(DIRECTORY, port=group.port).manager_address})
    hosted = await group.host(DIRECTORY, group=rules, directory=True, services=offering(SERVICE, publish=True))
    await converge(hosted)
    record = await the_only(hosted)
    assert (record.state(group.clock.now()), record.deliveries) == (ContractState.VALID, ())
    hosted.use(replace(hosted.peer.tenant, services=offering(SERVICE)))
    await converge(hosted)
    assert (await the_only(hosted)).state(group.clock.now()) is ContractState.REVOKED


def _long(hosted: HostedPeer) -> KeyPair:
    """The same key, certified for long enough."""
    pair = hosted.peer.tenant.key_pairs[0]
    return authority().issue(
        peer_id=CONSUMER, name=f"Peer {CONSUMER}", dns_names=["x"], days=3000, private_key=pair.private_key
    )


async def test_a_successor_stands_beside_what_is_about_to_end(group: Federation) -> None:
    hosted, old = await agreed(group)
    hosted.use(replace(hosted.peer.tenant, key_pairs=(_long(hosted),)))
    group.clock.at = old.content.not_after - 29 * DAY_S
    for _ in range(2):
        await converge(hosted)
    [successor] = [one for one in await all_of(hosted) if one.content_hash != old.content_hash]
    await accepted(hosted, successor)
    for _ in range(3):
        group.clock.advance(OVERLAP_S)
        await converge(hosted)
    present = await hosted.peer.contracts.get(old.content_hash)
    assert present is not None
    assert present.state(group.clock.now()) is ContractState.VALID
    assert len(await all_of(hosted)) == 2


async def test_a_new_key_replaces_the_contract_and_a_renewed_certificate_does_not(group: Federation) -> None:
    hosted, old = await agreed(group)
    hosted.use(replace(hosted.peer.tenant, key_pairs=(_long(hosted),)))
    await converge(hosted)
    await the_only(hosted)
    hosted.use(replace(hosted.peer.tenant, key_pairs=(key_pair(CONSUMER),)))
    await converge(hosted)
    [new] = [one for one in await all_of(hosted) if one.content_hash != old.content_hash]
    assert new.made_for == BRP


async def test_changed_properties_replace_the_contract_without_a_gap(group: Federation) -> None:
    hosted, old = await agreed(group)
    declare(hosted, wanting("brp", PROVIDER, "brp", properties={"a": 1}))
    assert await converge(hosted)
    assert (await decisions(hosted))[BRP].outgoing == (old,)
    [new] = [one for one in await all_of(hosted) if one.content_hash != old.content_hash]
    await accepted(hosted, new)

    assert not await converge(hosted)  # it has just become valid: more to do in a moment
    assert (await decisions(hosted))[BRP].hurries
    group.clock.advance(OVERLAP_S - 1)
    assert not await converge(hosted)
    assert len(hosted.peer.contracts.view.valid(group.clock.now())) == 2
    group.clock.advance(1)
    assert await converge(hosted)

    [serving] = hosted.peer.contracts.view.valid(group.clock.now())
    assert serving.content_hash == new.content_hash
    ended = await hosted.peer.contracts.get(old.content_hash)
    assert ended is not None
    assert (ended.withdrawn, ended.state(group.clock.now())) == (True, ContractState.REVOKED)
    assert DeliveryAction.REVOKE in {one.action for one in ended.deliveries}
    assert ended.remark.startswith(BRP)
    assert (await decisions(hosted))[BRP].settled


async def test_what_is_not_declared_any_more_is_revoked_and_offered_again_when_it_is(group: Federation) -> None:
    hosted, old = await agreed(group)
    connections = hosted.peer.tenant.connections
    declare(hosted)
    await converge(hosted)
    await converge(hosted)
    ended = await the_only(hosted)
    assert (ended.withdrawn, ended.state(group.clock.now())) == (True, ContractState.REVOKED)
    assert await decisions(hosted) == {}
    declare(hosted, *connections)
    await converge(hosted)
    [new] = [one for one in await all_of(hosted) if one.content_hash != old.content_hash]
    assert new.state(group.clock.now()) is ContractState.PROPOSED


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_no_is_not_asked_again_until_the_declaration_was_gone(group: Federation, restarted: bool) -> None:
    hosted, record = await agreed(group)
    connections = hosted.peer.tenant.connections
    await add_our_signature(hosted.peer, record.content_hash, SignatureType.REVOKE, remark="")
    await converge(hosted)
    await the_only(hosted)
    assert (await decisions(hosted))[BRP].action is Action.REFUSED
    declare(hosted)
    if restarted:
        hosted = await group.host_tenant(hosted.peer.tenant)
    await converge(hosted)
    declare(hosted, *connections)
    await converge(hosted)
    assert len(await all_of(hosted)) == 2


async def test_a_refusal_is_told_once(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    hosted, record = await agreed(group)
    await add_our_signature(hosted.peer, record.content_hash, SignatureType.REVOKE, remark="")
    for _ in range(3):
        await converge(hosted)
    assert caplog.text.count("declared_contract_refused") == 1


async def test_what_a_person_made_is_adopted_for_good(group: Federation) -> None:
    hosted = await consumer(group)
    pair, now = hosted.peer.signing_pair(), group.clock.now()
    grant = connection(pair, CONSUMER, PROVIDER, service="brp")
    await offer(hosted.peer, (grant,), not_before=now, not_after=now + 90 * DAY_S, created_at=now, remark="")
    declare(hosted, wanting("brp", PROVIDER, "brp"))
    for _ in range(2):
        await converge(hosted)
    assert (await the_only(hosted)).made_for == BRP
    again = await group.host_tenant(hosted.peer.tenant)
    assert (await decisions(again))[BRP].action is Action.KEEP


async def test_what_cannot_be_offered_stops_nothing_else(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    hosted = await consumer(group, "brp", "kvk")
    large, small = hosted.peer.tenant.connections
    declare(hosted, large.model_copy(update={"properties": {"a": "x" * 1_100_000}}), small)
    await converge(hosted)
    assert (await the_only(hosted)).made_for == "connection kvk"
    assert "cannot_converge" in caplog.text


async def test_without_a_valid_certificate_nothing_is_done(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    hosted = await consumer(group, "brp")
    group.clock.advance(400 * DAY_S)
    assert await converge(hosted)
    assert await all_of(hosted) == []
    assert "cannot_converge" in caplog.text


async def test_deciding_for_another_configuration_does_nothing(group: Federation) -> None:
    hosted, record = await agreed(group)
    tenant = replace(hosted.peer.tenant, connections=(wanting("kvk", PROVIDER, "kvk"),))
    planned = await hosted.manager.upkeep.convergence.decisions(tenant)
    assert [(one.label, one.action) for one in planned] == [
        ("connection kvk", Action.OFFER),
        (BRP, Action.REVOKE),
    ]
    assert await the_only(hosted) == record
    same = await decisions_of(hosted.peer.tenant, hosted.peer.contracts, group.clock.now())
    assert [(one.label, one.action) for one in same] == [(BRP, Action.KEEP)]


REFUSED = b'{"code": "ERROR_CODE_UNKNOWN_FSC_VERSION", "domain": "ERROR_DOMAIN_MANAGER", "message": "no"}'


async def test_an_offer_of_a_generation_that_is_not_taken_is_made_again_in_one_that_is(group: Federation) -> None:
    both = make_group(hash_profiles=(HashProfile.FSC_1_1, HashProfile.FSC_2_0))
    hosted = await group.host(CONSUMER, group=both, connections=(wanting("brp", FOREIGN),))
    foreign = await group.foreign(FOREIGN)
    foreign.status, foreign.body = 422, REFUSED
    await hosted.peer.peers.remember(FOREIGN, PeerName("Foreign"), ManagerAddress(foreign.address), now=1)
    await converge(hosted)
    first = await the_only(hosted)
    async with working(hosted):
        view = hosted.peer.contracts.view
        await eventually(lambda: any(owed.last_error for one in view.alive() for owed in one.deliveries))
    assert await converge(hosted)
    # Nothing is known of the other Peer yet, so there is no other offer to make.
    assert (await the_only(hosted, made_for=BRP)).content_hash == first.content_hash

    await hosted.peer.peers.told_version(FOREIGN, "2.0.0", now=group.clock.now(), ask_at=group.clock.now() + DAY_S)
    group.clock.advance(1)
    for _ in range(3):
        await converge(hosted)
    second = await the_only(hosted, withdrawn=False)
    assert (first.hashes[0].profile, second.hashes[0].profile) == (HashProfile.FSC_1_1, HashProfile.FSC_2_0)
    ended = await the_only(hosted, withdrawn=True)
    assert ended.content_hash == first.content_hash
    assert ended.signers(SignatureType.REVOKE) == {CONSUMER}
    assert ended.deliveries == ()
