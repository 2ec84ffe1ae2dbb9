"""Which of the CRLs that a source offers take the place of those we hold from it. Pure.

Standard: RFC 5280 section 5.2.3. A source may be read without protection (http), and a mirror may lag behind: so a list
whose signature is known to be its issuer's gives way to nothing but a later edition of itself. What no known issuer
signed is kept only where there is nothing better: its issuer may be met later.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from certs.crl import RevocationList
from certs.identity import readable_subject

IsGenuine: TypeAlias = Callable[[RevocationList], bool]


@dataclass(frozen=True, slots=True)
class Succession:
    """What is held from here on, and why some of what was offered is not."""

    lists: tuple[RevocationList, ...]
    refusals: tuple[str, ...]


def succeed(held: Sequence[RevocationList], offered: Sequence[RevocationList], *, is_genuine: IsGenuine) -> Succession:
    """Decide what to hold. `is_genuine` tells whether a known issuer signed a list."""
    kept = [one for one in held if is_genuine(one)]
    refusals = []
    for one in offered:
        reason = _refusal_of(one, kept, is_genuine=is_genuine(one))
        if reason is not None:
            refusals.append(f"the CRL of {readable_subject(one.issuer)} {reason}: the one at hand stays")
            continue
        kept = [present for present in kept if not present.is_same_series(one)]
        kept.append(one)
    return Succession(tuple(kept), tuple(refusals))


def _refusal_of(offered: RevocationList, kept: Sequence[RevocationList], *, is_genuine: bool) -> str | None:
    if not is_genuine:
        return "is not signed by its issuer" if any(one.issuer == offered.issuer for one in kept) else None
    is_older = any(offered.is_same_series(one) and offered.is_older_than(one) for one in kept)
    return "is older than the one at hand" if is_older else None
