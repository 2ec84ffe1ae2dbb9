"""Errors become answers here and nowhere else: `{message, domain, code}` with `Fsc-Error-Code` (FSC Core, errors)."""

import logging

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from gateway.errors import (
    ErrorDomain,
    FscError,
    InternalError,
    InvalidRequest,
    MethodNotAllowed,
    NotFound,
    RequestTooLarge,
    StoreUnavailable,
)
from storage.errors import InvalidCursor, StoreError

_log = logging.getLogger(__name__)

SERVER_NAME = "klantenregister"


def render(error: FscError, component: ErrorDomain) -> web.Response:
    """The answer that tells `error`; `component` is who answers."""
    headers = {"Server": SERVER_NAME, **error.response_headers()}
    return web.json_response(error.body(component), status=error.status, headers=headers)


async def name_server(_: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: tell who answers, not with which version of which library."""
    response.headers["Server"] = SERVER_NAME


def as_fsc_error(error: Exception) -> FscError:
    """The row of the error table for whatever was raised; the cause of a 5xx stays in our log."""
    if isinstance(error, FscError):
        return error
    if isinstance(error, InvalidCursor):
        return InvalidRequest("cursor: not one that this list gave for this query; start again without a cursor")
    if isinstance(error, StoreError):
        _log.error("store_unavailable", exc_info=error)
        return StoreUnavailable("the store cannot answer now; try again later")
    if isinstance(error, web.HTTPNotFound):
        return NotFound("there is nothing at this path")
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = tuple(sorted(error.allowed_methods))
        return MethodNotAllowed(f"this path takes {', '.join(allowed)}", allowed=allowed)
    if isinstance(error, web.HTTPRequestEntityTooLarge):
        return RequestTooLarge("the body is larger than this server accepts")
    if isinstance(error, web.RequestPayloadError):
        return InvalidRequest("the body is not what its Content-Encoding or Transfer-Encoding says")
    if isinstance(error, ConnectionResetError):
        return InvalidRequest("the connection ended before the request did")
    if isinstance(error, web.HTTPClientError):
        return InvalidRequest(error.reason)
    _log.error("unexpected_error", exc_info=error)
    return InternalError("something went wrong on this side; it is in our log")


def error_middleware(component: ErrorDomain) -> Middleware:
    """Render every error of the handlers below, as `component`."""

    @web.middleware
    async def render_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except Exception as error:
            refused = as_fsc_error(error)
            _log.info(
                "request_refused",
                extra={
                    "component": component,
                    "method": request.method,
                    "code": refused.code,
                    "reason": refused.message,
                },
            )
            if request.writer.output_size > 0:  # too late for another answer: cut the connection
                raise
            return render(refused, component)

    return render_errors
