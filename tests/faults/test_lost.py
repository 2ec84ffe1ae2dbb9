"""A signature that will never be brought: its debt is gone from the store, so the other side has to fetch it."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace

import pytest

from certs.identity import PeerId
from clock import SystemClock
from config.load import load_settings
from gateway.state.contract_store import ContractStore
from klantenregister.stores import open_stores
from tests.background import background
from tests.e2e.federation import CONSUMER, eventually, free_port
from tests.faults.door import Fault, doors
from tests.faults.pair import MEMBERS, Pair, Side

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PULLED_WITHIN_S = 40.0
"""Missing signatures are pulled first after 10 s."""


@pytest.fixture
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Pair, dict[str, int]]]:
    """Both programs, started by the test."""
    ports = {member.slug: free_port() for member in MEMBERS}
    made = Pair.prepare(tmp_path_factory.mktemp("lost"), doors=ports)
    try:
        yield made, ports
    finally:
        made.stop()
    for side in made.both:
        assert side.tracebacks() == []


def _accepted_here(side: Side, content_hash: str) -> bool | None:
    contract = side.contract(content_hash)
    return True if contract is not None and contract["state"] == "VALID" else None


async def _forget_debts(side: Side, content_hash: str) -> None:
    """Take what a program that does not run owes for one Contract out of its store."""
    stores = await open_stores(load_settings(side.program.config, {}))
    try:
        contracts = ContractStore(stores.documents.for_tenant(PeerId(side.member.peer_id)), SystemClock().now)
        assert (await contracts.get(content_hash)) is not None
        await contracts.update(content_hash, lambda record: replace(record, deliveries=()))
    finally:
        await stores.close()


def test_an_accept_that_nobody_brings_is_fetched(pair: tuple[Pair, dict[str, int]]) -> None:
    both, ports = pair
    with background() as loop:
        door = loop.enter(doors(ports, both.consumer, both.provider))[CONSUMER.slug]
        both.start()
        both.agree_on(both.consumer.request())  # each has the other's keys from here on
        loop.run(door.set(Fault.DOWN))
        content_hash = both.consumer.request()
        eventually("the provider to accept", lambda: _accepted_here(both.provider, content_hash))
        both.provider.program.kill()
        asyncio.run(_forget_debts(both.provider, content_hash))
        both.provider.program.start()
        loop.run(door.set(Fault.NONE))
        eventually(
            "the accept to be fetched",
            lambda: _accepted_here(both.consumer, content_hash),
            patience_s=PULLED_WITHIN_S,
        )
        both.agree_on(content_hash)
        both.stop()
