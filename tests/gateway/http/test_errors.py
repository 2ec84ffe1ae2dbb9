"""Whatever is raised becomes one row of the error table, and tells nothing of a fault of ours."""

import json
import logging

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient

from gateway.errors import AccessTokenMissing, ErrorDomain, InvalidLogRecordId, MethodNotAllowed
from gateway.http.errors import as_fsc_error, error_middleware, render
from storage.errors import Conflict, InvalidCursor, StoreError, StoreUnavailable

SECRET = "password=hunter2"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (InvalidLogRecordId("x"), 400, "INVALID_LOG_RECORD_ID"),
        (InvalidCursor(SECRET), 400, "ERROR_CODE_INVALID_REQUEST"),
        (StoreUnavailable(SECRET), 503, "ERROR_CODE_STORE_UNAVAILABLE"),
        (StoreError(SECRET), 503, "ERROR_CODE_STORE_UNAVAILABLE"),
        (Conflict("contracts", SECRET), 503, "ERROR_CODE_STORE_UNAVAILABLE"),
        (web.HTTPNotFound(text=SECRET), 404, "ERROR_CODE_NOT_FOUND"),
        (web.HTTPRequestEntityTooLarge(1, 2), 413, "ERROR_CODE_REQUEST_TOO_LARGE"),
        (web.RequestPayloadError(SECRET), 400, "ERROR_CODE_INVALID_REQUEST"),
        (ConnectionResetError(SECRET), 400, "ERROR_CODE_INVALID_REQUEST"),
        (web.HTTPBadRequest(text=SECRET), 400, "ERROR_CODE_INVALID_REQUEST"),
        (ValueError(SECRET), 500, "ERROR_CODE_INTERNAL_ERROR"),
        (KeyError(SECRET), 500, "ERROR_CODE_INTERNAL_ERROR"),
        (web.HTTPFound("/elsewhere"), 500, "ERROR_CODE_INTERNAL_ERROR"),
    ],
)
def test_everything_has_its_row(error: Exception, status: int, code: str) -> None:
    refused = as_fsc_error(error)
    assert (refused.status, refused.code) == (status, code)
    assert SECRET not in refused.message
    assert refused.message


def test_a_row_of_the_table_is_itself() -> None:
    error = AccessTokenMissing("none")
    assert as_fsc_error(error) is error


def test_a_method_is_refused_with_those_that_are_allowed() -> None:
    refused = as_fsc_error(web.HTTPMethodNotAllowed("PATCH", {"PUT", "GET"}))
    assert isinstance(refused, MethodNotAllowed)
    assert refused.response_headers()["Allow"] == "GET, PUT"


@pytest.mark.parametrize("error", [StoreUnavailable("disk"), RuntimeError("bug")])
def test_the_cause_of_a_fault_is_in_our_log(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    as_fsc_error(error)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert record.exc_info is not None
    assert record.exc_info[1] is error


def test_the_answer_has_the_shape_of_the_standard() -> None:
    response = render(AccessTokenMissing("no token"), ErrorDomain.INWAY)
    assert response.status == 401
    assert json.loads(response.text or "") == {
        "message": "no token",
        "domain": "ERROR_DOMAIN_INWAY",
        "code": "ERROR_CODE_ACCESS_TOKEN_MISSING",
    }
    assert response.headers["Fsc-Error-Code"] == "ERROR_CODE_ACCESS_TOKEN_MISSING"
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_whoever_answers_is_named_where_a_code_belongs_to_nobody() -> None:
    body = json.loads(render(InvalidLogRecordId("x"), ErrorDomain.OUTWAY).text or "")
    assert body["domain"] == "ERROR_DOMAIN_OUTWAY"


async def test_the_middleware_renders_what_handlers_raise_and_leaves_the_rest(
    aiohttp_client: AiohttpClient, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(request: web.Request) -> web.Response:
        match request.path:
            case "/good":
                return web.Response(text="good")
            case "/refused":
                raise InvalidLogRecordId("not a UUIDv7")
            case _:
                raise RuntimeError(SECRET)

    caplog.set_level(logging.INFO)
    app = web.Application(middlewares=[error_middleware(ErrorDomain.INWAY)])
    for path in ("/good", "/refused", "/broken"):
        app.router.add_get(path, handler)
    client = await aiohttp_client(app)
    assert await (await client.get("/good")).text() == "good"
    refused = await client.get("/refused")
    assert (refused.status, (await refused.json())["domain"]) == (400, "ERROR_DOMAIN_INWAY")
    broken = await client.get("/broken")
    assert broken.status == 500
    assert SECRET not in await broken.text()
    logged = [record for record in caplog.records if record.message == "request_refused"]
    assert [(one.code, one.method) for one in logged] == [  # type: ignore[attr-defined]
        ("INVALID_LOG_RECORD_ID", "GET"),
        ("ERROR_CODE_INTERNAL_ERROR", "GET"),
    ]
