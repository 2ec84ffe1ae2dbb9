"""Answers of what is behind a component in this very process, framed for the client.

Standard: RFC 9112 section 6 (message body).
"""

from collections.abc import Awaitable
from typing import Final

from gateway.relay.exchange import Exchange, answer_start
from gateway.relay.fields import lines
from gateway.relay.upstream import Response

_BODILESS: Final = frozenset({204, 304})


async def answer_from(exchange: Exchange, sending: Awaitable[Response]) -> None:
    """Answer with what comes of `sending`, as it comes. Raises: UpstreamFailed before the answer has begun."""
    response = await sending
    try:
        await _answer(exchange, response)
    finally:
        await response.close()
    exchange.finish()


async def _answer(exchange: Exchange, response: Response) -> None:
    names = {name.lower() for name, _ in response.headers}
    fields = lines(
        (name.encode(), value.encode("utf-8", "surrogateescape"))
        for name, value in response.headers
        if name.lower().encode() != exchange.answer_replaces
    )
    has_body = exchange.method != "HEAD" and response.status not in _BODILESS
    chunked = has_body and "content-length" not in names and exchange.version == "1.1"
    if chunked:
        fields += b"Transfer-Encoding: chunked\r\n"
    elif has_body and "content-length" not in names:
        exchange.keep_alive = False
    inbound = exchange.inbound
    head = exchange.begin_answer(response.status, answer_start(response.status, response.reason, fields))
    first = True
    async for piece in response.body:
        if piece and has_body:
            data = b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece
            inbound.send(head + data if first else data)
            first = False
            await inbound.drained()
    if first:
        inbound.send(head + b"0\r\n\r\n" if chunked else head)
    elif chunked:
        inbound.send(b"0\r\n\r\n")
