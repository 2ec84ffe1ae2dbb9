"""The fields of a resource, declared once: how each is read and checked, and how OpenAPI describes it.

Codes of the faults are those that clients know (REGISTER.md section 2.4). Reading never raises: faults are collected,
and a field at fault is left out of the result, so that everything wrong is told at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from register.errors import Faults
from register.http.links import Links
from register.http.values import Field, Id
from storage.documents import JsonObject

_CAPITAL = re.compile(r"(?<!^)([A-Z])")


@dataclass(frozen=True, slots=True)
class Reference:
    """Another object, as `{"uuid": ...}`; that it exists is checked by whoever stores the reference.

    `target` is the resource that it is of, where the shape renders it.
    """

    target: str = ""
    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The id referred to."""
        if not isinstance(value, dict):
            faults.add(name, "invalid", 'Een object met "uuid" werd verwacht.')
        elif "uuid" not in value:
            faults.add(f"{name}.uuid", "required", "Dit veld is vereist.")
        else:
            return Id().read(value["uuid"], f"{name}.uuid", faults)
        return None

    def schema(self) -> JsonObject:
        """A reference object."""
        url = {"type": "string", "format": "uri", "readOnly": True}
        return {"type": "object", "properties": {"uuid": Id().schema(), "url": url}, "required": ["uuid"]}


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of values of one kind."""

    item: Field
    max_items: int
    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> list[Any] | None:
        """The items in the order given."""
        if not isinstance(value, list):
            faults.add(name, "not_a_list", "Een lijst werd verwacht.")
            return None
        if len(value) > self.max_items:
            faults.add(name, "max_length", f"Ten hoogste {self.max_items} onderdelen.")
            return None
        items = []
        for place, each in enumerate(value):
            where = f"{name}.{place}"
            if each is None:
                faults.add(where, "null", "Dit veld mag niet null zijn.")
            else:
                items.append(self.item.read(each, where, faults))
        return items

    def schema(self) -> JsonObject:
        """An array."""
        return {"type": "array", "items": self.item.schema(), "maxItems": self.max_items}


@dataclass(frozen=True, slots=True)
class Anything:
    """Read later, by whoever knows more (a shape that depends on another field)."""

    described: JsonObject
    nullable: bool = True

    def read(self, value: Any, name: str, faults: Faults) -> Any:
        """The JSON value itself."""
        return value

    def schema(self) -> JsonObject:
        """What was said of it."""
        return self.described


@dataclass(frozen=True)
class Attribute:
    """A field with its name in the API; `read_only` ones are described and never read."""

    name: str
    field: Field
    required: bool = False
    read_only: bool = False
    description: str = ""

    @cached_property
    def key(self) -> str:
        """The name in the core: snake_case. Older clients write it in bodies too, so it is accepted there."""
        return snake_case(self.name)


@dataclass(frozen=True)
class Shape:
    """A JSON object with known attributes; what it does not know it ignores."""

    attributes: tuple[Attribute, ...]
    nullable: bool = False
    partial: bool = field(default=False, kw_only=True)

    def read(self, value: Any, name: str, faults: Faults) -> JsonObject | None:
        """The attributes that were given, by core name, as a nested object."""
        if not isinstance(value, dict):
            faults.add(name, "invalid", "Een object werd verwacht.")
            return None
        return self.read_attributes(value, faults, prefix=f"{name}.", partial=self.partial)

    def read_attributes(
        self, body: Mapping[str, Any], faults: Faults, *, prefix: str = "", partial: bool
    ) -> JsonObject:
        """The attributes that were given, by core name; `partial` asks for no required ones."""
        given: JsonObject = {}
        for attribute in self.attributes:
            if attribute.read_only:
                continue
            name = prefix + attribute.name
            source = attribute.name if attribute.name in body else attribute.key
            if source not in body:
                if attribute.required and not partial:
                    faults.add(name, "required", "Dit veld is vereist.")
                continue
            value = body[source]
            if value is None:
                if attribute.field.nullable:
                    given[attribute.key] = None
                else:
                    faults.add(name, "null", "Dit veld mag niet null zijn.")
                continue
            result = attribute.field.read(value, name, faults)
            if not faults.has(name):
                given[attribute.key] = result
        return given

    def render(self, record: object, links: Links) -> JsonObject:
        """The object as it is shown: of each attribute what the record has under its name in the core."""
        return {each.name: rendered(each.field, getattr(record, each.key), links) for each in self.attributes}

    def show(self, record: Any, links: Links, resource: str, **computed: Any) -> JsonObject:
        """A record of a resource as it is shown; `computed` has what is not in the record as it is shown."""
        given = {"uuid": record.uuid, "url": links.item(resource, record.uuid), **computed}
        return {
            each.name: given[each.name]
            if each.name in given
            else rendered(each.field, getattr(record, each.key), links)
            for each in self.attributes
        }

    def renderer(self, resource: str) -> Callable[[Any, Links], JsonObject]:
        """What shows the records of a resource of which nothing is computed."""
        return lambda record, links: self.show(record, links, resource)

    def schema(self) -> JsonObject:
        """An object schema."""
        properties: JsonObject = {}
        for attribute in self.attributes:
            described = dict(attribute.field.schema())
            if attribute.field.nullable:
                described["nullable"] = True
            if attribute.read_only:
                described["readOnly"] = True
            if attribute.description:
                described["description"] = attribute.description
            properties[attribute.name] = described
        required = [each.name for each in self.attributes if each.required]
        return {"type": "object", "properties": properties, **({"required": required} if required else {})}


def rendered(field: Field, value: Any, links: Links) -> Any:
    """A value of the core as it is shown."""
    if value is None:
        return None
    match field:
        case Reference():
            return links.reference(field.target, value)
        case ListOf():
            return [rendered(field.item, each, links) for each in value]
        case Shape():
            return field.render(value, links)
    return value


def snake_case(name: str) -> str:
    """The core's spelling of a camelCase name."""
    return _CAPITAL.sub(r"_\1", name).lower()
