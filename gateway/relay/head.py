"""The head of a request as it goes on: read strictly from what a server library made of it. Pure.

Standard: RFC 9112 section 3.2 (request target), RFC 9110 section 5.5 (field values); FSC Core (paths are not altered).
"""

import re
from collections.abc import Iterable

from gateway.errors import InvalidRequest
from gateway.relay.headers import Headers
from gateway.relay.upstream import RequestHead

_ABSOLUTE = re.compile(r"https?://([^/?]+)(.*)", re.ASCII | re.IGNORECASE)


def parse_head(method: str, target: str, headers: Iterable[tuple[str, str]]) -> RequestHead:
    """Read a head whose target is a path, or a URL as programs send that take us for their proxy.

    Path and query stay as they are, byte for byte. Of a URL the authority becomes the value of `Host`, as the
    standard demands.
    Raises: InvalidRequest for any other target and for what cannot be sent on exactly as it came.
    """
    pairs = tuple(headers)
    for name, value in pairs:
        if not value.isascii() and not _is_utf8(value):
            raise InvalidRequest(f"header {name} has bytes that are neither ASCII nor UTF-8; encode its value")
    if not target.isascii() or "#" in target:
        raise InvalidRequest("the request target has a fragment or bytes outside ASCII; percent-encode them")
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is not None:
        rest = absolute[2]
        return RequestHead(method, rest if rest.startswith("/") else f"/{rest}", _with_host(pairs, absolute[1]))
    if not target.startswith("/") and (method, target) != ("OPTIONS", "*"):
        raise InvalidRequest("the request target must be a path: /<path>?<query>")
    return RequestHead(method, target, pairs)


def _is_utf8(value: str) -> bool:
    # Bytes that were not UTF-8 are lone surrogates by now.
    return not any("\ud800" <= character <= "\udfff" for character in value)


def _with_host(headers: Headers, authority: str) -> Headers:
    return (("Host", authority), *(pair for pair in headers if pair[0].lower() != "host"))
