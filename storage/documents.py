"""The document port: JSON documents in collections, for one tenant at a time.

A back end implements `DocumentStore` and passes `tests/conformance/documents.py`; that suite is the definition.
A store knows nothing of FSC or klant. Collections declare the fields they are searched by, and a query may name
only those, so that no query ever scans on any back end.

Bodies are JSON: a body that is not (also: NaN, lone surrogates), or is more than 15,000,000 bytes as JSON, is a
ValueError. So are, in queries as in declared fields, whole numbers beyond 64 bits; text that is not Unicode; a
collection that was not opened with that very declaration; more than 200 conditions or 10,000 values in one query.

Durability: when `put`, `put_many` or `delete` returns, the change survives `kill -9` and a power cut.
Cancellation: a write whose caller is cancelled while it waits may or may not happen; never half.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NewType, Protocol, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
Scalar: TypeAlias = str | int | float | bool | None

Revision = NewType("Revision", str)
"""Opaque; changes with every write of the document, also when it is deleted and made again."""

INSTALLATION = "_installation"
"""The scope of documents that belong to no tenant (accounts, wrapped keys). No Peer ID can have this form."""


@dataclass(frozen=True, slots=True)
class Collection:
    """A named set of documents and the paths they may be searched and sorted by.

    `fields` are dotted paths to one scalar (`validity.not_after`); `array_fields` are dotted paths to a list of
    scalars (`grant_hashes`), searchable by `AnyElement`. A path that a document lacks, or that leads to an object or
    (for `fields`) a list, counts as null; of a list, elements that are no scalars are passed over.
    Text compares by code point, numbers by value. One field is meant to hold one type (or null); values of different
    types are never equal (true is not 1), and sort as null, numbers, text, false, true.
    The name is 1 to 100 letters, digits, `_`, `.` or `-`; neither names nor paths may differ by case alone.
    """

    name: str
    fields: tuple[str, ...] = ()
    array_fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One stored document. `body` belongs to the caller: changing it changes nothing in the store."""

    id: str
    revision: Revision
    body: JsonObject


@dataclass(frozen=True, slots=True)
class Eq:
    """The field equals `value`; `None` means null or absent."""

    field: str
    value: Scalar


@dataclass(frozen=True, slots=True)
class In:
    """The field equals one of `values`; no values means no document."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Range:
    """The field is not null and lies within every bound given; the bounds are of one type, and so is what matches."""

    field: str
    gt: Scalar = None
    gte: Scalar = None
    lt: Scalar = None
    lte: Scalar = None


@dataclass(frozen=True, slots=True)
class Contains:
    """The text field contains `text`, both case-folded (as `str.casefold`); `%`, `_` and `*` mean themselves."""

    field: str
    text: str


@dataclass(frozen=True, slots=True)
class AnyElement:
    """The array field holds at least one of `values`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of `conditions` holds; none given means no document."""

    conditions: tuple["Condition", ...]


Condition: TypeAlias = Eq | In | Range | Contains | AnyElement | AnyOf


@dataclass(frozen=True, slots=True)
class Sort:
    """Order by `field` (nulls first when ascending), equal values by id in the same direction."""

    field: str
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """Every condition must hold. `sort=None` orders by id. `offset` and `cursor` exclude each other.

    `limit` is 1 to 10,000. A cursor belongs to one tenant, collection and sort; the conditions may change between
    pages (an instant that moves on), and documents may come and go: those that stay are neither missed nor repeated.
    """

    where: tuple[Condition, ...] = ()
    sort: Sort | None = None
    limit: int = 100
    cursor: str = ""
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """`next_cursor` is "" when nothing follows."""

    documents: tuple[Document, ...]
    next_cursor: str


@dataclass(frozen=True, slots=True)
class Put:
    """Write `body` under `id`. `expected=None`: the document must not exist; else it must be at that revision."""

    collection: Collection
    id: str
    body: Mapping[str, Any]
    expected: Revision | None = None


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove the document, which must be at `expected`."""

    collection: Collection
    id: str
    expected: Revision


class Documents(Protocol):
    """The documents of one tenant. Every method raises StoreUnavailable when the back end cannot serve."""

    async def get(self, collection: Collection, document_id: str) -> Document | None:
        """The document, or None."""
        ...

    async def get_many(self, collection: Collection, document_ids: Sequence[str]) -> dict[str, Document]:
        """Those of the documents that exist, by id."""
        ...

    async def put(
        self, collection: Collection, document_id: str, body: Mapping[str, Any], *, expected: Revision | None
    ) -> Document:
        """Write one document. Raises: Conflict."""
        ...

    async def put_many(self, writes: Sequence[Put | Delete]) -> tuple[Document, ...]:
        """All of the writes or none, over any collections; returns what each Put stored, in order.

        Raises: Conflict, for one that is not at its expected revision; ValueError when a document is named twice.
        """
        ...

    async def delete(self, collection: Collection, document_id: str, *, expected: Revision) -> None:
        """Remove one document. Raises: Conflict (also when it is not there)."""
        ...

    async def find(self, collection: Collection, query: Query) -> Page:
        """One page of matching documents. Raises: InvalidCursor; ValueError for a field that is not declared."""
        ...

    async def count(self, collection: Collection, where: tuple[Condition, ...] = ()) -> int:
        """How many documents match."""
        ...


class DocumentStore(Protocol):
    """A back end. Opened once with every collection it will serve, closed once."""

    async def open(self, collections: Sequence[Collection]) -> None:
        """Connect and make or extend what `collections` need; safe to repeat, safe beside other processes."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go; later calls raise StoreUnavailable."""
        ...

    async def ping(self) -> None:
        """Raise StoreUnavailable when the back end cannot serve now."""
        ...

    async def version(self) -> str:
        """Text that is not what it was when anything was written meanwhile, by whichever process; cheap to ask for.

        It may differ for less. Raises: StoreUnavailable.
        """
        ...

    def for_tenant(self, tenant: str) -> Documents:
        """The documents of one tenant (a Peer ID, or INSTALLATION); no other way leads to a document."""
        ...
