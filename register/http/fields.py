"""The fields of a resource, declared once: how each is read and checked, and how OpenAPI describes it.

Codes of the faults are those that clients know (REGISTER.md section 2.4). Reading never raises: faults are collected,
and a field at fault is left out of the result, so that everything wrong is told at once.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any, Protocol

from register.errors import Faults
from register.http.links import Links
from register.model.moments import parse_moment
from storage.documents import JsonObject

UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_CAPITAL = re.compile(r"(?<!^)([A-Z])")


class Field(Protocol):
    """One kind of value."""

    @property
    def nullable(self) -> bool:
        """Whether null is a value."""
        ...

    def read(self, value: Any, name: str, faults: Faults) -> Any:
        """The value as the core knows it, or None after a fault. `value` is not null."""
        ...

    def schema(self) -> JsonObject:
        """OpenAPI 3.0 schema, without null and description."""
        ...


@dataclass(frozen=True, slots=True)
class Text:
    """A text; outer white space is dropped."""

    max_length: int
    min_length: int = 0
    blank: bool = True
    nullable: bool = False
    pattern: str = ""
    pattern_hint: str = ""

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The text without outer white space."""
        fault = self._fault(value)
        if fault is not None:
            faults.add(name, *fault)
            return None
        text: str = value.strip()
        return text

    def _fault(self, value: Any) -> tuple[str, str] | None:
        if not isinstance(value, str) or (not value.isascii() and _has_surrogate(value)):
            return "invalid", "Geen geldige tekst."
        if "\0" in value:
            return "null_characters_not_allowed", "Het teken NUL is niet toegestaan."
        text = value.strip()
        if not text:
            return None if self.blank else ("blank", "Dit veld mag niet leeg zijn.")
        if len(text) > self.max_length:
            return "max_length", f"Ten hoogste {self.max_length} tekens."
        if len(text) < self.min_length:
            return "min_length", f"Ten minste {self.min_length} tekens."
        if self.pattern and re.fullmatch(self.pattern, text) is None:
            return "invalid", self.pattern_hint
        return None

    def schema(self) -> JsonObject:
        """A string with its limits."""
        limits: JsonObject = {"maxLength": self.max_length}
        if not self.blank:
            limits["minLength"] = max(self.min_length, 1)
        if self.pattern:
            limits["pattern"] = f"^({self.pattern})?$" if self.blank else f"^{self.pattern}$"
        return {"type": "string", **limits}


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a fixed set of texts."""

    options: type[StrEnum] | tuple[str, ...]
    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The option chosen."""
        chosen = next((each for each in self.options if each == value), None) if isinstance(value, str) else None
        if chosen is None:
            faults.add(name, "invalid_choice", f"Kies uit: {', '.join(self.options)}.")
        return chosen

    def schema(self) -> JsonObject:
        """A string enumeration."""
        return {"type": "string", "enum": [str(each) for each in self.options]}


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no."""

    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> bool | None:
        """The boolean."""
        if isinstance(value, bool):
            return value
        faults.add(name, "invalid", "Kies true of false.")
        return None

    def schema(self) -> JsonObject:
        """A boolean."""
        return {"type": "boolean"}


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number within bounds."""

    minimum: int
    maximum: int
    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> int | None:
        """The number."""
        if not isinstance(value, int) or isinstance(value, bool):
            faults.add(name, "invalid", "Een geheel getal werd verwacht.")
        elif value < self.minimum:
            faults.add(name, "min_value", f"Ten minste {self.minimum}.")
        elif value > self.maximum:
            faults.add(name, "max_value", f"Ten hoogste {self.maximum}.")
        else:
            return value
        return None

    def schema(self) -> JsonObject:
        """An integer with its bounds."""
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True, slots=True)
class Day:
    """A calendar date."""

    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The date as `YYYY-MM-DD`."""
        day = parse_day(value) if isinstance(value, str) else None
        if day is None:
            faults.add(name, "invalid", "Een datum als JJJJ-MM-DD werd verwacht.")
        return day

    def schema(self) -> JsonObject:
        """A date."""
        return {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class Id:
    """The id of an object."""

    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The id in lower case."""
        uuid = parse_uuid(value) if isinstance(value, str) else None
        if uuid is None:
            faults.add(name, "invalid", "Een geldige UUID werd verwacht.")
        return uuid

    def schema(self) -> JsonObject:
        """A UUID."""
        return {"type": "string", "format": "uuid"}


@dataclass(frozen=True, slots=True)
class Moment:
    """An instant, with any offset; known to the core, and shown, in UTC."""

    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> str | None:
        """The instant as ISO 8601 text in UTC with `Z`."""
        moment = parse_moment(value) if isinstance(value, str) else None
        if moment is None:
            faults.add(name, "invalid", "Een datum en tijd als JJJJ-MM-DDTuu:mm:ssZ werd verwacht.")
        return moment

    def schema(self) -> JsonObject:
        """A date and time."""
        return {"type": "string", "format": "date-time"}


@dataclass(frozen=True, slots=True)
class Texts:
    """A flat object of texts, with names of the caller's own."""

    max_length: int
    max_entries: int
    nullable: bool = False

    def read(self, value: Any, name: str, faults: Faults) -> dict[str, str] | None:
        """The texts by name, as they are."""
        if not isinstance(value, dict):
            faults.add(name, "not_a_dict", "Een object met teksten werd verwacht.")
            return None
        if len(value) > self.max_entries:
            faults.add(name, "max_length", f"Ten hoogste {self.max_entries} onderdelen.")
            return None
        text = Text(self.max_length)
        for key, each in value.items():
            if not key or text.read(key, name, faults) is None or text.read(each, f"{name}.{key}", faults) is None:
                faults.add(name, "invalid", f"Namen en waarden zijn teksten van ten hoogste {self.max_length} tekens.")
                return None
        return value

    def schema(self) -> JsonObject:
        """An object of strings."""
        return {"type": "object", "additionalProperties": {"type": "string", "maxLength": self.max_length}}


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


def parse_day(text: str) -> str | None:
    """`text` when it is a calendar date as `YYYY-MM-DD`, else None."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return text if day.isoformat() == text else None


def parse_uuid(text: str) -> str | None:
    """The id in lower case when `text` has the form of a UUID, else None."""
    return text.lower() if UUID_PATTERN.fullmatch(text) else None


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)
