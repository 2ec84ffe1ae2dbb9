"""What an API family declares: its resources, with shape, filters, rendering and what each operation does.

Routes, OpenAPI and the operations themselves follow from the declaration; a family holds no HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeAlias, TypeVar

from register.actions.change import Change
from register.http.fields import Shape
from register.http.filters import Filter, Identified
from register.http.links import Links
from register.records.kinds import Kind
from register.records.unit import Unit
from storage.documents import JsonObject

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Expansion(Generic[T]):
    """A part that a caller may ask to be put in `_expand`, and how it is found for a page of records at once.

    Without `load` there is nothing of this kind yet: every record gets `empty`.
    """

    name: str
    empty: JsonObject | list[JsonObject] | None
    load: Callable[[Unit, Sequence[T], Links], Awaitable[list[list[JsonObject]]]] | None = None


Create: TypeAlias = Callable[[Unit, Change], Awaitable[T]]
Update: TypeAlias = Callable[[Unit, T, Change], Awaitable[T]]
Remove: TypeAlias = Callable[[Unit, T], Awaitable[None]]


@dataclass(frozen=True)
class Resource(Generic[T]):
    """One resource of a family. `searchable` offers `POST .../_zoek`."""

    name: str
    schema_name: str
    kind: Kind[T]
    shape: Shape
    filters: tuple[Filter, ...]
    render: Callable[[T, Links], JsonObject]
    create: Create[T]
    update: Update[T]
    remove: Remove[T]
    expansions: tuple[Expansion[T], ...] = ()
    searchable: bool = False

    @cached_property
    def parameters(self) -> Mapping[str, JsonObject]:
        """The query parameters that filter the list, by name."""
        return {name: schema for each in self.filters for name, schema in each.parameters.items()}

    @cached_property
    def identified_by(self) -> tuple[Identified, ...]:
        """The filters that look up an identified partij."""
        return tuple(each for each in self.filters if isinstance(each, Identified))

    @cached_property
    def sensitive(self) -> frozenset[str]:
        """The parameters whose value may be a BSN."""
        return frozenset().union(*(each.sensitive for each in self.identified_by))
