"""What can be done to identificatoren, on their own or as part of a partij.

Standard: klantinteracties 0.9.0, "Uniqueness of Partij and PartijIdentificator"; REGISTER.md section 4.2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from register.actions.aggregate import store_partij
from register.actions.change import Change, new_id
from register.actions.claims import claim, release
from register.errors import NON_FIELD, Faults, does_not_exist
from register.model.partij import (
    Partij,
    check_one_of_each_kind,
    with_identificator,
    without_identificator,
)
from register.model.partij_identificator import (
    Identificatie,
    PartijIdentificator,
    Soort,
    check_codes,
    check_object_id,
    check_parent,
    unique_key,
    with_kenmerken,
)
from register.records.kinds import IDENTIFICATOREN, PARTIJEN
from register.records.unit import Unit
from storage.documents import In, JsonObject

_UNKNOWN = Identificatie(Soort.BSN, "")
"""Stands in for an identificatie at fault, until the faults are raised."""
_HAS_CHILDREN = "Andere identificatoren vallen hieronder; wijzig of verwijder die eerst."


async def create_identificator(unit: Unit, change: Change) -> PartijIdentificator:
    """Stage a new identificator. Raises: ValidatieFout."""
    fresh = PartijIdentificator(new_id(), change.now_ms, _UNKNOWN)
    return await _store_single(unit, None, _apply(fresh, change.given, change.faults, ""), change.faults)


async def update_identificator(unit: Unit, current: PartijIdentificator, change: Change) -> PartijIdentificator:
    """Stage the identificator with new values. Raises: ValidatieFout."""
    return await _store_single(unit, current, _apply(current, change.given, change.faults, ""), change.faults)


async def remove_identificator(unit: Unit, identificator: PartijIdentificator) -> None:
    """Stage its removal. Raises: ValidatieFout when others fall under it."""
    await _discard(unit, identificator)
    faults = Faults()
    await _check_no_children(unit, (identificator.uuid,), faults, NON_FIELD)
    faults.check()
    await _detach(unit, identificator)


async def discard_identificatoren(unit: Unit, identificatoren: Iterable[PartijIdentificator], faults: Faults) -> None:
    """Stage the removal of all identificatoren of a partij that goes too."""
    uuids = [each.uuid for each in identificatoren]
    for identificator in (await unit.get_many(IDENTIFICATOREN, uuids)).values():
        await _discard(unit, identificator)
    await _check_no_children(unit, uuids, faults, NON_FIELD)


async def replace_identificatoren(
    unit: Unit, partij: Partij, items: Sequence[JsonObject], faults: Faults, *, now_ms: int
) -> Partij:
    """The partij with exactly the identificatoren of `items`, in that order.

    An item with a uuid changes and attaches that identificator, one without makes a new one; what the partij has and
    the list has not is removed.
    """
    pairs = await _paired(unit, items, faults, now_ms)
    kept = {after.uuid for _, _, after in pairs}
    removed = [each.uuid for each in partij.identificatoren if each.uuid not in kept]
    for identificator in (await unit.get_many(IDENTIFICATOREN, removed)).values():
        await _discard(unit, identificator)
    for _, before, after in pairs:
        await _release_changed(unit, before, after)
    stored: dict[str, PartijIdentificator] = {}
    # What others fall under comes first: their marks are made of its new identification.
    for prefix, before, after in sorted(pairs, key=lambda pair: pair[2].parent is not None):
        if before is not None and before.partij not in (None, partij.uuid):
            await _detach(unit, before)
        new = await _store(unit, before, replace(after, partij=partij.uuid), faults, prefix)
        if new is not None:
            stored[new.uuid] = new
    await _check_no_children(unit, removed, faults, "partijIdentificatoren")
    faults.add_all(check_one_of_each_kind(stored.values()), prefix="partijIdentificatoren.")
    in_order = tuple(stored[after.uuid] for _, _, after in pairs if after.uuid in stored)
    return replace(partij, identificatoren=in_order)


async def _paired(
    unit: Unit, items: Sequence[JsonObject], faults: Faults, now_ms: int
) -> list[tuple[str, PartijIdentificator | None, PartijIdentificator]]:
    """Each item as: the prefix of its faults, what there is of it, and what it must become."""
    existing = await unit.get_many(IDENTIFICATOREN, [item["uuid"] for item in items if item.get("uuid")])
    pairs = []
    seen: set[str] = set()
    for place, item in enumerate(items):
        name = f"partijIdentificatoren.{place}"
        before = existing.get(item.get("uuid") or "")
        if item.get("uuid") and before is None:
            faults.add_all([does_not_exist(name)])
        if before is not None and before.uuid in seen:
            faults.add(f"{name}.uuid", "duplicated", "Deze identificator staat vaker in de lijst.")
        start = before or PartijIdentificator(new_id(), now_ms, _UNKNOWN)
        seen.add(start.uuid)
        pairs.append((f"{name}.", before, _apply(start, item, faults, f"{name}.")))
    return pairs


def _apply(current: PartijIdentificator, given: JsonObject, faults: Faults, prefix: str) -> PartijIdentificator:
    """The identificator with the attributes given; a faulty identificatie leaves the current one."""
    identificatie = current.identificatie
    if "partij_identificator" in given:
        identificatie = _read_identificatie(given["partij_identificator"], faults, prefix) or identificatie
    return replace(
        current,
        identificatie=identificatie,
        andere=given.get("andere_partij_identificator", current.andere),
        partij=given.get("identificeerde_partij", current.partij),
        parent=given.get("sub_identificator_van", current.parent),
    )


def _read_identificatie(given: JsonObject, faults: Faults, prefix: str) -> Identificatie | None:
    inside = Faults()
    inside.add_all(check_codes(given["code_register"], given["code_objecttype"], given["code_soort_object_id"]))
    identificatie = Identificatie(Soort(given["code_soort_object_id"]), given["object_id"])
    inside.add_all(check_object_id(identificatie))
    faults.add_all(inside.params, prefix=f"{prefix}partijIdentificator.")
    return None if inside.params else identificatie


async def _store_single(
    unit: Unit, before: PartijIdentificator | None, after: PartijIdentificator, faults: Faults
) -> PartijIdentificator:
    """Stage one identificator and the partijen it leaves and joins."""
    await _release_changed(unit, before, after)
    stored = await _store(unit, before, after, faults, "")
    partij = await unit.get(PARTIJEN, after.partij)
    if partij is None and after.partij is not None:
        faults.add_all([does_not_exist("identificeerdePartij")])
    updated = None if partij is None or stored is None else with_identificator(partij, stored)
    if updated is not None:
        faults.add_all(check_one_of_each_kind(updated.identificatoren))
    faults.check()
    assert stored is not None  # else there was a fault
    if before is not None and before.partij != stored.partij:
        await _detach(unit, before)
    if updated is not None:
        await store_partij(unit, partij, updated)
    return stored


async def _store(
    unit: Unit, before: PartijIdentificator | None, after: PartijIdentificator, faults: Faults, prefix: str
) -> PartijIdentificator | None:
    """Stage the identificator itself, with its claim and its marks; None when its identificatie is at fault."""
    if faults.has(f"{prefix}partijIdentificator"):
        return None
    parent = await _parent(unit, after, faults, prefix)
    if before is not None:
        await _check_may_change(unit, before, after, faults, prefix)
    key = unique_key(after, unit.keys.blind_index)
    if not await claim(unit, key, after.uuid):
        faults.add(f"{prefix}{NON_FIELD}", "unique", "Er bestaat al een identificator met deze gegevens.")
    marked = with_kenmerken(after, parent, unit.keys.blind_index)
    unit.put(IDENTIFICATOREN, marked)
    if parent is not None and (before is None or before.parent != after.parent):
        unit.put(IDENTIFICATOREN, parent)
    return marked


async def _parent(
    unit: Unit, identificator: PartijIdentificator, faults: Faults, prefix: str
) -> PartijIdentificator | None:
    """What the identificator falls under, once the rules of that are checked."""
    parent = await unit.get(IDENTIFICATOREN, identificator.parent)
    if parent is None and identificator.parent is not None:
        faults.add_all([does_not_exist("subIdentificatorVan")], prefix=prefix)
        return None
    faults.add_all(check_parent(identificator.identificatie, identificator.uuid, parent), prefix=prefix)
    return parent


async def _check_may_change(
    unit: Unit, before: PartijIdentificator, after: PartijIdentificator, faults: Faults, prefix: str
) -> None:
    """What others fall under keeps its identification, and falls under nothing itself."""
    if before.identificatie == after.identificatie and before.parent == after.parent:
        return
    name = "subIdentificatorVan" if before.identificatie == after.identificatie else "partijIdentificator"
    await _check_no_children(unit, (before.uuid,), faults, f"{prefix}{name}")


async def _check_no_children(unit: Unit, uuids: Sequence[str], faults: Faults, name: str) -> None:
    if uuids:
        children = await unit.find_all(IDENTIFICATOREN, In("parent", tuple(uuids)))
        if any(child.parent in uuids for child in children):
            faults.add(name, "invalid", _HAS_CHILDREN)


async def _release_changed(unit: Unit, before: PartijIdentificator | None, after: PartijIdentificator) -> None:
    """Give up the old claim when the identification changes, so that another of the same request can take it."""
    if before is not None:
        index = unit.keys.blind_index
        if unique_key(before, index) != unique_key(after, index):
            await release(unit, unique_key(before, index), before.uuid)


async def _discard(unit: Unit, identificator: PartijIdentificator) -> None:
    await release(unit, unique_key(identificator, unit.keys.blind_index), identificator.uuid)
    unit.delete(IDENTIFICATOREN, identificator.uuid)


async def _detach(unit: Unit, identificator: PartijIdentificator) -> None:
    """Stage the partij it belonged to without it."""
    partij = await unit.get(PARTIJEN, identificator.partij)
    if partij is not None:
        await store_partij(unit, partij, without_identificator(partij, identificator.uuid))
