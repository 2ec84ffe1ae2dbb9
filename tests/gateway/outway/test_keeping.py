"""Tokens that are replaced in the background. Time stands still but for `advance`; every look is asked for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest
from aiohttp import web

from gateway.fsc.signature import SignatureType
from gateway.outway import keeping
from gateway.outway.choosing import Chooser
from gateway.outway.keeping import TokenKeeper
from gateway.outway.selection import SelectedGrant, Selector
from gateway.outway.tokens import TokenSource
from gateway.state.access_tokens import OutwayToken
from tests.gateway.dataplane import DataPlane
from tests.gateway.material import CONSUMER, TTL_S, doubly_delegated_grant, key_pair

REFRESH_S = TTL_S * 3 // 4
BY_HOST = Selector(None, None, "klant.x")


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what is watched does not tell
            await asyncio.sleep(0.002)


@dataclass(slots=True)
class Kept:
    """The tokens of the consumer while they are kept fresh."""

    plane: DataPlane
    chooser: Chooser
    source: TokenSource

    def selected(self, selector: Selector = BY_HOST) -> SelectedGrant:
        selected = self.chooser.select(selector)
        assert selected is not None
        return selected

    def at_hand(self) -> OutwayToken | None:
        """The token of the declared connection, which is not taken for used by this."""
        kept = self.source.kept().get((self.plane.grant_hash, key_pair(CONSUMER).thumbprint))
        return None if kept is None else kept.token

    async def look(self) -> None:
        """Have it look now, and see all of it through."""
        await asyncio.sleep(0.1)  # the pause between two looks
        self.plane.consumer.contracts.learned.set()
        await asyncio.sleep(0.05)

    async def fetched(self, requests: int) -> None:
        """Wait until so many tokens were asked for, and a little for one too many."""
        await until(lambda: self.plane.manager.requests >= requests)
        await asyncio.sleep(0.05)
        assert self.plane.manager.requests == requests


@asynccontextmanager
async def keeping_tokens(plane: DataPlane) -> AsyncIterator[Kept]:
    chooser = Chooser(plane.consumer)
    source = TokenSource(plane.consumer, jitter=lambda: 0)
    keeper = TokenKeeper(plane.consumer, chooser, source, jitter=lambda: 0)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(keeper.run())
        yield Kept(plane, chooser, source)
        assert not running.done()
        running.cancel()


@pytest.fixture
async def kept(plane: DataPlane) -> AsyncIterator[Kept]:
    async with keeping_tokens(plane) as running:
        yield running


def without_declaration(plane: DataPlane) -> None:
    plane.consumer.tenant = replace(plane.consumer.tenant, connections=())


# -- ahead of need


async def test_a_declared_connection_has_its_token_before_the_first_request(kept: Kept) -> None:
    await kept.fetched(1)
    await until(lambda: kept.at_hand() is not None)
    assert kept.source.at_hand(kept.selected()) is kept.at_hand()


async def test_a_contract_that_becomes_valid_is_noticed_at_once(plane: DataPlane) -> None:
    without_signature = replace(plane.contract, signatures={SignatureType.ACCEPT: {}})
    signed = plane.contract.signatures
    await plane.consumer.contracts.update(plane.contract.content_hash, lambda _: without_signature)
    async with keeping_tokens(plane) as kept:
        await asyncio.sleep(0.1)
        assert plane.manager.requests == 0
        await plane.consumer.contracts.update(plane.contract.content_hash, lambda one: replace(one, signatures=signed))
        await kept.fetched(1)


async def test_a_connection_that_is_added_by_a_reload_is_noticed(plane: DataPlane) -> None:
    tenant = plane.consumer.tenant
    without_declaration(plane)
    async with keeping_tokens(plane) as kept:
        await kept.look()
        assert plane.manager.requests == 0
        plane.consumer.tenant = tenant
        await kept.look()
        await kept.fetched(1)


# -- ahead of the end


async def test_a_token_is_replaced_when_a_quarter_of_its_life_remains(kept: Kept) -> None:
    await kept.fetched(1)
    first = kept.at_hand()
    kept.plane.clock.advance(REFRESH_S - 1)
    await kept.look()
    assert kept.plane.manager.requests == 1
    kept.plane.clock.advance(1)
    await kept.look()
    await kept.fetched(2)
    await until(lambda: kept.at_hand() is not first)
    newer = kept.at_hand()
    assert newer is not None
    assert newer.claims.expires_at == kept.plane.clock.now() + TTL_S


async def test_no_request_waits_although_the_manager_takes_its_time(kept: Kept) -> None:
    await kept.fetched(1)
    kept.plane.manager.gate.clear()
    kept.plane.clock.advance(REFRESH_S)
    await kept.look()
    await kept.fetched(2)
    assert kept.source.at_hand(kept.selected()) is kept.at_hand()
    kept.plane.manager.gate.set()


async def test_one_token_is_fetched_once_at_a_time(kept: Kept) -> None:
    await kept.fetched(1)
    kept.plane.manager.gate.clear()
    kept.plane.clock.advance(TTL_S)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(3):
            await kept.look()
        waiting = [tasks.create_task(kept.source.token_for(kept.selected())) for _ in range(5)]
        await asyncio.sleep(0.05)
        kept.plane.manager.gate.set()
    assert len({id(task.result()) for task in waiting}) == 1
    assert kept.plane.manager.requests == 2


async def test_what_requests_use_is_replaced_though_nobody_declared_it(plane: DataPlane) -> None:
    without_declaration(plane)
    async with keeping_tokens(plane) as kept:
        await kept.source.token_for(kept.selected(Selector(plane.grant_hash, None, None)))
        plane.clock.advance(REFRESH_S)
        await kept.look()
        await kept.fetched(2)


async def test_what_no_request_used_any_more_is_let_go(plane: DataPlane) -> None:
    without_declaration(plane)
    async with keeping_tokens(plane) as kept:
        await kept.source.token_for(kept.selected(Selector(plane.grant_hash, None, None)))
        for requests in (2, 2, 2):  # replaced once, because it was used; not again
            plane.clock.advance(REFRESH_S)
            await kept.look()
            await kept.fetched(requests)
        assert kept.source.kept() == {}


async def test_what_is_used_again_near_its_end_is_replaced_after_all(plane: DataPlane) -> None:
    without_declaration(plane)
    async with keeping_tokens(plane) as kept:
        selected = kept.selected(Selector(plane.grant_hash, None, None))
        await kept.source.refresh(selected)
        plane.clock.advance(REFRESH_S)
        await kept.look()
        assert plane.manager.requests == 1
        assert kept.source.at_hand(selected) is not None
        await kept.look()
        await kept.fetched(2)


# -- failures


async def test_a_token_that_cannot_be_had_leaves_the_present_one_in_use_until_its_end(kept: Kept) -> None:
    await kept.fetched(1)
    present = kept.at_hand()
    kept.plane.manager.answer = lambda: web.json_response({"error": "server_error"}, status=500)
    kept.plane.clock.advance(REFRESH_S)
    await kept.look()
    await kept.fetched(2)
    assert kept.source.at_hand(kept.selected()) is present
    for pause_s, requests in ((0, 2), (1, 3), (1, 3), (1, 4), (3, 4), (1, 5)):  # after 1, 2, 4 s
        kept.plane.clock.advance(pause_s)
        await kept.look()
        await kept.fetched(requests)
    assert kept.source.at_hand(kept.selected()) is present
    kept.plane.clock.advance(8)
    kept.plane.manager.answer = None
    await kept.look()
    await until(lambda: kept.at_hand() is not present)
    kept.plane.clock.advance(REFRESH_S)
    kept.plane.manager.answer = lambda: web.json_response({"error": "server_error"}, status=500)
    await kept.look()
    await kept.fetched(7)
    kept.plane.clock.advance(1)  # the row of failures begins anew
    await kept.look()
    await kept.fetched(8)


async def test_failures_are_told_once(kept: Kept, caplog: pytest.LogCaptureFixture) -> None:
    await kept.fetched(1)
    kept.plane.manager.answer = lambda: web.json_response({"error": "server_error"}, status=500)
    kept.plane.clock.advance(REFRESH_S)
    for _ in range(3):
        await kept.look()
        kept.plane.clock.advance(30)
    await kept.look()
    told = [one for one in caplog.records if one.message == "token_not_refreshed" and one.levelname == "WARNING"]
    assert len(told) == 1
    assert "server_error" in vars(told[0])["reason"]


async def test_a_fault_of_ours_ends_nothing(
    kept: Kept, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await kept.fetched(1)

    async def crash(*_: object) -> OutwayToken:
        raise RuntimeError("a fault")

    def broken(_: object) -> None:
        raise RuntimeError("another fault")

    monkeypatch.setattr("gateway.outway.tokens.obtain_token", crash)
    kept.plane.clock.advance(REFRESH_S)
    await kept.look()
    with monkeypatch.context() as patch:
        patch.setattr(keeping, "_declared", broken)
        await kept.look()
    monkeypatch.undo()
    kept.plane.clock.advance(30)
    await kept.look()
    await kept.fetched(2)
    assert {"token_fetch_crashed", "token_look_crashed"} <= {one.message for one in caplog.records}


# -- what is of no use any more


async def test_nothing_is_fetched_for_a_contract_that_is_over(kept: Kept) -> None:
    await kept.fetched(1)
    await kept.plane.revoke(kept.plane.contract, at=[kept.plane.consumer])
    await until(lambda: kept.at_hand() is None)
    kept.plane.clock.advance(TTL_S)
    await kept.look()
    assert kept.plane.manager.requests == 1


async def test_a_token_for_a_certificate_that_is_gone_goes_too(kept: Kept) -> None:
    await kept.fetched(1)
    kept.plane.consumer.tenant = replace(kept.plane.consumer.tenant, key_pairs=(key_pair(CONSUMER, 1),))
    await kept.look()
    assert kept.source.kept() == {}


async def test_without_a_valid_certificate_nothing_is_fetched_and_nothing_ends(kept: Kept) -> None:
    await kept.fetched(1)
    tenant = kept.plane.consumer.tenant
    kept.plane.consumer.tenant = replace(tenant, key_pairs=())
    kept.plane.clock.advance(REFRESH_S)
    await kept.look()
    assert kept.plane.manager.requests == 1
    kept.plane.consumer.tenant = tenant
    await kept.look()
    await kept.fetched(2)


async def test_no_more_than_a_few_are_fetched_at_the_same_time(
    plane: DataPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "_AT_ONCE", 2)
    without_declaration(plane)
    records = [plane.contract, *[await plane.add_contract(doubly_delegated_grant()) for _ in range(4)]]
    async with keeping_tokens(plane) as kept:
        for record in records:
            await kept.source.token_for(kept.selected(Selector(record.grant_hashes[0], None, None)))
        plane.manager.gate.clear()
        plane.clock.advance(REFRESH_S)
        await kept.look()
        await kept.fetched(5 + 2)
        plane.manager.gate.set()
        await kept.fetched(5 + 5)
