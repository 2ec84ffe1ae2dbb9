"""Which certificates end soon, of those that a Peer serves with and of those that it trusts. Pure.

A chain ends with the first of its certificates to end, so an intermediate matters as much as the leaf. Of several pairs
the one that lasts longest counts: who has put the successor beside it needs no warning.
Units: `now` is whole Unix seconds.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from cryptography import x509

from certs.custody import KeyPair
from certs.identity import readable_name

WARN_AHEAD_S: Final = 30 * 86_400


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate that has ended or ends within WARN_AHEAD_S, with what to do about it."""

    text: str
    not_after: int
    is_over: bool


def ending_pairs(pairs: Iterable[KeyPair], now: int) -> Ending | None:
    """The end of the pair that lasts longest, when that is near: afterwards nothing serves and signs any more."""
    last = max(pairs, key=lambda pair: ends_at(_first_to_end(pair)), default=None)
    if last is None:
        return None
    first = _first_to_end(last)
    if first is last.certificate:
        return _ending(first, "the last certificate", "renew it with the same key", now)
    return _ending(first, f"the intermediate {readable_name(first)}", "get a chain with the one that follows it", now)


def ending_anchors(anchors: Iterable[x509.Certificate], now: int) -> list[Ending]:
    """The Trust Anchors that end soon: afterwards nobody below them is believed."""
    named = ((one, f"the Trust Anchor {readable_name(one)}") for one in anchors)
    found = (_ending(one, name, "add the one that follows it to group.trust_anchors", now) for one, name in named)
    return [one for one in found if one is not None]


def ends_at(certificate: x509.Certificate) -> int:
    """The last second of validity."""
    return int(certificate.not_valid_after_utc.timestamp())


def day(instant: int) -> str:
    """The date of an instant, for a person."""
    return datetime.fromtimestamp(instant, UTC).date().isoformat()


def _first_to_end(pair: KeyPair) -> x509.Certificate:
    return min(pair.chain, key=ends_at)


def _ending(certificate: x509.Certificate, name: str, remedy: str, now: int) -> Ending | None:
    not_after = ends_at(certificate)
    if not_after >= now + WARN_AHEAD_S:
        return None
    if not_after < now:
        return Ending(f"{name} expired on {day(not_after)}: {remedy}", not_after, is_over=True)
    days = (not_after - now) // 86_400
    return Ending(f"{name} expires on {day(not_after)}, in {days} days: {remedy}", not_after, is_over=False)
