"""What cannot be read as HTTP is answered in the shape of the listener's errors too (FSC Core, errors; DESIGN 5).

Middlewares see requests; a broken request line or an endless header never becomes one. The protocol of the connection
answers those: `FscProtocol` for Manager, Inway and Outway, `ProblemProtocol` for register, administration and health.
Neither answer nor log repeats what was sent: it may be a token. A header that has begun must come to its end in time:
aiohttp itself only limits how long a connection is idle.
"""

import asyncio
import logging
from http import HTTPStatus
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from gateway.errors import ErrorDomain, FscError, InvalidRequest, RequestHeadersTooLarge
from gateway.http.errors import SERVER_NAME, as_fsc_error, render

_log = logging.getLogger(__name__)


class ProblemProtocol(web.RequestHandler):
    """One connection, served by the application of `server`; `options` are those of RequestHandler.

    `header_timeout_s` is for one header, from its first byte on. Standard: RFC 9457 for what it answers itself.
    """

    __slots__ = ("_header_deadline", "_header_timeout_s")

    def __init__(self, server: web.Server, *, header_timeout_s: float, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._header_timeout_s = header_timeout_s
        self._header_deadline: asyncio.TimerHandle | None = None

    def data_received(self, data: bytes) -> None:
        """Read on; what does not complete a header while no request is at hand is part of one."""
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            self._clear_deadline()
        elif self._header_deadline is None and self._is_between_requests():
            self._header_deadline = self._loop.call_later(self._header_timeout_s, self._give_up)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Let go. Whoever reads a body hears of a connection that was reset, however it failed."""
        self._clear_deadline()
        if isinstance(exc, OSError) and not isinstance(exc, ConnectionResetError):
            exc = ConnectionResetError(exc.errno, exc.strerror)
        super().connection_lost(exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """Keep quiet of what is left of a body that cannot be read: the request was answered already."""
        if not isinstance(kw.get("exc_info"), web.RequestPayloadError):
            super().log_exception(*args, **kw)

    def refusal(self, refused: FscError) -> web.Response:
        """The answer that tells `refused`."""
        title = HTTPStatus(refused.status).phrase
        problem = {"type": "about:blank", "title": title, "status": refused.status, "detail": refused.message}
        return web.json_response(
            problem,
            status=refused.status,
            headers={"Server": SERVER_NAME},
            content_type="application/problem+json",
        )

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never became a request, after which the connection is closed.

        Raises: ConnectionError when part of an answer is under way already.
        """
        refused = _refusal(exc)
        _log.info("connection_refused", extra={"reason": refused.message})
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer was sent already")
        response = self.refusal(refused)
        response.force_close()
        return response

    def _is_between_requests(self) -> bool:
        return self._current_request is None and not self._messages

    def _clear_deadline(self) -> None:
        if self._header_deadline is not None:
            self._header_deadline.cancel()
            self._header_deadline = None

    def _give_up(self) -> None:
        self._header_deadline = None
        if self._is_between_requests():
            reason = f"the header of a request did not come within {self._header_timeout_s:g} s"
            _log.info("connection_refused", extra={"reason": reason})
            self.force_close()


class FscProtocol(ProblemProtocol):
    """One connection to `component`, which answers in the error shape of FSC."""

    __slots__ = ("_component",)

    def __init__(self, component: ErrorDomain, server: web.Server, **options: Any) -> None:
        super().__init__(server, **options)
        self._component = component

    def refusal(self, refused: FscError) -> web.Response:
        """The answer that tells `refused`."""
        return render(refused, self._component)


def _refusal(error: BaseException | None) -> FscError:
    if isinstance(error, LineTooLong):
        return RequestHeadersTooLarge("the request line or a header is longer than this server accepts")
    if isinstance(error, HttpProcessingError):
        return InvalidRequest("what was sent is not HTTP/1.1 as this server reads it")
    return as_fsc_error(error if isinstance(error, Exception) else RuntimeError("aiohttp gave no reason"))
