"""Pages of what other Peers made as large as they liked: ended by size when that comes before the limit asked for.

Standard: FSC Core, pagination: a page may be shorter than its limit, and `next_cursor` tells whether there is more.
A Contract holds properties of up to 1 MB for each Grant, and a page may hold 1000 Contracts: neither we nor the Peer
that asks should need the memory for all of them at once.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from gateway.state.contract_store import ContractStore
from gateway.state.contracts import ContractRecord
from storage.documents import JsonObject, Query

MAX_PAGE_BYTES = 4_000_000
"""A page ends with the item that makes it larger than this."""

_FIRST_READ = 8
_MOST_READ = 100

_T = TypeVar("_T")


async def contract_page(
    contracts: ContractStore, query: Query, render: Callable[[ContractRecord], JsonObject]
) -> tuple[list[JsonObject], str]:
    """What `query` finds, rendered, and the cursor of the next page ("" at the end). Raises: InvalidCursor.

    Reads a few first, then as many as still fit if they are of that size, and never many: sizes may differ very much.
    """
    found: list[JsonObject] = []
    size, cursor, read = 0, query.cursor, _FIRST_READ
    while True:
        part = min(read, query.limit - len(found))
        records, cursor = await contracts.page(replace(query, limit=part, cursor=cursor))
        rendered = [render(record) for record in records]
        found += rendered
        size += sum(map(size_of, rendered))
        if not cursor or len(found) >= query.limit or size >= MAX_PAGE_BYTES:
            return found, cursor
        read = min(_MOST_READ, max(1, (MAX_PAGE_BYTES - size) * len(found) // max(1, size)))


def fitting(items: Iterable[_T], sizes: Callable[[_T], int]) -> list[_T]:
    """The items up to and with the one that makes them MAX_PAGE_BYTES or more together; nothing after it is taken."""
    found: list[_T] = []
    size = 0
    for item in items:
        found.append(item)
        size += sizes(item)
        if size >= MAX_PAGE_BYTES:
            break
    return found


def size_of(value: object) -> int:
    """How many bytes `value` takes in an answer."""
    return len(json.dumps(value))
