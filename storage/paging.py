"""Cursors: an opaque, URL-safe text for a position in one ordered listing of one tenant.

A cursor carries the position itself (the sort value and what breaks ties), so a page can be resumed although the
document it ended with has changed or gone. A checksum over position and listing makes any other text invalid; it
is no secret: a forged position shows nothing that the listing would not.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from storage.documents import Collection, Scalar, Sort
from storage.errors import InvalidCursor
from storage.fields import check_value

_CHECKSUM_BYTES = 8


@dataclass(frozen=True, slots=True)
class DocumentPosition:
    """Just after the document with this sort value (None when sorted by id) and id."""

    value: Scalar
    id: str


@dataclass(frozen=True, slots=True, order=True)
class LogPosition:
    """At this entry of a log: its instant, the file it is in, and its number there."""

    at_ms: int
    worker: int
    sequence: int


def document_cursor(tenant: str, collection: Collection, sort: Sort | None, position: DocumentPosition) -> str:
    """The cursor of a position in a listing of documents."""
    return _make_cursor(_document_listing(tenant, collection, sort), (position.value, position.id))


def parse_document_cursor(tenant: str, collection: Collection, sort: Sort | None, cursor: str) -> DocumentPosition:
    """Read back what `document_cursor` made for the same listing. Raises: InvalidCursor."""
    match _parse_cursor(_document_listing(tenant, collection, sort), cursor):
        case [(None | str() | int() | float()) as value, str(document_id)]:
            return DocumentPosition(value, document_id)
    raise InvalidCursor("the cursor does not hold a position among documents")


def log_cursor(tenant: str, kind: str, ascending: bool, position: LogPosition) -> str:
    """The cursor of a position in a listing of log entries."""
    return _make_cursor(_log_listing(tenant, kind, ascending), (position.at_ms, position.worker, position.sequence))


def parse_log_cursor(tenant: str, kind: str, ascending: bool, cursor: str) -> LogPosition:
    """Read back what `log_cursor` made for the same listing. Raises: InvalidCursor."""
    match _parse_cursor(_log_listing(tenant, kind, ascending), cursor):
        case [int(at_ms), int(worker), int(sequence)]:
            return LogPosition(at_ms, worker, sequence)
    raise InvalidCursor("the cursor does not hold a position in a log")


def _document_listing(tenant: str, collection: Collection, sort: Sort | None) -> tuple[str, ...]:
    by = () if sort is None else (sort.field, "descending" if sort.descending else "ascending")
    return ("documents", tenant, collection.name, *by)


def _log_listing(tenant: str, kind: str, ascending: bool) -> tuple[str, ...]:
    return ("log", tenant, kind, "ascending" if ascending else "descending")


def _make_cursor(listing: Sequence[str], position: Sequence[Scalar]) -> str:
    payload = json.dumps(position, ensure_ascii=False, separators=(",", ":")).encode()
    return _as_text(_checksum(listing, payload) + payload)


def _parse_cursor(listing: Sequence[str], cursor: str) -> list[Scalar]:
    try:
        raw = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        checksum, payload = raw[:_CHECKSUM_BYTES], raw[_CHECKSUM_BYTES:]
        if _as_text(raw) != cursor or checksum != _checksum(listing, payload):
            raise InvalidCursor("the cursor was not made for this listing")
        position = json.loads(payload)
        if not isinstance(position, list):
            raise InvalidCursor("the cursor does not hold a position")
        for value in position:
            check_value("cursor", value)
    except (ValueError, RecursionError) as error:
        raise InvalidCursor("the cursor is not one that this store made") from error
    return position


def _as_text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _checksum(listing: Sequence[str], payload: bytes) -> bytes:
    key = hashlib.blake2b(json.dumps(listing).encode(), digest_size=32).digest()
    return hashlib.blake2b(payload, key=key, digest_size=_CHECKSUM_BYTES).digest()
