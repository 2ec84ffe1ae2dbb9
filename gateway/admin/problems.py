"""How the administration API says no: RFC 9457 problem details, with what to do about it in `detail`."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler

from gateway.admin.accounts import AccountRefused
from gateway.errors import FscError
from gateway.http.client import PeerUnreachable
from gateway.manager.contracts import WrongState
from gateway.state.tenant import NoValidCertificate
from storage.errors import InvalidCursor, StoreError

_log = logging.getLogger(__name__)


class Problem(Exception):
    """A refusal with its status and a text for a person."""

    def __init__(self, status: int, title: str, detail: str, *, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.headers = headers or {}


def as_problem(error: Exception) -> Problem:
    """The problem for whatever was raised; the cause of a 5xx stays in our log."""
    match error:
        case Problem():
            return error
        case WrongState():
            return Problem(409, "Conflict", str(error))
        case AccountRefused() | InvalidCursor():
            return Problem(400, "Bad Request", str(error))
        case FscError():
            return Problem(error.status, error.code, error.message)
        case NoValidCertificate():
            return Problem(409, "Conflict", str(error))
        case PeerUnreachable():
            return Problem(502, "Bad Gateway", str(error))
        case StoreError():
            _log.error("store_unavailable", exc_info=error)
            return Problem(503, "Service Unavailable", "the store cannot answer now; try again later")
        case web.HTTPMethodNotAllowed():
            allowed = ", ".join(sorted(error.allowed_methods))
            return Problem(405, error.reason, f"this path takes {allowed}", headers={"Allow": allowed})
        case web.RequestPayloadError():
            return Problem(400, "Bad Request", "the body is not what its encoding says")
        case web.HTTPClientError():
            return Problem(error.status, error.reason, error.reason)
        case _:
            _log.error("unexpected_error", exc_info=error)
            return Problem(500, "Internal Server Error", "something went wrong on this side; it is in our log")


@web.middleware
async def render_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Render every error of the handlers below."""
    try:
        return await handler(request)
    except Exception as error:
        problem = as_problem(error)
        body = {"type": "about:blank", "title": problem.title, "status": problem.status, "detail": problem.detail}
        return web.json_response(
            body, status=problem.status, headers=problem.headers, content_type="application/problem+json"
        )
