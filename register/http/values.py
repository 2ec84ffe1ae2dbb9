"""The kinds of single values that a field can have: how each is read and checked, and how OpenAPI describes it.

Codes of the faults are those that clients know (REGISTER.md section 2.4). Reading never raises: faults are collected.
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, Protocol

from register.errors import Faults
from register.model.moments import parse_moment
from storage.documents import JsonObject

UUID_PATTERN = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


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
