"""The port to what is behind an Inway: a Service over HTTP, or the register in this very process."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

from gateway.fsc.token import Authorization
from gateway.relay.fields import Headers


class UpstreamFailed(Exception):
    """No answer: it could not be reached, broke off before answering, or took too long."""


@dataclass(frozen=True, slots=True)
class RequestHead:
    """A request without its body. `target` is path and query exactly as they came."""

    method: str
    target: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Response:
    """An answer whose body is still coming; `close` must be awaited, whatever happens to the body."""

    status: int
    reason: str
    headers: Headers
    body: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Upstream(Protocol):
    """Serves requests that the Inway has authorized and logged."""

    async def send(
        self, head: RequestHead, body: AsyncIterator[bytes] | None, authorization: Authorization
    ) -> Response:
        """Pass the request on, body as it arrives; returns when the answer begins. Raises: UpstreamFailed."""
        ...
