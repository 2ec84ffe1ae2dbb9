"""UUIDs: the strict text form of any version, and version 7, which sorts by time.

Standard: RFC 9562 sections 4 and 5.7. FSC uses them for the `iv` of a contract and for transaction ids.
"""

import re
from uuid import UUID

RANDOM_BYTES = 10
"""How many random bytes one UUIDv7 takes."""

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_UUID7 = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}", re.ASCII)
_MILLISECONDS_BITS = 48
_VERSION = 7
_RFC_VARIANT = 0b10


def parse_uuid(text: str) -> UUID:
    """Read a UUID of any version in its 36-character form.

    Raises: ValueError.
    """
    if not _UUID.fullmatch(text):
        raise ValueError("is not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx")
    return UUID(text)


def is_uuid7(text: str) -> bool:
    """Whether `parse_uuid7` would take it, which costs more: every request is asked."""
    return _UUID7.fullmatch(text) is not None


def parse_uuid7(text: str) -> UUID:
    """Read a UUID that must be of version 7.

    Raises: ValueError.
    """
    uuid = parse_uuid(text)
    if uuid.version != _VERSION:
        raise ValueError(f"is a UUID, but of version {uuid.version or 'unknown'}; version 7 is required")
    return uuid


def make_uuid7(now_ms: int, random: bytes) -> UUID:
    """Compose a UUIDv7 from an instant and RANDOM_BYTES of randomness.

    Units: `now_ms` is whole Unix milliseconds.
    """
    if len(random) != RANDOM_BYTES or not 0 <= now_ms < 1 << _MILLISECONDS_BITS:
        raise ValueError(f"a UUIDv7 takes {RANDOM_BYTES} random bytes and an instant of {_MILLISECONDS_BITS} bits")
    rand_a = int.from_bytes(random[:2], "big") & 0x0FFF
    rand_b = int.from_bytes(random[2:], "big") & (1 << 62) - 1
    return UUID(int=now_ms << 80 | _VERSION << 76 | rand_a << 64 | _RFC_VARIANT << 62 | rand_b)
