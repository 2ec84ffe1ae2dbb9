"""What identifies a partij in a base registry: kinds, their rules, and the marks they are searched by.

Standard: REGISTER.md section 4.2; klantinteracties 0.9.0, "Uniqueness of Partij and PartijIdentificator".

Theory of operation. The kind (`Soort`) fixes object type and register, so a filter on any mix of the three codes is a
set of kinds. Each identificator carries marks (`kenmerken`): its kind, its kind with the blind index of its value, and
both combined with the same two marks of the identificator it falls under. A question about one identificator is then a
question for one mark out of a few, and parts of it can never be answered by two different identificatoren.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TypeAlias

from register.errors import InvalidParam
from register.model.elfproef import is_digits, passes_elfproef

BlindIndex: TypeAlias = Callable[[str, str], str]
"""Kind of value, value -> text that is equal for equal values and tells nothing else."""


class Soort(StrEnum):
    """The property that identifies (`codeSoortObjectId`)."""

    BSN = "bsn"
    RSIN = "rsin"
    KVK_NUMMER = "kvk_nummer"
    VESTIGINGSNUMMER = "vestigingsnummer"


@dataclass(frozen=True, slots=True)
class _Rule:
    register: str
    objecttype: str
    length: int
    elfproef: bool = False


_RULES: dict[Soort, _Rule] = {
    Soort.BSN: _Rule("brp", "natuurlijk_persoon", 9, elfproef=True),
    Soort.RSIN: _Rule("hr", "niet_natuurlijk_persoon", 9, elfproef=True),
    Soort.KVK_NUMMER: _Rule("hr", "niet_natuurlijk_persoon", 8),
    Soort.VESTIGINGSNUMMER: _Rule("hr", "vestiging", 12),
}

REGISTERS = tuple(dict.fromkeys(rule.register for rule in _RULES.values()))
OBJECTTYPEN = tuple(dict.fromkeys(rule.objecttype for rule in _RULES.values()))
_PARENT_OF = {Soort.VESTIGINGSNUMMER: Soort.KVK_NUMMER}


@dataclass(frozen=True, slots=True)
class Identificatie:
    """A kind and the value it has; the value may be a BSN and is not shown."""

    soort: Soort
    object_id: str = field(repr=False)

    @property
    def code_register(self) -> str:
        """The registry that gives out this kind."""
        return _RULES[self.soort].register

    @property
    def code_objecttype(self) -> str:
        """The type of object this kind identifies."""
        return _RULES[self.soort].objecttype


@dataclass(frozen=True, slots=True)
class PartijIdentificator:
    """One identificator; `partij` and `parent` are ids, `kenmerken` are the marks it is found by."""

    uuid: str
    created_ms: int
    identificatie: Identificatie
    andere: str = ""
    partij: str | None = None
    parent: str | None = None
    kenmerken: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class IdentificatorVraag:
    """What a caller asks of one identificator: codes and value, each `None` when not asked for."""

    codes: dict[str, str] = field(default_factory=dict)
    object_id: str | None = field(default=None, repr=False)

    def __bool__(self) -> bool:
        return bool(self.codes) or self.object_id is not None

    def soorten(self) -> tuple[Soort, ...]:
        """The kinds that agree with every code asked for."""
        return tuple(soort for soort in Soort if all(_codes(soort)[name] == code for name, code in self.codes.items()))

    def may_be_bsn(self) -> bool:
        """Whether this looks a person up by BSN: the kind says so, or leaves it open and the value has nine digits."""
        if self.object_id is None:
            return False
        soorten = self.soorten()
        return soorten == (Soort.BSN,) or (
            Soort.BSN in soorten and is_digits(self.object_id) and len(self.object_id) == _RULES[Soort.BSN].length
        )

    def marks(self, index: BlindIndex) -> tuple[str, ...]:
        """The marks of which an identificator must have one."""
        if self.object_id is None:
            return tuple(self.soorten())
        return tuple(_value_mark(Identificatie(soort, self.object_id), index) for soort in self.soorten())


def _codes(soort: Soort) -> dict[str, str]:
    rule = _RULES[soort]
    return {"codeRegister": rule.register, "codeObjecttype": rule.objecttype, "codeSoortObjectId": soort.value}


def _value_mark(identificatie: Identificatie, index: BlindIndex) -> str:
    return f"{identificatie.soort}={index(identificatie.soort, identificatie.object_id)}"


def search_marks(own: IdentificatorVraag, parent: IdentificatorVraag, index: BlindIndex) -> tuple[str, ...]:
    """The marks that answer a question about an identificator and the one it falls under."""
    marks = own.marks(index)
    if not parent:
        return marks
    return tuple(f"{mark}<{above}" for mark in marks for above in parent.marks(index))


def with_kenmerken(
    identificator: PartijIdentificator, parent: PartijIdentificator | None, index: BlindIndex
) -> PartijIdentificator:
    """The identificator with the marks that its identification and its parent give it."""
    own = (identificator.identificatie.soort.value, _value_mark(identificator.identificatie, index))
    above = () if parent is None else (parent.identificatie.soort.value, _value_mark(parent.identificatie, index))
    return replace(identificator, kenmerken=own + tuple(f"{mark}<{up}" for mark in own for up in above))


def unique_key(identificator: PartijIdentificator, index: BlindIndex) -> str:
    """The key of which only one may exist: the identification, within its parent when it has one."""
    identificatie = identificator.identificatie
    scope = identificator.parent or ""
    return index("unique", f"{identificatie.soort}|{identificatie.object_id}|{scope}")


def check_codes(register: str, objecttype: str, soort: str) -> Iterator[InvalidParam]:
    """Yield what is wrong with the combination of three codes, each of them known."""
    types = {rule.objecttype for rule in _RULES.values() if rule.register == register}
    if objecttype not in types:
        yield InvalidParam("codeObjecttype", "invalid", f"Bij codeRegister {register} hoort: {_names(types)}.")
        return
    kinds = {kind.value for kind, rule in _RULES.items() if rule.objecttype == objecttype}
    if soort not in kinds:
        yield InvalidParam("codeSoortObjectId", "invalid", f"Bij codeObjecttype {objecttype} hoort: {_names(kinds)}.")


def check_object_id(identificatie: Identificatie) -> Iterator[InvalidParam]:
    """Yield what is wrong with the value; at most one thing, the first that matters."""
    rule = _RULES[identificatie.soort]
    value = identificatie.object_id
    if not is_digits(value):
        yield InvalidParam("objectId", "only-digits", "Alleen cijfers zijn toegestaan.")
    elif len(value) != rule.length:
        yield InvalidParam("objectId", "invalid-length", f"Waarde moet {rule.length} tekens lang zijn.")
    elif rule.elfproef and not passes_elfproef(value):
        yield InvalidParam("objectId", "invalid", "Waarde voldoet niet aan de 11-proef.")


def check_parent(
    identificatie: Identificatie, uuid: str | None, parent: PartijIdentificator | None
) -> Iterator[InvalidParam]:
    """Yield what is wrong with the identificator that this one falls under."""
    if parent is not None and parent.uuid == uuid:
        yield InvalidParam("subIdentificatorVan", "invalid", "Een identificator kan niet onder zichzelf vallen.")
        return
    if parent is not None and parent.parent is not None:
        yield InvalidParam("subIdentificatorVan", "invalid", "De gekozen identificator valt zelf onder een andere.")
        return
    wanted = _PARENT_OF.get(identificatie.soort)
    if wanted is not None and (parent is None or parent.identificatie.soort != wanted):
        reason = f"Een {identificatie.soort} moet vallen onder een identificator van soort {wanted}."
        yield InvalidParam("subIdentificatorVan", "invalid", reason)


def _names(values: Collection[str]) -> str:
    return ", ".join(sorted(values))
