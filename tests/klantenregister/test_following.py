"""`klantenregister.following`: what others write is noticed, told or not; tests/e2e/test_workers.py has processes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from certs.identity import PeerId
from gateway.fsc.signature import SignatureType
from gateway.state.changes import Change, Topic
from gateway.state.contract_store import ContractStore
from klantenregister.following import CHANNEL, Following, parse_change, render_change
from klantenregister.hosting import Hosts
from klantenregister.installation import Installation
from storage.errors import StoreUnavailable
from storage.memory import MemoryCache, MemoryDocuments
from tests.gateway.harness import eventually
from tests.klantenregister.running import CONSUMER, PROVIDER, Place, agreed, connection_grant, hosted, serving

PEER = PeerId(PROVIDER.peer_id)


@pytest.mark.parametrize("topic", Topic)
def test_a_change_keeps_what_it_tells(topic: Topic) -> None:
    change = Change(topic, "about é", "r1")
    assert parse_change(render_change(PEER, change)) == (PEER, change)


@pytest.mark.parametrize("message", [b"", b"[]", b"{}", b'["a","nothing","b","c"]', b'["a","peer",1,"c"]', b"\xff"])
def test_what_is_no_change_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_change(message)


@pytest.fixture
async def installation(federation: Place) -> AsyncIterator[Installation]:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=20)
        yield installation


async def test_a_write_that_nobody_told_is_noticed(installation: Installation) -> None:
    provider = hosted(installation, PROVIDER).peer
    grant_hash = connection_grant(installation)
    record = provider.contracts.view.by_grant(grant_hash)
    assert record is not None
    # As another process would: it writes the document, and this one is told nothing.
    other = ContractStore(installation.stores.documents.for_tenant(provider.peer_id), installation.clock.now)
    await other.update(
        record.content_hash, lambda one: one.with_signature(SignatureType.REVOKE, PeerId(CONSUMER.peer_id), "a.b.c")
    )
    assert provider.contracts.valid_by_grant(grant_hash, installation.clock.now()) is not None
    await eventually(lambda: provider.contracts.view.by_grant(grant_hash) is None, within_s=5)


async def test_a_store_that_stays_unreadable_is_not_believed_and_one_that_is_back_is(
    installation: Installation,
) -> None:
    provider = hosted(installation, PROVIDER).peer
    grant_hash = connection_grant(installation)
    documents = installation.stores.documents
    assert isinstance(documents, MemoryDocuments)
    documents.available = False

    await eventually(lambda: not provider.contracts.is_current, within_s=10)
    with pytest.raises(StoreUnavailable):
        provider.contracts.valid_by_grant(grant_hash, installation.clock.now())
    documents.available = True
    await eventually(lambda: provider.contracts.is_current, within_s=10)
    assert provider.contracts.valid_by_grant(grant_hash, installation.clock.now()) is not None


async def test_what_is_told_arrives_and_what_was_left_to_tell_is_told_at_the_end(installation: Installation) -> None:
    channels = MemoryCache()
    async with AsyncExitStack() as stack:
        messages = await stack.enter_async_context(channels.subscribe(CHANNEL))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        following = Following(channels, installation.stores.documents, Hosts(), installation.clock)
        await following.begin(tasks)
        change = Change(Topic.PEER, CONSUMER.peer_id)
        following.teller(PEER)(change)
        await following.stop()
        assert parse_change(await anext(messages)) == (PEER, change)
