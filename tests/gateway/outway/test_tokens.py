import asyncio
from collections.abc import Callable

import pytest
from aiohttp import web

from gateway.errors import TokenRequestFailed
from gateway.fsc.grants import ConnectionGrant
from gateway.outway.selection import SelectedGrant
from gateway.outway.tokens import TokenSource
from gateway.state.access_tokens import OutwayToken
from gateway.state.contracts import ContractRecord
from tests.gateway.dataplane import DataPlane
from tests.gateway.material import CONSUMER, TTL_S, doubly_delegated_grant, key_pair, only_raw_bytes


def selected(plane: DataPlane) -> SelectedGrant:
    return selected_in(plane.contract)


def selected_in(record: ContractRecord) -> SelectedGrant:
    (grant,) = record.content.grants
    assert isinstance(grant, ConnectionGrant)
    return SelectedGrant(grant, record.grant_hashes[0], key_pair(CONSUMER))


def answer(status: int = 200, **body: object) -> web.Response:
    return web.json_response(body, status=status)


async def fetched(plane: DataPlane) -> OutwayToken:
    return await TokenSource(plane.consumer).token_for(selected(plane))


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for what other tasks bring about."""
    async with asyncio.timeout(5):
        while not is_so():  # noqa: ASYNC110 - what is watched does not tell
            await asyncio.sleep(0.002)


# -- fetched, kept, refreshed


async def test_a_token_tells_where_to_go_and_what_to_log(plane: DataPlane) -> None:
    token = await fetched(plane)
    assert token.inway == plane.provider.tenant.inway_address
    assert token.claims.grant_hash == plane.grant_hash
    assert token.claims.expires_at == plane.clock.now() + TTL_S


async def test_a_token_is_kept_until_it_has_half_a_minute_to_live(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    first = await source.token_for(selected(plane))
    plane.clock.advance(TTL_S - 30)
    assert await source.token_for(selected(plane)) is first
    assert plane.manager.requests == 1
    plane.clock.advance(1)
    second = await source.token_for(selected(plane))
    assert second.claims.expires_at == plane.clock.now() + TTL_S
    assert plane.manager.requests == 2


async def test_every_grant_has_a_token_of_its_own(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    delegated = await plane.add_contract(doubly_delegated_grant())
    other = selected_in(delegated)
    tokens = [await source.token_for(one) for one in (selected(plane), other, selected(plane), other)]
    assert [token.claims.grant_hash for token in tokens] == [plane.grant_hash, delegated.grant_hashes[0]] * 2
    assert plane.manager.requests == 2


async def test_a_token_that_was_refused_is_fetched_again_and_only_once(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    refused = await source.token_for(selected(plane))
    source.forget(refused)
    newer = await source.token_for(selected(plane))
    assert newer is not refused
    source.forget(refused)  # a second request that was refused with the same token, at the same time
    assert await source.token_for(selected(plane)) is newer
    assert plane.manager.requests == 2


# -- many at a time


async def test_requests_that_wait_share_one_fetch(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    plane.manager.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(source.token_for(selected(plane))) for _ in range(20)]
        await until(lambda: plane.manager.requests > 0)
        plane.manager.gate.set()
    assert len({id(task.result()) for task in waiting}) == 1
    assert plane.manager.requests == 1


async def test_requests_that_wait_share_a_refusal_too(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    plane.manager.gate.clear()
    plane.manager.answer = lambda: answer(400, error="invalid_grant", error_description="it has been revoked")

    async def refused() -> str:
        with pytest.raises(TokenRequestFailed) as refusal:
            await source.token_for(selected(plane))
        return refusal.value.message

    async with asyncio.TaskGroup() as tasks:
        waiting = [tasks.create_task(refused()) for _ in range(20)]
        await until(lambda: plane.manager.requests > 0)
        plane.manager.gate.set()
    assert all("it has been revoked" in task.result() for task in waiting)
    assert plane.manager.requests == 1


async def test_after_a_refusal_the_next_request_asks_anew(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    plane.manager.answer = lambda: answer(500)
    for _ in range(2):
        with pytest.raises(TokenRequestFailed):
            await source.token_for(selected(plane))
    plane.manager.answer = None
    assert (await source.token_for(selected(plane))).claims.grant_hash == plane.grant_hash
    assert plane.manager.requests == 3


async def test_when_the_request_that_fetches_is_given_up_another_one_fetches(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    plane.manager.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first = tasks.create_task(source.token_for(selected(plane)))
        await until(lambda: plane.manager.requests == 1)
        others = [tasks.create_task(source.token_for(selected(plane))) for _ in range(3)]
        await asyncio.sleep(0)
        first.cancel()
        await until(lambda: plane.manager.requests == 2)
        plane.manager.gate.set()
    assert first.cancelled()
    assert len({id(task.result()) for task in others}) == 1
    assert plane.manager.requests == 2


async def test_a_request_that_waits_can_be_given_up_without_harm_to_the_others(plane: DataPlane) -> None:
    source = TokenSource(plane.consumer)
    plane.manager.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        first, second, third = (tasks.create_task(source.token_for(selected(plane))) for _ in range(3))
        await until(lambda: plane.manager.requests == 1)
        second.cancel()
        plane.manager.gate.set()
    assert first.result() is third.result()
    assert second.cancelled()


async def test_a_token_under_another_hash_of_the_grant_is_kept_and_forgotten(plane: DataPlane) -> None:
    await only_raw_bytes(plane.provider, plane.contract)
    source = TokenSource(plane.consumer)
    token = await source.token_for(selected(plane))
    assert await source.token_for(selected(plane)) is token
    source.forget(token)
    assert await source.token_for(selected(plane)) is not token
