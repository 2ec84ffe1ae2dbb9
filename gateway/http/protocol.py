"""What cannot be read as HTTP is answered in the error shape of the standard too (FSC Core, errors; DESIGN section 5).

Middlewares see requests; a broken request line or an endless header never becomes one. The protocol of the connection
answers those, so a listener of a Manager or an Inway makes its protocols of this class.
"""

import asyncio
import logging
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong

from gateway.errors import ErrorDomain, FscError, InvalidRequest, RequestHeadersTooLarge
from gateway.http.errors import as_fsc_error, render

_log = logging.getLogger(__name__)


class FscProtocol(web.RequestHandler):
    """One connection to `component`, served by the application of `server`; `options` are those of RequestHandler."""

    __slots__ = ("_component",)

    def __init__(self, component: ErrorDomain, server: web.Server, **options: Any) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._component = component

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what never became a request, after which the connection is closed.

        Neither answer nor log repeats what was sent: it may be a token.
        Raises: ConnectionError when part of an answer is under way already.
        """
        refused = _refusal(exc)
        _log.info("connection_refused", extra={"component": self._component, "reason": refused.message})
        if request.writer.output_size > 0:
            raise ConnectionError("part of an answer was sent already")
        response = render(refused, self._component)
        response.force_close()
        return response


def _refusal(error: BaseException | None) -> FscError:
    if isinstance(error, LineTooLong):
        return RequestHeadersTooLarge("the request line or a header is longer than this server accepts")
    if isinstance(error, HttpProcessingError):
        return InvalidRequest("what was sent is not HTTP/1.1 as this server reads it")
    return as_fsc_error(error if isinstance(error, Exception) else RuntimeError("aiohttp gave no reason"))
