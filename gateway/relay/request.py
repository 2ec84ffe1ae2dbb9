"""The head of a request, read strictly from what the parser made of it. Pure.

Standard: RFC 9112 sections 3.2 (request target), 3.2.2 (Host), 6.1 (Transfer-Encoding); RFC 9110 section 10.1.1.
llhttp has refused by now: both Content-Length and Transfer-Encoding, repeated or malformed ones, folded lines, bare
line feeds, control characters, white space around names. Here is what it leaves to us.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.errors import InvalidRequest
from gateway.relay.fields import CONNECTION, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE, Fate, Field, without_named

_ABSOLUTE: Final = re.compile(rb"https?://([^/?@]+)((?:[/?].*)?)", re.IGNORECASE | re.DOTALL)
_HOST: Final = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~%-]*)(?::[0-9]{0,5})?")
_REQUEST_LINE: Final = re.compile(rb"[A-Z-]+ [!-~]+ HTTP/1\.[01]")


@dataclass(frozen=True, slots=True)
class Framing:
    """What the head says of its message and connection, besides the fields that go on."""

    target: bytes
    """In origin form, or `*`."""
    fields: list[Field]
    is_chunked: bool
    expects_continue: bool
    upgrade: bytes | None
    """The protocol that the client would rather speak; None when it asked for none."""
    host: bytes | None
    lines: bytes = b""
    """The fields as they are sent, when that is known already."""


def check_request_line(line: bytes) -> None:
    """Refuse a request line that is not written as the standard has it: llhttp takes more than that.

    Raises: InvalidRequest.
    """
    if not _REQUEST_LINE.fullmatch(line):
        raise InvalidRequest("the request line must be: <method> <path> HTTP/1.1")


def read_framing(
    method: str, target: bytes, version: str, fields: list[Field], noted: list[tuple[Fate, bytes]], *, has_length: bool
) -> Framing:
    """Read what a relay has to know.

    Raises: InvalidRequest for what two readers could take differently.
    """
    if version not in ("1.1", "1.0"):
        raise InvalidRequest("the request is not HTTP/1.1")
    connection = _values(noted, CONNECTION)
    is_chunked = _is_chunked(_values(noted, TRANSFER_ENCODING), version)
    expects_continue = _expects_continue(_values(noted, EXPECT), version)
    host = _host(_values(noted, HOST), version)
    if not target.startswith(b"/") and (method, target) != ("OPTIONS", b"*"):
        target, host = _of_url(target)
    if host is not None and not _HOST.fullmatch(host):
        raise InvalidRequest("Host: must be <host> or <host>:<port>")
    if b"#" in target:
        raise InvalidRequest("the request target has a fragment; percent-encode it")
    if connection:
        fields = without_named(fields, connection)
    upgrades = _values(noted, UPGRADE)
    if upgrades and (is_chunked or has_length):
        raise InvalidRequest("Upgrade: must not be asked for by a request with a body")
    is_websocket = [one.lower() for one in upgrades] == [b"websocket"] and _names_upgrade(connection)
    upgrade = upgrades[0] if is_websocket and (method, version) == ("GET", "1.1") else None
    return Framing(target, fields, is_chunked, expects_continue, upgrade, host)


def _values(noted: list[tuple[Fate, bytes]], wanted: Fate) -> list[bytes]:
    return [value for fate, value in noted if fate is wanted]


def _is_chunked(codings: list[bytes], version: str) -> bool:
    if codings and (len(codings) > 1 or version != "1.1" or codings[0].strip(b" \t").lower() != b"chunked"):
        raise InvalidRequest("Transfer-Encoding: only chunked is understood, once, and in HTTP/1.1")
    return bool(codings)


def _expects_continue(expectations: list[bytes], version: str) -> bool:
    if any(one.strip(b" \t").lower() != b"100-continue" for one in expectations):
        raise InvalidRequest("Expect: only 100-continue is understood")
    return bool(expectations) and version == "1.1"


def _host(hosts: list[bytes], version: str) -> bytes | None:
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise InvalidRequest("Host: must be given once")
    return hosts[0] if hosts else None


def _of_url(target: bytes) -> tuple[bytes, bytes]:
    """Path and authority of a target that programs send who take us for their proxy."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise InvalidRequest("the request target must be a path: /<path>?<query>")
    rest = absolute[2]
    return (rest if rest.startswith(b"/") else b"/" + rest), absolute[1]


def _names_upgrade(connection: list[bytes]) -> bool:
    return any(token.strip().lower() == b"upgrade" for value in connection for token in value.split(b","))
