"""What every operation reads from a request."""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from gateway.admin.problems import Problem
from gateway.admin.requests import Hosted, json_body, no_contract


def test_an_unknown_tenant_is_told_which_there_are() -> None:
    request = make_mocked_request("GET", "/", match_info={"slug": "elders"})

    with pytest.raises(Problem, match="there is no tenant elders; there are: none") as refused:
        Hosted(dict).manager(request)

    assert refused.value.status == 404


def test_no_contract_is_a_404() -> None:
    assert no_contract().status == 404


@pytest.mark.parametrize(("content_type", "status"), [("text/plain", 415), ("application/json", 200)])
async def test_a_body_is_json(content_type: str, status: int, aiohttp_client: object) -> None:
    async def handler(request: web.Request) -> web.Response:
        try:
            return web.json_response(await json_body(request))
        except Problem as problem:
            return web.Response(status=problem.status)

    app = web.Application()
    app.router.add_post("/", handler)
    client = await aiohttp_client(app)  # type: ignore[operator]
    answer = await client.post("/", data=json.dumps({"a": 1}), headers={"Content-Type": content_type})

    assert answer.status == status
