"""How records name each other: what must exist, who lists whom, and what goes along when a record is removed.

Standard: REGISTER.md section 7 (deletes); the reference server's visible result.

Theory of operation. A `Ref` says that a field of one kind names records of another. Where the target lists those who
name it (`back`), every change of the reference writes the target too, and so two writers meet at the target. Where it
does not, the target is staged unchanged for the same reason, unless `is_shared`: very many records name an actor or a
categorie, and they shall not wait for each other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache
from typing import Any

from register.actions.claims import claim, release
from register.errors import NON_FIELD, Faults, does_not_exist
from register.model.klantcontact import MAX_DELEN
from register.records.kinds import (
    ACTOR_KLANTCONTACTEN,
    ACTOREN,
    BETROKKENEN,
    BIJLAGEN,
    CATEGORIE_RELATIES,
    CATEGORIEEN,
    DIGITALE_ADRESSEN,
    INTERNE_TAKEN,
    KLANTCONTACTEN,
    ONDERWERPOBJECTEN,
    PARTIJEN,
    REKENINGNUMMERS,
    VERTEGENWOORDIGINGEN,
    Kind,
)
from register.records.unit import Unit
from storage.documents import AnyElement, Eq


class Loss(Enum):
    """What becomes of a record when one that it names is removed."""

    REMOVED = auto()
    FORGETS = auto()
    FORGETS_OR_REMOVED = auto()
    """Removed when nothing else holds it: an address that no partij gave."""


@dataclass(frozen=True)
class Ref:
    """The `field` of records of `source` names one of `target`, or several when it is a tuple."""

    source: Kind[Any]
    field: str
    target: Kind[Any]
    name: str
    """In the API, for what is wrong with it."""
    loss: Loss
    back: str = ""
    """The field of the target that lists those who name it."""
    is_shared: bool = False


REFS: tuple[Ref, ...] = (
    Ref(BETROKKENEN, "had_klantcontact", KLANTCONTACTEN, "hadKlantcontact", Loss.REMOVED, back="had_betrokkenen"),
    Ref(BETROKKENEN, "was_partij", PARTIJEN, "wasPartij", Loss.REMOVED),
    Ref(
        ONDERWERPOBJECTEN,
        "klantcontact",
        KLANTCONTACTEN,
        "klantcontact",
        Loss.REMOVED,
        back="ging_over_onderwerpobjecten",
    ),
    Ref(ONDERWERPOBJECTEN, "was_klantcontact", KLANTCONTACTEN, "wasKlantcontact", Loss.REMOVED),
    Ref(
        BIJLAGEN,
        "was_bijlage_van_klantcontact",
        KLANTCONTACTEN,
        "wasBijlageVanKlantcontact",
        Loss.REMOVED,
        back="omvatte_bijlagen",
    ),
    Ref(
        ACTOR_KLANTCONTACTEN, "klantcontact", KLANTCONTACTEN, "klantcontact", Loss.REMOVED, back="had_betrokken_actoren"
    ),
    Ref(ACTOR_KLANTCONTACTEN, "actor", ACTOREN, "actor", Loss.REMOVED, is_shared=True),
    Ref(
        INTERNE_TAKEN,
        "aanleidinggevend_klantcontact",
        KLANTCONTACTEN,
        "aanleidinggevendKlantcontact",
        Loss.REMOVED,
        back="leidde_tot_interne_taken",
    ),
    Ref(INTERNE_TAKEN, "toegewezen_aan_actoren", ACTOREN, "toegewezenAanActoren", Loss.FORGETS, is_shared=True),
    Ref(
        VERTEGENWOORDIGINGEN,
        "vertegenwoordigende_partij",
        PARTIJEN,
        "vertegenwoordigendePartij",
        Loss.REMOVED,
    ),
    Ref(VERTEGENWOORDIGINGEN, "vertegenwoordigde_partij", PARTIJEN, "vertegenwoordigdePartij", Loss.REMOVED),
    Ref(CATEGORIE_RELATIES, "partij", PARTIJEN, "partij", Loss.REMOVED),
    Ref(CATEGORIE_RELATIES, "categorie", CATEGORIEEN, "categorie", Loss.REMOVED, is_shared=True),
    Ref(
        DIGITALE_ADRESSEN,
        "betrokkene",
        BETROKKENEN,
        "verstrektDoorBetrokkene",
        Loss.FORGETS_OR_REMOVED,
        back="digitale_adressen",
    ),
    Ref(REKENINGNUMMERS, "partij", PARTIJEN, "partij", Loss.REMOVED, back="rekeningnummers"),
)


@dataclass(frozen=True)
class Unique:
    """Of the records of a kind there is one with these values; none claims what is empty."""

    kind: Kind[Any]
    fields: tuple[str, ...]
    name: str
    reason: str


UNIQUES: tuple[Unique, ...] = (
    Unique(KLANTCONTACTEN, ("nummer",), "nummer", "Er bestaat al een klantcontact met dit nummer."),
    Unique(
        KLANTCONTACTEN,
        ("referentienummer",),
        "referentienummer",
        "Er bestaat al een klantcontact met dit referentienummer.",
    ),
    Unique(INTERNE_TAKEN, ("nummer",), "nummer", "Er bestaat al een interne taak met dit nummer."),
    Unique(
        INTERNE_TAKEN,
        ("referentienummer",),
        "referentienummer",
        "Er bestaat al een interne taak met dit referentienummer.",
    ),
    Unique(
        ACTOR_KLANTCONTACTEN,
        ("actor", "klantcontact"),
        NON_FIELD,
        "Deze actor is al bij dit klantcontact betrokken.",
    ),
)


@cache
def uniques_of(kind: Kind[Any]) -> tuple[Unique, ...]:
    """What is unique among records of this kind."""
    return tuple(unique for unique in UNIQUES if unique.kind is kind)


@cache
def refs_of(kind: Kind[Any]) -> tuple[Ref, ...]:
    """The references that records of this kind hold."""
    return tuple(ref for ref in REFS if ref.source is kind)


@cache
def refs_to(kind: Kind[Any]) -> tuple[Ref, ...]:
    """The references that lead to records of this kind."""
    return tuple(ref for ref in REFS if ref.target is kind)


async def store(unit: Unit, kind: Kind[Any], before: Any, after: Any, faults: Faults, *, prefix: str = "") -> None:
    """Stage a record that is new (`before` None) or changed, its claims, and the targets that it joins and leaves."""
    for unique in uniques_of(kind):
        await _claim(unit, unique, before, after, faults, prefix)
    for ref in refs_of(kind):
        earlier, now = named(before, ref), named(after, ref)
        for place, uuid in enumerate(now):
            if uuid not in earlier:
                name = f"{ref.name}.{place}" if isinstance(getattr(after, ref.field), tuple) else ref.name
                await _join(unit, ref, uuid, after.uuid, prefix + name, faults)
        for uuid in earlier:
            if uuid not in now:
                await _leave(unit, ref, uuid, after.uuid)
    unit.put(kind, after)


async def remove(unit: Unit, kind: Kind[Any], record: Any) -> None:
    """Stage the removal of a record, of what cannot be without it, and of its mention elsewhere."""
    await let_go(unit, kind, record)
    for ref in refs_of(kind):
        for uuid in named(record, ref):
            await _leave(unit, ref, uuid, record.uuid)
    for unique in uniques_of(kind):
        key = _key(unit, unique, record)
        if key is not None:
            await release(unit, key, record.uuid)
    unit.delete(kind, record.uuid)


async def let_go(unit: Unit, kind: Kind[Any], record: Any) -> None:
    """Stage what becomes of those that name a record that is about to be removed."""
    for ref in refs_to(kind):
        for dependent in await naming(unit, ref, record):
            if ref.loss is Loss.REMOVED or (ref.loss is Loss.FORGETS_OR_REMOVED and dependent.partij is None):
                await remove(unit, ref.source, dependent)
            else:
                unit.put(ref.source, _forgetting(dependent, ref, record.uuid))


def _forgetting(record: Any, ref: Ref, uuid: str) -> Any:
    value = getattr(record, ref.field)
    return replace(record, **{ref.field: without(value, uuid) if isinstance(value, tuple) else None})


async def naming(unit: Unit, ref: Ref, target: Any) -> Sequence[Any]:
    """The records that name `target` by this reference."""
    if ref.back:
        return tuple((await unit.get_many(ref.source, getattr(target, ref.back))).values())
    if ref.field in ref.source.collection.array_fields:
        return await unit.find_all(ref.source, AnyElement(ref.field, (target.uuid,)))
    return await unit.find_all(ref.source, Eq(ref.field, target.uuid))


def named(record: Any, ref: Ref) -> tuple[str, ...]:
    """The ids that a record names by this reference; none when there is no record."""
    value = None if record is None else getattr(record, ref.field)
    if not value:
        return ()
    return value if isinstance(value, tuple) else (value,)


async def _claim(unit: Unit, unique: Unique, before: Any, after: Any, faults: Faults, prefix: str) -> None:
    earlier = None if before is None else _key(unit, unique, before)
    now = _key(unit, unique, after)
    if earlier == now:
        return
    if earlier is not None:
        await release(unit, earlier, after.uuid)
    if now is not None and not await claim(unit, now, after.uuid):
        faults.add(prefix + unique.name, "unique", unique.reason)


def _key(unit: Unit, unique: Unique, record: Any) -> str | None:
    values = [getattr(record, name) for name in unique.fields]
    if not all(values):
        return None
    return unit.keys.blind_index(f"{unique.kind.collection.name}.{'.'.join(unique.fields)}", "\0".join(values))


async def _join(unit: Unit, ref: Ref, uuid: str, own: str, name: str, faults: Faults) -> None:
    target = await unit.get(ref.target, uuid)
    if target is None:
        faults.add_all([does_not_exist(name)])
    elif ref.back:
        listed = getattr(target, ref.back)
        if len(listed) >= MAX_DELEN:
            faults.add(name, "max_length", f"Hieraan hangen al {MAX_DELEN} onderdelen van deze soort.")
        unit.put(ref.target, replace(target, **{ref.back: (*without(listed, own), own)}))
    elif not ref.is_shared:
        unit.put(ref.target, target)


async def _leave(unit: Unit, ref: Ref, uuid: str, own: str) -> None:
    target = await unit.get(ref.target, uuid)
    if target is not None and ref.back:
        unit.put(ref.target, replace(target, **{ref.back: without(getattr(target, ref.back), own)}))


def without(listed: Iterable[str], uuid: str) -> tuple[str, ...]:
    """The ids but for one."""
    return tuple(each for each in listed if each != uuid)
