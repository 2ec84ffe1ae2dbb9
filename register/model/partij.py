"""A person, an organisation or a contact person: the record that the others hang on.

Standard: REGISTER.md section 5; klantinteracties 0.9.0, schema Partij.

A partij is the guardian of what belongs to it: it lists its digital addresses and repeats its identificatoren, and
every change to one of those also writes the partij. Two writers that touch the same partij therefore always meet,
which is what keeps "one default address of a kind" and "one identificator of a kind" true without a lock.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from register.errors import InvalidParam
from register.model.adres import Adres
from register.model.contactnaam import Contactnaam
from register.model.digitaal_adres import DigitaalAdres
from register.model.partij_identificator import PartijIdentificator

MAX_DIGITALE_ADRESSEN = 200
"""How many addresses one partij may have: the partij lists them all."""


class SoortPartij(StrEnum):
    """What kind of partij it is."""

    PERSOON = "persoon"
    ORGANISATIE = "organisatie"
    CONTACTPERSOON = "contactpersoon"


@dataclass(frozen=True, slots=True)
class Partij:
    """One partij; `contactnaam`, `naam` and `werkte_voor_partij` are used by the kinds that have them."""

    uuid: str
    created_ms: int
    soort_partij: SoortPartij
    indicatie_actief: bool
    nummer: str | None = None
    interne_notitie: str = ""
    indicatie_geheimhouding: bool | None = None
    voorkeurstaal: str = ""
    bezoekadres: Adres | None = None
    correspondentieadres: Adres | None = None
    contactnaam: Contactnaam | None = None
    naam: str = ""
    werkte_voor_partij: str | None = None
    digitale_adressen: tuple[str, ...] = ()
    voorkeurs_digitaal_adres: str | None = None
    identificatoren: tuple[PartijIdentificator, ...] = ()
    rekeningnummers: tuple[str, ...] = ()
    voorkeurs_rekeningnummer: str | None = None

    def kenmerken(self) -> tuple[str, ...]:
        """The marks of all its identificatoren, each once."""
        return tuple(dict.fromkeys(mark for each in self.identificatoren for mark in each.kenmerken))

    def voorkeursrekening(self) -> str | None:
        """The preferred bank account, while it is one of its own."""
        return self.voorkeurs_rekeningnummer if self.voorkeurs_rekeningnummer in self.rekeningnummers else None


def fitting_its_kind(partij: Partij) -> Partij:
    """The partij without the names that its kind does not have."""
    if partij.soort_partij is SoortPartij.ORGANISATIE:
        return replace(partij, contactnaam=None, werkte_voor_partij=None)
    if partij.soort_partij is SoortPartij.PERSOON:
        return replace(partij, naam="", werkte_voor_partij=None)
    return replace(partij, naam="")


def check_one_of_each_kind(identificatoren: Iterable[PartijIdentificator]) -> Iterator[InvalidParam]:
    """Yield a fault when two identificatoren of one partij have the same kind."""
    counts = Counter(each.identificatie.soort for each in identificatoren)
    for soort, count in counts.items():
        if count > 1:
            reason = f"Een partij heeft ten hoogste één identificator van soort {soort}."
            yield InvalidParam("identificeerdePartij", "duplicated", reason)


def check_voorkeur(partij: Partij) -> Iterator[InvalidParam]:
    """Yield a fault when the preferred address is not one of its own."""
    voorkeur = partij.voorkeurs_digitaal_adres
    if voorkeur is not None and voorkeur not in partij.digitale_adressen:
        reason = "Het voorkeursadres moet een van de digitaleAdressen van de partij zijn."
        yield InvalidParam("voorkeursDigitaalAdres", "invalid", reason)


def check_number_of_addresses(partij: Partij) -> Iterator[InvalidParam]:
    """Yield a fault when there are more addresses than a partij may have."""
    if len(partij.digitale_adressen) > MAX_DIGITALE_ADRESSEN:
        reason = f"Een partij heeft ten hoogste {MAX_DIGITALE_ADRESSEN} digitale adressen."
        yield InvalidParam("digitaleAdressen", "max_length", reason)


def without_address(partij: Partij, adres_uuid: str) -> Partij:
    """The partij after one of its addresses went away."""
    voorkeur = partij.voorkeurs_digitaal_adres
    return replace(
        partij,
        digitale_adressen=tuple(each for each in partij.digitale_adressen if each != adres_uuid),
        voorkeurs_digitaal_adres=None if voorkeur == adres_uuid else voorkeur,
    )


def with_address(partij: Partij, adres_uuid: str) -> Partij:
    """The partij with this address among its own."""
    if adres_uuid in partij.digitale_adressen:
        return partij
    return replace(partij, digitale_adressen=(*partij.digitale_adressen, adres_uuid))


def without_rekeningnummer(partij: Partij, uuid: str) -> Partij:
    """The partij after one of its bank accounts went away."""
    voorkeur = partij.voorkeurs_rekeningnummer
    return replace(
        partij,
        rekeningnummers=tuple(each for each in partij.rekeningnummers if each != uuid),
        voorkeurs_rekeningnummer=None if voorkeur == uuid else voorkeur,
    )


def with_identificator(partij: Partij, identificator: PartijIdentificator) -> Partij:
    """The partij with this identificator, in place of an earlier version of it."""
    others = tuple(each for each in partij.identificatoren if each.uuid != identificator.uuid)
    if len(others) == len(partij.identificatoren):
        return replace(partij, identificatoren=(*others, identificator))
    return replace(
        partij,
        identificatoren=tuple(
            identificator if each.uuid == identificator.uuid else each for each in partij.identificatoren
        ),
    )


def without_identificator(partij: Partij, identificator_uuid: str) -> Partij:
    """The partij after one of its identificatoren went away."""
    return replace(
        partij, identificatoren=tuple(each for each in partij.identificatoren if each.uuid != identificator_uuid)
    )


def describe(adres: DigitaalAdres, partij: Partij | None) -> DigitaalAdres:
    """The address with what is asked of its partij when addresses are searched."""
    if partij is None:
        return replace(adres, partij=None, partij_soort=None, partij_kenmerken=())
    return replace(
        adres, partij=partij.uuid, partij_soort=partij.soort_partij.value, partij_kenmerken=partij.kenmerken()
    )
