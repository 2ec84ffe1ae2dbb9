"""The names that a configuration may hold, and what was probably meant by one that it may not.

Pure. Every parser raises ValueError with a remedy.
Standard: FSC Core (Group ID, Peer ID, Service name); REGISTER sections 1 and 3.
"""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from certs.identity import SUBJECT_FIELDS, PeerId, parse_peer_id

REGISTER_FAMILIES: Final = (
    "klantinteracties",
    "contactgegevens",
    "klanten",
    "contactmomenten",
    "verzoeken",
    "taken",
    "berichten",
    "mijn-taken",
    "kic",
)
"""The API families that the register serves, by first path segment."""

SCOPES: Final = (
    *(f"{family}.{act}" for family in REGISTER_FAMILIES for act in ("lezen", "aanmaken", "bijwerken", "verwijderen")),
    "bsn.zoeken",
    "audittrails.lezen",
    "beheer",
)
"""What a caller of the register may be allowed."""

ANY_PEER: Final = PeerId("*")
"""Stands for every Peer in a list of Peer IDs."""

GROUP_ID: Final = "^[a-zA-Z0-9./_-]{1,100}$"
SERVICE_NAME: Final = "^[a-zA-Z0-9._-]{3,100}$"
LABEL: Final = "^[a-z0-9-]{1,63}$"
APPLICATION_ID: Final = "^[a-zA-Z0-9._-]{1,100}$"

_LISTED_NAMES = 12
_COMPARED_CHARACTERS = 80


def is_listed(peer_id: PeerId, listed: Iterable[PeerId]) -> bool:
    """Decide whether a list of Peer IDs, or the `*` in it, means this Peer."""
    return any(known in (peer_id, ANY_PEER) for known in listed)


def suggestion(given: str, known: Iterable[str]) -> str:
    """End a sentence about an unknown name: with the nearest known one, else with all of them when they are few."""
    names = sorted(known)
    nearest = difflib.get_close_matches(given[:_COMPARED_CHARACTERS], names, n=1)
    if nearest:
        return f': did you mean "{nearest[0]}"?'
    return f": use one of {', '.join(names)}" if 0 < len(names) <= _LISTED_NAMES else ""


def parse_group_id(text: str) -> str:
    """Parse a Group ID. Raises: ValueError."""
    return _matching(GROUP_ID, text, "must be 1 to 100 letters, digits, dots, slashes, underscores or hyphens")


def parse_subject_field(text: str) -> str:
    """Parse the name of a field of a certificate's subject. Raises: ValueError."""
    if text not in SUBJECT_FIELDS:
        raise ValueError(f"there is no such subject field{suggestion(text, SUBJECT_FIELDS)}")
    return text


def parse_service_name(text: str) -> str:
    """Parse the name of a Service, at the length that every Manager accepts. Raises: ValueError."""
    return _matching(SERVICE_NAME, text, "must be 3 to 100 letters, digits, dots, underscores or hyphens")


def parse_label(text: str) -> str:
    """Parse a name that becomes part of a path or a host name: a slug, a connection. Raises: ValueError."""
    return _matching(LABEL, text, "must be 1 to 63 lower-case letters, digits or hyphens")


def parse_application_id(text: str) -> str:
    """Parse the name of an application. Raises: ValueError."""
    return _matching(APPLICATION_ID, text, "must be 1 to 100 letters, digits, dots, underscores or hyphens")


def parse_peer_id_or_any(text: str) -> PeerId:
    """Parse a Peer ID or `*`. Raises: ValueError."""
    return ANY_PEER if text == ANY_PEER else parse_peer_id(text)


def parse_rsin(text: str) -> str:
    """Parse an RSIN: nine digits that satisfy the eleven-test. Raises: ValueError."""
    if not (len(text) == 9 and text.isascii() and text.isdigit()):
        raise ValueError("must be an RSIN of nine digits")
    weighted = sum(int(digit) * weight for digit, weight in zip(text, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    if weighted % 11:
        raise ValueError("is not an RSIN: the digits fail the eleven-test, so one of them is probably mistyped")
    return text


def parse_scope(text: str) -> str:
    """Parse a scope of the register. Raises: ValueError."""
    if text not in SCOPES:
        raise ValueError(f"there is no such scope{suggestion(text, SCOPES) or ': see docs/configuration.md for all'}")
    return text


def parse_token(text: str) -> str:
    """Parse an application's token as it can stand in an HTTP header. Raises: ValueError, without the token."""
    if not text or not all("!" <= character <= "~" for character in text):
        raise ValueError("must be one word of visible ASCII characters: it travels in an HTTP header")
    return text


def _matching(pattern: str, text: str, demand: str) -> str:
    if not re.fullmatch(pattern, text):
        raise ValueError(demand)
    return text
