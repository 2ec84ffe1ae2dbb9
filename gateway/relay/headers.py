"""Which headers cross the relay. Pure.

Standard: RFC 9110 section 7.6 (hop-by-hop, Connection), FSC Core (Fsc headers are kept), DESIGN section 4 (what the
Service may believe). `Connection:` cannot name an Fsc header away.

Many servers take `X_Forwarded_For` for `X-Forwarded-For`. So what the Service must have from us alone is recognised
under every such spelling, and what it must have exactly as it came is kept under its own name only.
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
_ABOUT_CLIENT = frozenset({"forwarded", "x-real-ip"})
_X_FORWARDED = "x-forwarded-"
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
    kept = tuple((name, value) for name, value in end_to_end(headers) if not _is_ours_to_say(name.lower()))
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


def _is_ours_to_say(name: str) -> bool:
    dashed = name.replace("_", "-")
    is_posing = dashed != name and dashed.startswith(_FSC)
    return name == "host" or dashed in _ABOUT_CLIENT or dashed.startswith(_X_FORWARDED) or is_posing


def one_spelling(headers: Iterable[tuple[str, str]]) -> Headers:
    """The same headers, a repeated name always spelled as it was first."""
    spellings: dict[str, str] = {}
    return tuple((spellings.setdefault(name.lower(), name), value) for name, value in headers)


def values_of(headers: Iterable[tuple[str, str]], name: str) -> list[str]:
    """Every value of a header."""
    return [value for known, value in headers if known.lower() == name.lower()]


def value_of(headers: Iterable[tuple[str, str]], name: str) -> str | None:
    """The first value of a header."""
    return next(iter(values_of(headers, name)), None)
