"""Which living Contracts publish which Services, in the order of their creation: a page is found without the rest."""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

from gateway.fsc.grants import PublicationGrant
from gateway.fsc.names import GrantHash
from gateway.state.contracts import ContractRecord

Place: TypeAlias = tuple[int, str]
"""Where a publication stands in the list: when its Contract was created, then its Grant hash."""


@dataclass(frozen=True, slots=True)
class HeldPublication:
    """A publication Grant with its hash and the Contract that holds it."""

    record: ContractRecord
    grant: PublicationGrant
    grant_hash: GrantHash

    @property
    def place(self) -> Place:
        """Its place in the list, oldest first."""
        return self.record.content.created_at, self.grant_hash


class PublicationIndex:
    """Publication Grants, ordered by `place`."""

    def __init__(self) -> None:
        self._publications: list[HeldPublication] = []

    def add(self, record: ContractRecord) -> None:
        """Know every publication Grant of a Contract that is not known yet."""
        for held in _publications(record):
            insort(self._publications, held, key=_place)

    def remove(self, record: ContractRecord) -> None:
        """Forget what `add` was told of this Contract; its content never changes, so it is found where it was put."""
        for held in _publications(record):
            del self._publications[bisect_left(self._publications, held.place, key=_place)]

    def following(self, place: Place | None, *, descending: bool) -> Iterator[HeldPublication]:
        """Those after `place` in this order, or all of them. Use it up before anything is written."""
        known = self._publications
        if descending:
            end = len(known) if place is None else bisect_left(known, place, key=_place)
            return (known[position] for position in range(end - 1, -1, -1))
        begin = 0 if place is None else bisect_right(known, place, key=_place)
        return (known[position] for position in range(begin, len(known)))


def _publications(record: ContractRecord) -> Iterator[HeldPublication]:
    for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True):
        if isinstance(grant, PublicationGrant):
            yield HeldPublication(record, grant, grant_hash)


def _place(held: HeldPublication) -> Place:
    return held.place
