"""The filters of a list, declared beside the resource: parameter in, store conditions out.

Standard: REGISTER.md sections 4.1 and 7. An empty parameter filters nothing, except where it asks for an identified
partij: that finds nobody. Values that identify are not checked, what does not exist is simply not found; a value of a
fixed set, a boolean or a date that cannot be read is a fault.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from register.errors import Faults
from register.http.values import parse_day, parse_uuid
from register.model.moments import parse_moment
from register.model.partij_identificator import BlindIndex, IdentificatorVraag, search_marks
from register.records.kinds import Kind
from register.records.unit import Unit
from storage.documents import AnyElement, AnyOf, Condition, Contains, Eq, In, JsonObject, Range

MAX_RELATED = 5_000
"""How many records of another kind may stand between a question and its answer."""

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
        wanted = self.wanted(given, faults)
        if wanted is None:
            return ()
        if self.presence:
            return (Range(self.field) if wanted else Eq(self.field, None),)
        return (Eq(self.field, wanted),)

    def wanted(self, given: Mapping[str, str], faults: Faults) -> bool | None:
        """What was asked; None when nothing was, or nothing that can be read."""
        value = given.get(self.name)
        if not value:
            return None
        wanted = self._VALUES.get(value.lower())
        if wanted is None:
            faults.add(self.name, "invalid", "Kies true of false.")
        return wanted


@dataclass(frozen=True, slots=True)
class OnDay:
    """The date equals, or lies before or after, the one given: `name`, `name__gt`, `__gte`, `__lt`, `__lte`.

    Without `bounds`, equals it.
    """

    name: str
    field: str
    bounds: bool = True

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """Dates."""
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
        bounds = ("gt", "gte", "lt", "lte") if self.bounds else ()
        return {self.name: "", **{f"{self.name}__{bound}": bound for bound in bounds}}


@dataclass(frozen=True, slots=True)
class Related:
    """The field refers to the object named: `name__uuid` or `name__url`, of which the last part is the id.

    With `bare`, `name` alone is the id too.
    """

    name: str
    field: str
    by_url: bool = True
    bare: bool = False

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """An id and a URL."""
        return {
            f"{self.name}__uuid": {"type": "string", "format": "uuid"},
            **({f"{self.name}__url": {"type": "string", "format": "uri"}} if self.by_url else {}),
            **({self.name: {"type": "string", "format": "uuid"}} if self.bare else {}),
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
class AtMoment:
    """The instant equals the one given."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A date and time."""
        return {self.name: {"type": "string", "format": "date-time"}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality, whatever the offset."""
        value = given.get(self.name)
        if not value:
            return ()
        # A plus in a query is a space to whoever reads it as a form.
        moment = parse_moment(value.replace(" ", "+"))
        if moment is None:
            faults.add(self.name, "invalid", "Een datum en tijd als JJJJ-MM-DDTuu:mm:ssZ werd verwacht.")
            return ()
        return (Eq(self.field, moment),)


@dataclass(frozen=True, slots=True)
class Listed:
    """Among those that the record lists is the one named: `name__uuid` or `name__url`; or `name` alone, its id."""

    name: str
    field: str
    bare: bool = False

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """An id and a URL, or an id."""
        if self.bare:
            return {self.name: {"type": "string", "format": "uuid"}}
        return Related(self.name, self.field).parameters

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Containment of the id; nothing for what is no id."""
        found: list[Condition] = []
        for name in self.parameters:
            value = given.get(name)
            if value:
                uuid = parse_uuid(value.rsplit("/", 1)[-1])
                found.append(NOTHING if uuid is None else AnyElement(self.field, (uuid,)))
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Sealed:
    """The sealed field has this value; see `register.model.sealing`."""

    name: str
    field: str
    purpose: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A text."""
        return {self.name: {"type": "string"}}

    @property
    def sensitive(self) -> frozenset[str]:
        """The parameter: its value may be a BSN."""
        return frozenset({self.name})

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality of the blind index."""
        value = given.get(self.name)
        return (Eq(self.field, index(self.purpose, value)),) if value else ()


@dataclass(frozen=True, slots=True)
class Through:
    """The field has what is in the field `by` of a record of another kind, which the filters describe."""

    kind: Kind[Any]
    filters: tuple["Filter | Through", ...]
    field: str
    by: str = "uuid"
    is_list: bool = False
    """Whether the field is a list of such values."""

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """Those of the filters."""
        return {name: schema for each in self.filters for name, schema in each.parameters.items()}

    async def resolve(self, given: Mapping[str, str], unit: Unit, faults: Faults) -> tuple[Condition, ...]:
        """One of the values found; nothing is asked when the filters ask nothing."""
        inner = await conditions_of(self.filters, given, unit, faults)
        if not inner:
            return ()
        found = await unit.find_some(self.kind, inner, MAX_RELATED + 1)
        if len(found) > MAX_RELATED:
            asked = next(name for name in self.parameters if given.get(name))
            faults.add(asked, "invalid", "Hieraan voldoet te veel: zoek nauwkeuriger.")
        values = tuple(dict.fromkeys(value for each in found if (value := getattr(each, self.by)) is not None))
        return (AnyElement(self.field, values) if self.is_list else In(self.field, values),)


async def conditions_of(
    filters: Iterable["Filter | Through"], given: Mapping[str, str], unit: Unit, faults: Faults
) -> tuple[Condition, ...]:
    """What a document must meet to be what is asked for."""
    found: list[Condition] = []
    for each in filters:
        if isinstance(each, Through):
            found.extend(await each.resolve(given, unit, faults))
        else:
            found.extend(each.conditions(given, unit.keys.blind_index, faults))
    return tuple(found)


def basic_filters(filters: Iterable["Filter | Through"]) -> Iterator[Filter]:
    """The filters, also those within others."""
    for each in filters:
        if isinstance(each, Through):
            yield from basic_filters(each.filters)
        else:
            yield each


@dataclass(frozen=True, slots=True)
class AnyName:
    """The field equals one of the texts, which commas separate."""

    name: str
    field: str

    @property
    def parameters(self) -> Mapping[str, JsonObject]:
        """A text."""
        return {self.name: {"type": "string"}}

    def conditions(self, given: Mapping[str, str], index: BlindIndex, faults: Faults) -> tuple[Condition, ...]:
        """Equality with one of them."""
        values = tuple(part.strip() for part in given.get(self.name, "").split(",") if part.strip())
        return (In(self.field, values),) if values else ()


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
