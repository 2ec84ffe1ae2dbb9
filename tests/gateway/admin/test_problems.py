"""Every error has its problem; the cause of a fault of ours stays in the log."""

import json

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from certs.errors import CustodyError
from gateway.admin.accounts import AccountRefused
from gateway.admin.problems import Problem, as_problem, render_problems
from gateway.errors import InvalidContract
from gateway.http.client import PeerUnreachable
from gateway.manager.contracts import WrongState
from gateway.state.tenant import NoValidCertificate
from storage.errors import InvalidCursor, StoreUnavailable

SECRET = "password=hunter2"


@pytest.mark.parametrize(
    ("error", "status", "tells"),
    [
        (Problem(418, "Teapot", "detail"), 418, True),
        (WrongState(SECRET), 409, True),
        (AccountRefused(SECRET), 400, True),
        (InvalidCursor(SECRET), 400, True),
        (InvalidContract(SECRET), 422, True),
        (NoValidCertificate(SECRET), 409, True),
        (PeerUnreachable(SECRET), 502, True),
        (StoreUnavailable(SECRET), 503, False),
        (web.HTTPNotFound(text=SECRET), 404, False),
        (web.HTTPMethodNotAllowed("PUT", ["GET"]), 405, False),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, False),
        (web.RequestPayloadError(SECRET), 400, False),
        (CustodyError(SECRET), 500, False),
        (RuntimeError(SECRET), 500, False),
    ],
)
async def test_every_error_has_its_problem(error: Exception, status: int, tells: bool) -> None:
    problem = as_problem(error)
    assert problem.status == status
    assert (SECRET in problem.detail or problem.detail == "detail") is tells

    async def fail(_: web.Request) -> web.StreamResponse:
        raise error

    response = await render_problems(make_mocked_request("GET", "/"), fail)
    assert isinstance(response, web.Response)
    assert (response.status, response.content_type) == (status, "application/problem+json")
    body = json.loads(response.text or "")
    assert body == {"type": "about:blank", "title": problem.title, "status": status, "detail": problem.detail}
    assert all(body.values())


def test_a_method_is_refused_with_those_that_are_allowed() -> None:
    problem = as_problem(web.HTTPMethodNotAllowed("PATCH", ["PUT", "GET"]))
    assert problem.headers == {"Allow": "GET, PUT"}


def test_a_fault_is_in_our_log(caplog: pytest.LogCaptureFixture) -> None:
    error = RuntimeError(SECRET)
    as_problem(error)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
