"""What can be done to digital addresses, on their own or as part of a partij.

Standard: REGISTER.md section 7 (one default of a kind, referentie, equal addresses).
"""

from collections.abc import Sequence
from dataclasses import replace

from register.actions import relations
from register.actions.aggregate import store_partij
from register.actions.change import Change, new_id
from register.errors import Duplicate, Faults, does_not_exist
from register.model.digitaal_adres import (
    DigitaalAdres,
    SoortDigitaalAdres,
    check_adres,
    check_referentie,
    check_standaard,
    normalised,
    without_default,
)
from register.model.partij import (
    Partij,
    check_number_of_addresses,
    describe,
    with_address,
    without_address,
)
from register.records.kinds import DIGITALE_ADRESSEN, PARTIJEN
from register.records.unit import Unit


async def create_adres(unit: Unit, change: Change) -> DigitaalAdres:
    """Stage a new address. Raises: ValidatieFout; Duplicate when the partij has the same one already."""
    fresh = DigitaalAdres(new_id(), change.now_ms, "", SoortDigitaalAdres.OVERIG)
    return await _store(unit, None, _apply(fresh, change), change.faults)


async def update_adres(unit: Unit, current: DigitaalAdres, change: Change) -> DigitaalAdres:
    """Stage the address with new values. Raises: ValidatieFout."""
    return await _store(unit, current, _apply(current, change), change.faults)


async def remove_adres(unit: Unit, adres: DigitaalAdres) -> None:
    """Stage its removal; a partij that preferred it prefers nothing from then on."""
    await _detach(unit, adres)
    await relations.remove(unit, DIGITALE_ADRESSEN, adres)


async def replace_adressen(unit: Unit, partij: Partij, uuids: Sequence[str], faults: Faults) -> Partij:
    """The partij with exactly these addresses, in that order; others that it had belong to nobody from then on.

    The addresses themselves are staged; they are told of the partij when it is stored.
    """
    wanted = tuple(dict.fromkeys(uuids))
    adressen = await unit.get_many(DIGITALE_ADRESSEN, wanted)
    missing = [place for place, each in enumerate(uuids) if each not in adressen]
    faults.add_all(does_not_exist(f"digitaleAdressen.{place}") for place in missing)
    joining = [adres for adres in adressen.values() if adres.partij != partij.uuid]
    for each in joining:
        await _detach(unit, each)
    for each in joining:
        chosen = adressen[each.uuid]
        adressen = {uuid: without_default(adres, chosen) for uuid, adres in adressen.items()}
    for place, uuid in enumerate(wanted):
        if uuid in adressen:
            faults.add_all(check_referentie(adressen[uuid], adressen.values()), prefix=f"digitaleAdressen.{place}.")
    for adres in adressen.values():
        if adres != await unit.get(DIGITALE_ADRESSEN, adres.uuid):
            unit.put(DIGITALE_ADRESSEN, adres)
    leaving = [each for each in partij.digitale_adressen if each not in adressen]
    for adres in (await unit.get_many(DIGITALE_ADRESSEN, leaving)).values():
        unit.put(DIGITALE_ADRESSEN, replace(describe(adres, None), is_standaard_adres=False))
    updated = replace(partij, digitale_adressen=tuple(each for each in wanted if each in adressen))
    faults.add_all(check_number_of_addresses(updated))
    return updated


def _apply(current: DigitaalAdres, change: Change) -> DigitaalAdres:
    simple = ("adres", "soort_digitaal_adres", "omschrijving", "is_standaard_adres", "referentie", "verificatie_datum")
    return replace(
        current,
        **change.only(*simple),
        partij=change.given.get("verstrekt_door_partij", current.partij),
        betrokkene=change.given.get("verstrekt_door_betrokkene", current.betrokkene),
    )


async def _store(unit: Unit, before: DigitaalAdres | None, after: DigitaalAdres, faults: Faults) -> DigitaalAdres:
    """Stage the address, the defaults that it takes over, and the partijen that it leaves and joins."""
    if not faults.has("adres") and not faults.has("soortDigitaalAdres"):
        faults.add_all(check_adres(after.soort_digitaal_adres, after.adres))
    faults.add_all(check_standaard(after))
    partij = await unit.get(PARTIJEN, after.partij)
    if partij is None and after.partij is not None:
        faults.add_all([does_not_exist("verstrektDoorPartij")])
    stored = describe(after, partij)
    joined = None if partij is None else with_address(partij, stored.uuid)
    others = await unit.get_many(DIGITALE_ADRESSEN, () if partij is None else partij.digitale_adressen)
    faults.add_all(check_referentie(stored, others.values()))
    if joined is not None:
        faults.add_all(check_number_of_addresses(joined))
    await relations.store(unit, DIGITALE_ADRESSEN, before, stored, faults)
    faults.check()
    if before is None and any(normalised(other) == normalised(stored) for other in others.values()):
        raise Duplicate
    for other in others.values():
        if (changed := without_default(other, stored)) != other:
            unit.put(DIGITALE_ADRESSEN, changed)
    if before is not None and before.partij != stored.partij:
        await _detach(unit, before)
    if joined is not None:
        await store_partij(unit, partij, joined)
    return stored


async def _detach(unit: Unit, adres: DigitaalAdres) -> None:
    """Stage the partij it belonged to without it."""
    partij = await unit.get(PARTIJEN, adres.partij)
    if partij is not None:
        await store_partij(unit, partij, without_address(partij, adres.uuid))
