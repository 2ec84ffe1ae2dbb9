"""What becomes of each header field that a relay is given. Pure; names and values are bytes, as they came.

Standard: RFC 9110 sections 7.6.1 (hop-by-hop, Connection) and 6.5 (trailers), FSC Core (Fsc headers are kept), DESIGN
section 4 (what the Service may believe).

Many servers take `X_Forwarded_For` for `X-Forwarded-For`. So what the Service must have from us alone is recognised
under every such spelling, and what it must have exactly as it came is kept under its own name only.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeAlias

Headers: TypeAlias = tuple[tuple[str, str], ...]
"""Name and value as text, for those behind the relay; bytes that are no UTF-8 are lone surrogates."""

Field: TypeAlias = tuple[bytes, bytes]
"""Name and value as they came."""


@dataclass(frozen=True, slots=True, eq=False)
class Fate:
    """What becomes of a field that does not simply go on: it is noted, and goes on as well when `is_kept`."""

    is_kept: bool


DROPPED: Final = Fate(is_kept=False)
CONNECTION: Final = Fate(is_kept=False)
TRANSFER_ENCODING: Final = Fate(is_kept=False)
CONTENT_LENGTH: Final = Fate(is_kept=True)
EXPECT: Final = Fate(is_kept=False)
UPGRADE: Final = Fate(is_kept=False)
HOST: Final = Fate(is_kept=False)
AUTHORIZATION: Final = Fate(is_kept=True)
TRANSACTION_ID: Final = Fate(is_kept=True)
GIVEN_TRANSACTION_ID: Final = Fate(is_kept=False)
GRANT_HASH: Final = Fate(is_kept=False)
SERVICE: Final = Fate(is_kept=False)

_HOP_BY_HOP: Final[dict[bytes, Fate]] = {
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"keep-alive": DROPPED,
    b"proxy-authenticate": DROPPED,
    b"proxy-authorization": DROPPED,
    b"proxy-connection": DROPPED,
    b"te": DROPPED,
    b"trailer": DROPPED,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"upgrade": UPGRADE,
    b"content-length": CONTENT_LENGTH,
}
_ABOUT_CLIENT: Final = frozenset({b"forwarded", b"x-real-ip"})
_OUTWAY: Final[dict[bytes, Fate]] = {
    b"host": HOST,
    b"fsc-grant-hash": GRANT_HASH,
    b"fsc-service": SERVICE,
    b"fsc-authorization": DROPPED,
    b"fsc-transaction-id": GIVEN_TRANSACTION_ID,
}
_INWAY: Final[dict[bytes, Fate]] = {
    b"host": HOST,
    b"fsc-authorization": AUTHORIZATION,
    b"fsc-transaction-id": TRANSACTION_ID,
}
_NEVER_TRAILERS: Final = frozenset(
    {b"authorization", b"content-encoding", b"content-type", b"cookie", b"host", b"set-cookie", *_HOP_BY_HOP}
)
_FSC: Final = b"fsc-"
_COMMON: Final = frozenset({b"keep-alive", b"Keep-Alive", b"close", b"Upgrade", b"upgrade"})
"""What `Connection` says as a rule: none of it names a field that goes on."""
_MOST_SPELLINGS: Final = 1000


class Fates(dict[bytes, Fate | None]):
    """The fate of a field by its name in any spelling; None: it goes on as it came. Spellings are remembered."""

    def __init__(self, rule: Callable[[bytes], Fate | None]) -> None:
        super().__init__()
        self._rule = rule

    def __missing__(self, name: bytes) -> Fate | None:
        """Decide on a spelling that was not met before."""
        fate = self._rule(name.lower())
        if len(self) < _MOST_SPELLINGS:
            self[name] = fate
        return fate


def fate_at_inway(name: bytes) -> Fate | None:
    """Of what a Peer sends: the Service is told of the client by us alone. `name` is in lower case."""
    dashed = name.replace(b"_", b"-")
    if dashed in _ABOUT_CLIENT or dashed.startswith(b"x-forwarded-") or _is_posing(name, dashed):
        return DROPPED
    return _HOP_BY_HOP.get(name) or _INWAY.get(name)


def fate_at_outway(name: bytes) -> Fate | None:
    """Of what an application sends: selectors stay here, and what Fsc headers say comes from us."""
    return _HOP_BY_HOP.get(name) or _OUTWAY.get(name)


def fate_of_answer(name: bytes) -> Fate | None:
    """Of what comes back."""
    return _HOP_BY_HOP.get(name)


def without_named(fields: list[Field], connection: list[bytes]) -> list[Field]:
    """The fields but for those that `Connection` names: they are about one connection.

    It cannot name away what others rely on: the Fsc headers, and the length of the body.
    """
    if all(value in _COMMON for value in connection):
        return fields
    named = {token.strip().lower() for value in connection for token in value.split(b",")}
    dropped = {token for token in named if not token.startswith(_FSC) and token != b"content-length"}
    return [pair for pair in fields if pair[0].lower() not in dropped] if dropped else fields


def as_trailers(fields: Iterable[Field]) -> bytes:
    """The lines of a trailer section: without what has no place there, or would pose as a header."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields if _may_trail(pair[0].lower())])


def lines(fields: Iterable[Field]) -> bytes:
    """The fields as they are sent."""
    return b"".join([b"%b: %b\r\n" % pair for pair in fields])


def _may_trail(name: bytes) -> bool:
    dashed = name.replace(b"_", b"-")
    return not (
        name in _NEVER_TRAILERS
        or dashed.startswith((_FSC, b"x-forwarded-"))
        or dashed in _ABOUT_CLIENT
        or dashed in _NEVER_TRAILERS
    )


def _is_posing(name: bytes, dashed: bytes) -> bool:
    """Whether a name could be taken for another one that we check: an Fsc header, or one that frames the message."""
    return dashed != name and (dashed.startswith(_FSC) or dashed in _HOP_BY_HOP or dashed == b"host")


def as_text(fields: Iterable[Field]) -> Headers:
    """The fields for who works with text."""
    return tuple((name.decode("ascii"), value.decode("utf-8", "surrogateescape")) for name, value in fields)
