"""A Group, and the administration API over it."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from tests.gateway.harness import Federation, federation

Ask: TypeAlias = Callable[..., Awaitable[tuple[int, Any]]]


@pytest.fixture
async def group() -> AsyncIterator[Federation]:
    async with federation() as opened:
        yield opened


@pytest.fixture
async def ask(group: Federation) -> AsyncIterator[Ask]:
    """One call: status and answer. Checks that a refusal is a problem."""
    api = AdminApi(group.hosts.managers, Accounts(group.stores.documents), group.clock, "1")
    async with TestClient[web.Request, web.Application](TestServer(api.app(sign_in=False))) as client:

        async def call(method: str, path: str, body: object = None) -> tuple[int, Any]:
            async with client.request(method, f"/admin/v1{path}", json=body) as answer:
                shown = json.loads(await answer.text())
                assert answer.status < 400 or set(shown) == {"type", "title", "status", "detail"}
                return answer.status, shown

        yield call
