"""What can be done to partijen, with the identificatoren and addresses that come along.

Standard: REGISTER.md section 7 (partij writes, deletes).
"""

from collections.abc import Sequence
from dataclasses import replace

from register.actions import relations
from register.actions.aggregate import store_partij
from register.actions.change import Change, new_id
from register.actions.claims import claim, release
from register.actions.digitale_adressen import replace_adressen
from register.actions.identificatoren import discard_identificatoren, replace_identificatoren
from register.errors import Faults, does_not_exist
from register.model.adres import Adres
from register.model.contactnaam import Contactnaam
from register.model.partij import Partij, SoortPartij, check_voorkeur, fitting_its_kind, without_rekeningnummer
from register.records.kinds import DIGITALE_ADRESSEN, PARTIJEN, REKENINGNUMMERS
from register.records.unit import Unit
from storage.documents import Eq

_SIMPLE = (
    "soort_partij",
    "indicatie_actief",
    "nummer",
    "interne_notitie",
    "indicatie_geheimhouding",
    "voorkeurstaal",
    "naam",
    "werkte_voor_partij",
)


async def create_partij(unit: Unit, change: Change) -> Partij:
    """Stage a new partij with everything that comes along. Raises: ValidatieFout."""
    fresh = Partij(new_id(), change.now_ms, SoortPartij.PERSOON, indicatie_actief=True)
    return await _store(unit, None, _apply(fresh, change), change)


async def update_partij(unit: Unit, current: Partij, change: Change) -> Partij:
    """Stage the partij with new values. Raises: ValidatieFout."""
    return await _store(unit, current, _apply(current, change), change)


async def remove_partij(unit: Unit, partij: Partij) -> None:
    """Stage the removal of the partij, its identificatoren and its addresses.

    Contact persons of an organisation stay, without it. Raises: ValidatieFout when identificatoren of others fall
    under one of its own.
    """
    faults = Faults()
    await discard_identificatoren(unit, partij.identificatoren, faults)
    faults.check()
    await relations.let_go(unit, PARTIJEN, partij)
    for adres in (await unit.get_many(DIGITALE_ADRESSEN, partij.digitale_adressen)).values():
        await relations.remove(unit, DIGITALE_ADRESSEN, adres)
    for contactpersoon in await _contactpersonen(unit, partij):
        unit.put(PARTIJEN, replace(contactpersoon, werkte_voor_partij=None))
    if partij.nummer is not None:
        await release(unit, _nummer_key(unit, partij.nummer), partij.uuid)
    unit.delete(PARTIJEN, partij.uuid)


def _apply(current: Partij, change: Change) -> Partij:
    """The partij with the attributes given; lists that come along are not in it yet."""
    simple = change.only(*_SIMPLE)
    if simple.get("nummer") == "":
        simple["nummer"] = None
    changed = replace(
        current,
        **simple,
        bezoekadres=change.group("bezoekadres", current.bezoekadres, Adres),
        correspondentieadres=change.group("correspondentieadres", current.correspondentieadres, Adres),
        contactnaam=change.group("contactnaam", current.contactnaam, Contactnaam),
    )
    return fitting_its_kind(changed)


async def _store(unit: Unit, before: Partij | None, after: Partij, change: Change) -> Partij:
    """Stage the partij and everything that comes along, once all rules are checked."""
    faults = change.faults
    await _check_nummer(unit, before, after, faults)
    await _check_werkte_voor(unit, before, after, faults)
    items = change.given.get("partij_identificatoren")
    if items is not None:
        after = await replace_identificatoren(unit, after, items, faults, now_ms=change.now_ms)
    uuids = change.given.get("digitale_adressen")
    if uuids is not None:
        after = await replace_adressen(unit, after, uuids, faults)
    after = _with_voorkeur(after, change)
    if change.given.get("rekeningnummers") is not None:
        after = await _with_rekeningnummers(unit, after, change.given["rekeningnummers"], faults)
    after = _with_voorkeursrekening(after, change)
    faults.check()
    await store_partij(unit, before, after)
    return after


