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
    hosts: list[bytes] = []
    connection: list[bytes] = []
    upgrades: list[bytes] = []
    is_chunked = expects_continue = False
    for fate, value in noted:
        if fate is HOST:
            hosts.append(value)
        elif fate is CONNECTION:
            connection.append(value)
        elif fate is TRANSFER_ENCODING:
            if is_chunked or version != "1.1" or value.strip(b" \t").lower() != b"chunked":
                raise InvalidRequest("Transfer-Encoding: only chunked is understood, once, and in HTTP/1.1")
            is_chunked = True
        elif fate is EXPECT:
            if value.strip(b" \t").lower() != b"100-continue":
                raise InvalidRequest("Expect: only 100-continue is understood")
            expects_continue = version == "1.1"
        elif fate is UPGRADE:
            upgrades.append(value)
    if version not in ("1.1", "1.0"):
        raise InvalidRequest("the request is not HTTP/1.1")
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise InvalidRequest("Host: must be given once")
    host = hosts[0] if hosts else None
    if not target.startswith(b"/") and (method, target) != ("OPTIONS", b"*"):
        target, host = _of_url(target)
    if host is not None and not _HOST.fullmatch(host):
        raise InvalidRequest("Host: must be <host> or <host>:<port>")
    if b"#" in target:
        raise InvalidRequest("the request target has a fragment; percent-encode it")
    if connection:
        fields = without_named(fields, connection)
    if upgrades and (is_chunked or has_length):
        raise InvalidRequest("Upgrade: must not be asked for by a request with a body")
    wants_upgrade = version == "1.1" and [one.lower() for one in upgrades] == [b"websocket"]
    wants_upgrade = wants_upgrade and method == "GET" and _names_upgrade(connection)
    return Framing(target, fields, is_chunked, expects_continue, upgrades[0] if wants_upgrade else None, host)


def _of_url(target: bytes) -> tuple[bytes, bytes]:
    """Path and authority of a target that programs send who take us for their proxy."""
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise InvalidRequest("the request target must be a path: /<path>?<query>")
    rest = absolute[2]
    return (rest if rest.startswith(b"/") else b"/" + rest), absolute[1]


def _names_upgrade(connection: list[bytes]) -> bool:
    return any(token.strip().lower() == b"upgrade" for value in connection for token in value.split(b","))
