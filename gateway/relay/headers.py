"""Which headers cross the relay. Pure.

Standard: RFC 9110 section 7.6 (hop-by-hop, Connection), FSC Core (Fsc headers are kept), DESIGN section 4 (what the
Service may believe). `Connection:` cannot name an Fsc header away.
"""

from collections.abc import Iterable
from typing import TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value as they came, in order, repeated names included."""

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "expect",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_FSC = "fsc-"
_FORWARDED = ("x-forwarded-", "forwarded", "x-real-ip")
_OUTWAY_ONLY = frozenset({"fsc-grant-hash", "fsc-service", "fsc-authorization", "fsc-transaction-id", "host"})


def end_to_end(headers: Iterable[tuple[str, str]]) -> Headers:
    """The headers that are not about this one connection."""
    pairs = tuple(headers)
    named = {
        token.strip().lower() for name, value in pairs if name.lower() == "connection" for token in value.split(",")
    }
    dropped = _HOP_BY_HOP | {token for token in named if not token.startswith(_FSC)}
    return tuple((name, value) for name, value in pairs if name.lower() not in dropped)


def for_service(headers: Iterable[tuple[str, str]], *, client_ip: str, inway_authority: str) -> Headers:
    """What the Service behind the Inway receives; what it is told of the client comes from us alone.

    Shape: `inway_authority` is `host:port` of the Inway's address.
    """
    kept = tuple(
        (name, value)
        for name, value in end_to_end(headers)
        if name.lower() != "host" and not name.lower().startswith(_FORWARDED)
    )
    return (
        *kept,
        ("X-Forwarded-For", client_ip),
        ("X-Forwarded-Proto", "https"),
        ("X-Forwarded-Host", inway_authority),
    )


def for_inway(headers: Iterable[tuple[str, str]], *, token: str, transaction_id: str) -> Headers:
    """What the Inway receives from our Outway: the application's request with the access token and transaction id."""
    kept = tuple((name, value) for name, value in end_to_end(headers) if name.lower() not in _OUTWAY_ONLY)
    return (*kept, ("Fsc-Authorization", f"Bearer {token}"), ("Fsc-Transaction-Id", transaction_id))


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header."""
    return next((value for known, value in headers if known.lower() == name), None)
