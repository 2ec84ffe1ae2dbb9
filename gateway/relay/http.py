"""The relay on aiohttp: requests out over a pooled session, answers back as they arrive, nothing buffered whole."""

import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType
from typing import Any

import aiohttp
from aiohttp import web
from multidict import CIMultiDict
from yarl import URL

from gateway.fsc.token import Authorization
from gateway.http.client import describe_failure
from gateway.relay.head import parse_head
from gateway.relay.headers import end_to_end, one_spelling
from gateway.relay.upstream import RequestHead, Response, UpstreamFailed

_log = logging.getLogger(__name__)

SERVER_OPTIONS: Mapping[str, Any] = MappingProxyType({"auto_decompress": False, "handler_cancellation": True})
"""What a `web.AppRunner` must be told to serve a relay: bodies stay as they are, and who hangs up is not worked for."""

RELAYED: web.RequestKey[frozenset[str]] = web.RequestKey("relayed", frozenset)
"""The header names of the answer that is being relayed."""

_SWITCHING_PROTOCOLS = 101


async def exchange(
    session: aiohttp.ClientSession,
    base_url: str,
    head: RequestHead,
    body: AsyncIterator[bytes] | None,
    *,
    context: ssl.SSLContext | None,
) -> Response:
    """Send the request to `base_url` (scheme://host[:port]) and return when the answer's head is there.

    Raises: UpstreamFailed.
    """
    try:
        answer = await session.request(
            head.method,
            _url(base_url, head.target),
            # The session takes spellings of one name for several headers, and would keep the last alone.
            headers=CIMultiDict(one_spelling(head.headers)),
            data=None if body is None else _at_once(body),
            ssl=True if context is None else context,
            allow_redirects=False,
        )
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        raise UpstreamFailed(describe_failure(error)) from error
    if answer.status == _SWITCHING_PROTOCOLS:
        answer.close()
        raise UpstreamFailed("it switches to another protocol, which nobody asked")

    async def close() -> None:
        answer.release()  # for the next request, or closed when its answer is not at an end

    headers = end_to_end((name, value) for name, value in answer.headers.items())
    return Response(answer.status, answer.reason or "", headers, answer.content.iter_any(), close)


class HttpUpstream:
    """A Service behind the Inway, spoken to over HTTP."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self._session = session
        self._base_url = base_url

    async def send(
        self, head: RequestHead, body: AsyncIterator[bytes] | None, authorization: Authorization
    ) -> Response:
        """See `Upstream`. The Service reads who calls from `Fsc-Authorization`, which is among the headers."""
        del authorization
        return await exchange(self._session, self._base_url, head, body, context=None)


def request_head(request: web.BaseRequest) -> RequestHead:
    """The head as it came. Raises: InvalidRequest."""
    return parse_head(request.method, request.raw_path, request.headers.items())


def request_body(request: web.BaseRequest) -> AsyncIterator[bytes] | None:
    """The body as it arrives; None when there is none."""
    return request.content.iter_any() if request.can_read_body else None


async def relay_answer(request: web.Request, response: Response) -> web.StreamResponse:
    """Send `response` on to the client as it arrives.

    When the upstream breaks off half-way the connection to the client is cut: it must not take half for whole.
    """
    headers = CIMultiDict(response.headers)
    request[RELAYED] = frozenset(name.lower() for name in headers)
    out = web.StreamResponse(status=response.status, reason=response.reason, headers=headers)
    try:
        await out.prepare(request)
        async for chunk in response.body:
            await out.write(chunk)
        await out.write_eof()
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        _log.info("exchange_broke_off", extra={"reason": describe_failure(error)})
        if request.transport is not None:
            request.transport.abort()
    finally:
        await response.close()
    return out


async def leave_headers_alone(request: web.Request, response: web.StreamResponse) -> None:
    """Signal `on_response_prepare`: what the server library adds to an answer that is relayed is taken away again."""
    relayed = request.get(RELAYED)
    if relayed is not None:
        for name in ("Server", "Date", "Content-Type"):
            if name.lower() not in relayed:
                response.headers.popall(name, None)


async def _at_once(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The body, for a session that holds the head back until a first piece: an empty one lets it go."""
    yield b""
    async for chunk in body:
        yield chunk


def _url(base_url: str, target: str) -> URL:
    # The library would normalise a query and drop an empty one, but it sends a path as it is: so all of it is the path.
    base = URL(base_url)
    return URL.build(
        scheme=base.scheme, authority=base.raw_authority, path=base.raw_path.rstrip("/") + target, encoded=True
    )