def _with_voorkeur(partij: Partij, change: Change) -> Partij:
    """The partij with the preferred address asked for; an earlier one that is no longer its own is forgotten."""
    if "voorkeurs_digitaal_adres" in change.given:
        chosen = replace(partij, voorkeurs_digitaal_adres=change.given["voorkeurs_digitaal_adres"])
        change.faults.add_all(check_voorkeur(chosen))
        return chosen
    if any(check_voorkeur(partij)):
        return replace(partij, voorkeurs_digitaal_adres=None)
    return partij


async def _check_nummer(unit: Unit, before: Partij | None, after: Partij, faults: Faults) -> None:
    """Claim the number, which is one partij's only, and give up an earlier one."""
    earlier = None if before is None else before.nummer
    if earlier == after.nummer:
        return
    if earlier is not None:
        await release(unit, _nummer_key(unit, earlier), after.uuid)
    if after.nummer is not None and not await claim(unit, _nummer_key(unit, after.nummer), after.uuid):
        faults.add("nummer", "unique", "Er bestaat al een partij met dit nummer.")


def _nummer_key(unit: Unit, nummer: str) -> str:
    return unit.keys.blind_index("partij.nummer", nummer)


async def _check_werkte_voor(unit: Unit, before: Partij | None, after: Partij, faults: Faults) -> None:
    """A contact person works for an organisation, and what contact persons work for stays one."""
    earlier = None if before is None else before.werkte_voor_partij
    if after.werkte_voor_partij is not None and after.werkte_voor_partij != earlier:
        werkgever = await unit.get(PARTIJEN, after.werkte_voor_partij)
        if werkgever is None:
            faults.add_all([does_not_exist("werkteVoorPartij")], prefix="partijIdentificatie.")
        elif werkgever.soort_partij is not SoortPartij.ORGANISATIE or werkgever.uuid == after.uuid:
            reason = "Een contactpersoon werkt voor een partij van soort organisatie."
            faults.add("partijIdentificatie.werkteVoorPartij.uuid", "invalid", reason)
        else:
            unit.put(PARTIJEN, werkgever)
    if before is not None and before.soort_partij is not after.soort_partij and await _contactpersonen(unit, before):
        faults.add("soortPartij", "invalid", "Contactpersonen werken voor deze organisatie; wijzig die eerst.")


async def _contactpersonen(unit: Unit, partij: Partij) -> list[Partij]:
    if partij.soort_partij is not SoortPartij.ORGANISATIE:
        return []
    return await unit.find_all(PARTIJEN, Eq("werkte_voor_partij", partij.uuid))


async def _with_rekeningnummers(unit: Unit, partij: Partij, uuids: Sequence[str], faults: Faults) -> Partij:
    """The partij with exactly these bank accounts, in that order; others that it had are nobody's from then on."""
    wanted = tuple(dict.fromkeys(uuids))
    found = await unit.get_many(REKENINGNUMMERS, (*wanted, *partij.rekeningnummers))
    faults.add_all(does_not_exist(f"rekeningnummers.{place}") for place, each in enumerate(uuids) if each not in found)
    for uuid, rekening in found.items():
        holder = partij.uuid if uuid in wanted else None
        if rekening.partij != holder:
            former = await unit.get(PARTIJEN, rekening.partij)
            if former is not None and former.uuid != partij.uuid:
                unit.put(PARTIJEN, without_rekeningnummer(former, uuid))
            unit.put(REKENINGNUMMERS, replace(rekening, partij=holder))
    return replace(partij, rekeningnummers=tuple(each for each in wanted if each in found))


def _with_voorkeursrekening(partij: Partij, change: Change) -> Partij:
    """The partij with the preferred account asked for; an earlier one that is no longer its own is forgotten."""
    chosen = change.given.get("voorkeurs_rekeningnummer", partij.voorkeurs_rekeningnummer)
    if chosen is not None and chosen not in partij.rekeningnummers:
        if "voorkeurs_rekeningnummer" in change.given:
            reason = "Het voorkeursrekeningnummer moet een van de rekeningnummers van de partij zijn."
            change.faults.add("voorkeursRekeningnummer", "invalid", reason)
        chosen = None
    return replace(partij, voorkeurs_rekeningnummer=chosen)
