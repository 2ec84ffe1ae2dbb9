"""The filters of a list, declared beside the resource: parameter in, store conditions out.

Standard: REGISTER.md sections 4.1 and 7. An empty parameter filters nothing, except where it asks for an identified
partij: that finds nobody. Values that identify are not checked, what does not exist is simply not found; a value of a
fixed set, a boolean or a date that cannot be read is a fault.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar, Protocol

from register.errors import Faults
from register.http.fields import parse_day, parse_uuid
from register.model.partij_identificator import BlindIndex, IdentificatorVraag, search_marks
from storage.documents import AnyElement, AnyOf, Condition, Contains, Eq, JsonObject, Range

NOTHING = AnyOf(())
"""The condition that no document meets."""

CODES = ("codeObjecttype", "codeRegister", "codeSoortObjectId")


class Filter(Protocol):
    """One or more query parameters that belong together."""

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """The OpenAPI schema of each parameter, by name."""
        ...

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """What a document must meet; `given` holds every parameter of the request."""
        ...


@dataclass(frozen=True, slots=True)
class Exact:
    """The field equals the text."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A text."""
        return {self.name: {"type": "string"}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality."""
        value = given.get(self.name)
        return (Eq(self.field, value),) if value else ()


@dataclass(frozen=True, slots=True)
class Part:
    """The field contains the text, in any case."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A text."""
        return {self.name: {"type": "string"}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Containment."""
        value = given.get(self.name)
        return (Contains(self.field, value),) if value else ()


@dataclass(frozen=True, slots=True)
class OneOf:
    """The field equals one of a fixed set."""

    name: str
    field: str
    options: type[StrEnum]

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """An enumeration."""
        return {self.name: {"type": "string", "enum": [each.value for each in self.options]}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality, for a value of the set."""
        value = given.get(self.name)
        if not value:
            return ()
        if value not in {each.value for each in self.options}:
            faults.add(self.name, "invalid_choice", f"Kies uit: {', '.join(self.options)}.")
        return (Eq(self.field, value),)


@dataclass(frozen=True, slots=True)
class YesNo:
    """The field is true or false; with `presence`, whether the field has a value at all."""

    name: str
    field: str
    presence: bool = False

    _VALUES: ClassVar[Mapping[str, bool]] = {"true": True, "1": True, "false": False, "0": False}

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A boolean."""
        return {self.name: {"type": "boolean"}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality, or presence."""
        value = given.get(self.name)
        if not value:
            return ()
        wanted = self._VALUES.get(value.lower())
        if wanted is None:
            faults.add(self.name, "invalid", "Kies true of false.")
            return ()
        if self.presence:
            return (Range(self.field) if wanted else Eq(self.field, None),)
        return (Eq(self.field, wanted),)


@dataclass(frozen=True, slots=True)
class OnDay:
    """The date equals, or lies before or after, the one given: `name`, `name__gt`, `__gte`, `__lt`, `__lte`."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """Five dates."""
        return {name: {"type": "string", "format": "date"} for name in self._names()}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality and bounds."""
        found: list[Condition] = []
        for name, bound in self._names().items():
            value = given.get(name)
            if not value:
                continue
            if parse_day(value) is None:
                faults.add(name, "invalid", "Een datum als JJJJ-MM-DD werd verwacht.")
            else:
                found.append(Range(self.field, **{bound: value}) if bound else Eq(self.field, value))
        return tuple(found)

    def _names(self) -> dict[str, str]:
        return {self.name: "", **{f"{self.name}__{bound}": bound for bound in ("gt", "gte", "lt", "lte")}}


@dataclass(frozen=True, slots=True)
class Related:
    """The field refers to the object named: `name__uuid` or `name__url`, of which the last part is the id."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """An id and a URL."""
        return {
            f"{self.name}__uuid": {"type": "string", "format": "uuid"},
            f"{self.name}__url": {"type": "string", "format": "uri"},
        }

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality with the id; nothing for what is no id."""
        found: list[Condition] = []
        for name in self.parameters:
            value = given.get(name)
            if value:
                uuid = parse_uuid(value.rsplit("/", 1)[-1] if name.endswith("__url") else value)
                found.append(NOTHING if uuid is None else Eq(self.field, uuid))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class NotYet:
    """Parameters that ask about resources of which there are none: with a value, nothing is found."""

    names: tuple[str, ...]

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """Texts."""
        return {name: {"type": "string"} for name in self.names}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Nothing, once asked."""
        return (NOTHING,) if any(given.get(name) for name in self.names) else ()


@dataclass(frozen=True, slots=True)
class Identified:
    """Identified by one and the same identificator: `<prefix>objectId` and the codes, and those of its parent.

    `field` is the array of marks to look in; see `register.model.partij_identificator`.
    """

    field: str
    own: Mapping[str, str]
    parent: Mapping[str, str]

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """Texts."""
        return {name: {"type": "string"} for names in (self.own, self.parent) for name in names.values()}

    @property
    def sensitive(self) -> frozenset[str]:
        """The parameters whose value may be a BSN."""
        return frozenset(names["objectId"] for names in (self.own, self.parent) if names)

    def may_be_bsn(self, given: Mapping[str, str]) -> bool:
        """Whether the request looks a person up by BSN."""
        return _question(self.own, given).may_be_bsn() or _question(self.parent, given).may_be_bsn()

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """One mark out of those that answer the question."""
        own, parent = _question(self.own, given), _question(self.parent, given)
        if not own and not parent:
            return ()
        return (AnyElement(self.field, search_marks(own, parent, index)),)


def identified(prefix: str, field: str, *, parent_prefix: str = "") -> Identified:
    """The filter with parameters `<prefix>__codeRegister` and so on; the same for the parent, when it has a prefix."""

    def names(start: str) -> dict[str, str]:
        return {part: f"{start}__{part}" for part in (*CODES, "objectId")} if start else {}

    return Identified(field, names(prefix), names(parent_prefix))


def _question(names: Mapping[str, str], given: Mapping[str, str]) -> IdentificatorVraag:
    codes = {code: given[names[code]] for code in CODES if code in names and given.get(names[code])}
    return IdentificatorVraag(codes, given.get(names.get("objectId", "")))
