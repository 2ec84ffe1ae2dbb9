"""The background work as a whole: it agrees with others by itself, and nothing that fails ends it."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.manager.allowance import IN_A_ROW
from gateway.manager.contracts import add_our_signature, offer
from gateway.manager.upkeep import Upkeep
from gateway.state.contracts import Delivery, DeliveryAction
from klantenregister.hosting import HostedPeer
from storage.documents import Query
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    accepting,
    connection,
    content_hash_of,
    eventually,
    make_content,
    make_group,
    make_tenant,
    offering,
    wanting,
    working,
)


async def three(group: Federation) -> tuple[HostedPeer, HostedPeer, HostedPeer]:
    """A Directory, a Peer that publishes a Service, and one that wants it."""
    address = make_tenant(DIRECTORY, port=group.port).manager_address
    rules = make_group(directories={DIRECTORY: address})
    directory = await group.host(DIRECTORY, group=rules, directory=True, accept=(accepting("service_publication"),))
    provider = await group.host(
        PROVIDER,
        group=rules,
        services=offering(SERVICE, publish=True),
        accept=(accepting("service_connection", peers=(CONSUMER,), services=(SERVICE,)),),
    )
    consumer = await group.host(CONSUMER, group=rules, connections=(wanting("klanten", PROVIDER),))
    return directory, provider, consumer


def valid(hosted: HostedPeer) -> list[str]:
    """The types of Grant for which this Peer has a valid Contract."""
    records = hosted.peer.contracts.view.valid(hosted.peer.clock.now())
    return sorted(grant.kind.name for record in records for grant in record.content.grants)


async def test_three_peers_agree_by_themselves_and_come_to_rest(group: Federation) -> None:
    directory, provider, consumer = await three(group)
    async with working(directory, provider, consumer):
        await eventually(lambda: valid(directory) == ["SERVICE_PUBLICATION"])
        # The consumer first asked the Directory before the provider had announced itself, at worst.
        await _settle(group, lambda: valid(consumer) == ["SERVICE_CONNECTION"])
        assert valid(provider) == ["SERVICE_CONNECTION", "SERVICE_PUBLICATION"]
        for one in (directory, provider, consumer):
            one.manager.upkeep.kick()
        await asyncio.sleep(0.1)
        for one, count in ((directory, 1), (provider, 2), (consumer, 1)):
            records, _ = await one.peer.contracts.page(Query())
            assert len(records) == count
            assert all(record.deliveries == () for record in records)


async def _settle(group: Federation, condition: Callable[[], bool]) -> None:
    """Let time go by until `condition` holds."""
    for _ in range(200):
        if condition():
            return
        group.clock.advance(1)
        for one in group.hosts.all():
            one.peer.contracts.owed.set()
            one.manager.upkeep.kick()
        await asyncio.sleep(0.02)
    raise AssertionError("they do not come to agree")


async def test_a_no_to_what_is_declared_is_told_once(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    consumer = await group.host(CONSUMER, connections=(wanting("klanten", PROVIDER),))

    def told() -> int:
        return [record.message for record in caplog.records].count("declared_contract_refused")

    async with working(consumer):
        await eventually(lambda: "contract_offered" in caplog.messages)
        (record,), _ = await consumer.peer.contracts.page(Query())
        await add_our_signature(consumer.peer, record.content_hash, SignatureType.REVOKE, remark="")
        consumer.manager.upkeep.kick()
        await eventually(lambda: told() == 1)
        consumer.manager.upkeep.kick()
        await asyncio.sleep(0.1)
    assert told() == 1


async def test_what_becomes_of_a_declared_contract_is_looked_at_at_once(
    group: Federation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.manager.upkeep.RETRY_S", 600.0)
    monkeypatch.setattr("gateway.manager.upkeep.EVERY_S", 600.0)
    caplog.set_level("INFO")
    consumer = await group.host(CONSUMER, connections=(wanting("klanten", PROVIDER),))
    async with working(consumer):
        await eventually(lambda: "contract_offered" in caplog.messages)
        await asyncio.sleep(0.05)
        (record,) = consumer.peer.contracts.view.alive()
        assert "declared_contract_refused" not in caplog.messages
        await add_our_signature(consumer.peer, record.content_hash, SignatureType.REVOKE, remark="")
        await eventually(lambda: "declared_contract_refused" in caplog.messages)


async def test_a_rule_that_is_added_later_decides_about_what_waits(group: Federation) -> None:
    hosted = await group.host(PROVIDER, services=offering(SERVICE))
    foreign = await group.foreign()
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
    await foreign.submit(hosted.peer, content)
    reloaded = await group.host(
        PROVIDER,
        key_pairs=hosted.peer.tenant.key_pairs,
        services=offering(SERVICE),
        accept=(accepting("service_connection"),),
    )
    async with working(reloaded):
        await eventually(lambda: valid(reloaded) == ["SERVICE_CONNECTION"])
        await eventually(lambda: ("PUT", "accept") in foreign.contracts_received())


async def test_a_kick_looks_again_at_once(group: Federation) -> None:
    hosted = await group.host(CONSUMER)
    async with working(hosted):
        await asyncio.sleep(0.05)
        tenant = make_tenant(
            CONSUMER, key_pairs=hosted.peer.tenant.key_pairs, connections=(wanting("klanten", PROVIDER),)
        )
        hosted.peer.tenant = tenant
        hosted.manager.upkeep.kick()
        await eventually(lambda: len(hosted.peer.contracts.view._contracts) == 1)


async def test_who_announces_itself_all_the_time_makes_us_do_little(group: Federation) -> None:
    hosted = await group.host(CONSUMER)
    foreign, other = await group.foreign(), await group.foreign(OTHER)
    for one in (foreign, other):
        await one.announce(hosted.peer)
    now = group.clock.now()
    pair = hosted.peer.signing_pair()
    for peer_id in (FOREIGN, OTHER):
        grant = connection(pair, CONSUMER, peer_id)
        await offer(hosted.peer, (grant,), not_before=now, not_after=now + 9999, created_at=now, remark="")
    foreign.status = other.status = 500
    async with working(hosted):
        for _ in range(30):
            assert (await foreign.announce(hosted.peer)).status == 200
            await asyncio.sleep(0.02)
        tries = len(foreign.contracts_received())
        assert 2 <= tries <= 1 + IN_A_ROW
        other.status = 201
        await other.announce(hosted.peer)
        await eventually(lambda: len(other.contracts_received()) >= 2)
    assert len(foreign.contracts_received()) == tries


async def test_a_directory_that_does_not_answer_delays_nothing_else(group: Federation) -> None:
    directory = await group.foreign(DIRECTORY)
    directory.pause = asyncio.Event()
    rules = make_group(directories={DIRECTORY: directory.address})
    hosted = await group.host(CONSUMER, group=rules, connections=(wanting("klanten", PROVIDER),))
    async with working(hosted):
        await eventually(lambda: any(one.path == "/v1/announce" for one in directory.received))
        await eventually(lambda: len(hosted.peer.contracts.view._contracts) == 1)


async def test_a_store_that_is_away_for_a_while_ends_nothing(group: Federation) -> None:
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    hosted = await group.host(CONSUMER, connections=(wanting("klanten", PROVIDER),))
    documents.available = False
    async with working(hosted):
        await asyncio.sleep(0.05)
        documents.available = True
        hosted.manager.upkeep.kick()
        await eventually(lambda: len(hosted.peer.contracts.view._contracts) == 1)


async def test_a_fault_of_ours_ends_nothing_and_is_told(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    """A tenant that cannot be converged: its connection is no connection at all."""
    hosted = await group.host(CONSUMER, connections=(None,))
    async with working(hosted):
        await eventually(lambda: "upkeep_crashed" in caplog.text)
        tenant = make_tenant(CONSUMER, key_pairs=hosted.peer.tenant.key_pairs, connections=())
        hosted.peer.tenant = tenant
        hosted.manager.upkeep.kick()
        await asyncio.sleep(0.02)


async def test_a_crashed_attempt_ends_no_other(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    """A debt for a signature that is not there can never be paid; others are."""
    hosted = await group.host(PROVIDER, services=offering(SERVICE), accept=(accepting("service_connection"),))
    foreign = await group.foreign()
    contents = [make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now()) for _ in range(2)]
    for content in contents:
        await foreign.submit(hosted.peer, content)
    impossible = Delivery(FOREIGN, DeliveryAction.REVOKE, 0)
    await hosted.peer.contracts.update(
        content_hash_of(contents[0]), lambda record: replace(record, deliveries=(impossible,))
    )
    async with working(hosted):
        await eventually(lambda: "delivery_crashed" in caplog.text)
        await eventually(lambda: ("PUT", "accept") in foreign.contracts_received())
    record = await hosted.peer.contracts.get(content_hash_of(contents[0]))
    assert record is not None
    assert record.state(group.clock.now()) is ContractState.VALID
    assert SignatureType.REVOKE not in record.signatures


async def test_work_ends_when_it_is_cancelled_and_may_begin_again(group: Federation) -> None:
    hosted = await group.host(CONSUMER)
    upkeep = Upkeep(hosted.peer)
    for _ in range(2):
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(upkeep.run())
            await asyncio.sleep(0.02)
            assert not task.done()
            task.cancel()


async def test_it_ends_also_when_it_is_kicked_at_that_very_moment(group: Federation) -> None:
    hosted = await group.host(PROVIDER)
    async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
        work = tasks.create_task(hosted.manager.upkeep.run())
        await asyncio.sleep(0.05)
        hosted.manager.upkeep.kick()
        hosted.peer.contracts.owed.set()
        work.cancel()
    assert work.cancelled()
