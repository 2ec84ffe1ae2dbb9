"""What an API family declares: its resources, with shape, filters, rendering and what each operation does.

Routes, OpenAPI and the operations themselves follow from the declaration; a family holds no HTTP.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Generic, TypeAlias, TypeVar

from register.actions.change import Change
from register.http.fields import Shape
from register.http.filters import Filter, Identified, Sealed, Through, basic_filters
from register.http.links import Links
from register.records.kinds import Kind
from register.records.unit import Unit
from storage.documents import JsonObject

T = TypeVar("T")


IdsOf: TypeAlias = Callable[[Unit, Sequence[Any]], Awaitable[list[tuple[str, ...]]]]
"""Of each record the ids of others that belong to it."""

Load: TypeAlias = Callable[[Unit, Sequence[Any], Links], Awaitable[list[Any]]]
"""Of each record a part of its body that others hold."""


@dataclass(frozen=True, slots=True)
class Relation:
    """Records of the resource `target` that a caller may ask to see in full; one of them when not `many`."""

    target: str
    ids: IdsOf
    many: bool = True


Create: TypeAlias = Callable[[Unit, Change], Awaitable[T]]
Update: TypeAlias = Callable[[Unit, T, Change], Awaitable[T]]
Remove: TypeAlias = Callable[[Unit, T], Awaitable[None]]
Cascade: TypeAlias = Callable[[Unit, T, Links], Awaitable[JsonObject]]
"""Stages the removal of a record and of more; returns what the caller is told."""


@dataclass(frozen=True, kw_only=True)
class Maker(Generic[T]):
    """What can be made by POST, and no more: things that belong together and are records of several resources.

    `extras` are the parts of the body that `render` does not know, by name.
    """

    name: str
    schema_name: str
    shape: Shape
    render: Callable[[T, Links], JsonObject]
    create: Create[T]
    extras: Mapping[str, Load] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Resource(Maker[T]):
    """One resource of a family. `searchable` offers `POST .../_zoek`.

    `expand` lists what may be asked for, as paths of `relations`: those of this resource first, then those of what they
    lead to.
    """

    kind: Kind[T]
    filters: tuple[Filter | Through, ...]
    update: Update[T]
    remove: Remove[T]
    cascade: Cascade[T] | None = None
    """What `DELETE ...?cascade=true` removes too."""
    relations: Mapping[str, Relation] = field(default_factory=dict)
    expand: tuple[str, ...] = ()
    searchable: bool = False

    @cached_property
    def parameters(self) -> Mapping[str, JsonObject]:
        """The query parameters that filter the list, by name."""
        return {name: schema for each in self.filters for name, schema in each.parameters.items()}

    @cached_property
    def identified_by(self) -> tuple[Identified, ...]:
        """The filters that look up an identified partij."""
        return tuple(each for each in basic_filters(self.filters) if isinstance(each, Identified))

    @cached_property
    def sensitive(self) -> frozenset[str]:
        """The parameters whose value may be a BSN."""
        found = (each for each in basic_filters(self.filters) if isinstance(each, Identified | Sealed))
        return frozenset().union(*(each.sensitive for each in found))
