"""An e-mail address, telephone number or other digital address, and the rules it must meet.

Standard: REGISTER.md section 7 (rules); klantinteracties 0.9.0, schema DigitaalAdres.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from register.errors import InvalidParam

_TELEFOON = re.compile(r"(0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13})")
_SERVICE_NUMBERS = ("0800", "0900", "140")
_LOCAL_PART = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class SoortDigitaalAdres(StrEnum):
    """The channel that the address belongs to."""

    EMAIL = "email"
    TELEFOONNUMMER = "telefoonnummer"
    OVERIG = "overig"


@dataclass(frozen=True, slots=True)
class DigitaalAdres:
    """One digital address.

    `partij` is the id of the partij that gave it. `partij_soort` and `partij_kenmerken` repeat what is asked of that
    partij when addresses are searched; whoever changes the partij keeps them equal (`describe`).
    """

    uuid: str
    created_ms: int
    adres: str
    soort_digitaal_adres: SoortDigitaalAdres
    omschrijving: str = ""
    is_standaard_adres: bool = False
    referentie: str = ""
    verificatie_datum: str | None = None
    partij: str | None = None
    partij_soort: str | None = None
    partij_kenmerken: tuple[str, ...] = ()
    betrokkene: str | None = None
    """Who gave it in a klantcontact."""


def is_telefoonnummer(value: str) -> bool:
    """Whether a person or organisation can be called at this number; service numbers are excluded."""
    return _TELEFOON.fullmatch(value) is not None and not value.startswith(_SERVICE_NUMBERS)


def is_email(value: str) -> bool:
    """Whether this has the form of an e-mail address: dotted atoms at a domain of two labels or more."""
    local, at, domain = value.rpartition("@")
    labels = domain.split(".")
    return (
        bool(at)
        and len(local) <= 64
        and _LOCAL_PART.fullmatch(local) is not None
        and len(labels) >= 2
        and all(_LABEL.fullmatch(label) for label in labels)
        and len(labels[-1]) >= 2
        and not labels[-1].isdigit()
    )


def check_adres(soort: SoortDigitaalAdres, adres: str) -> Iterator[InvalidParam]:
    """Yield what is wrong with `adres` for this kind."""
    if soort is SoortDigitaalAdres.EMAIL and not is_email(adres):
        yield InvalidParam("adres", "invalid", "Voer een geldig e-mailadres in.")
    if soort is SoortDigitaalAdres.TELEFOONNUMMER and not is_telefoonnummer(adres):
        yield InvalidParam("adres", "invalid", "Het opgegeven telefoonnummer is ongeldig.")


def check_standaard(adres: DigitaalAdres) -> Iterator[InvalidParam]:
    """Yield a fault when an address is the default of nobody."""
    if adres.is_standaard_adres and adres.partij is None:
        reason = "Alleen een adres met verstrektDoorPartij kan standaard zijn."
        yield InvalidParam("isStandaardAdres", "invalid", reason)


def check_referentie(adres: DigitaalAdres, others: Iterable[DigitaalAdres]) -> Iterator[InvalidParam]:
    """Yield a fault when another address of the same partij and kind has the same referentie."""
    if adres.referentie and any(
        other.referentie == adres.referentie and other.soort_digitaal_adres is adres.soort_digitaal_adres
        for other in others
        if other.uuid != adres.uuid
    ):
        yield InvalidParam("referentie", "unique", "Deze referentie is al in gebruik bij deze partij en soort.")


def normalised(adres: DigitaalAdres) -> tuple[SoortDigitaalAdres, str]:
    """What two addresses share when they reach the same place: kind and one spelling."""
    text = adres.adres
    if adres.soort_digitaal_adres is SoortDigitaalAdres.EMAIL:
        text = text.casefold()
    elif adres.soort_digitaal_adres is SoortDigitaalAdres.TELEFOONNUMMER:
        text = "+" + text[2:] if text.startswith("00") else text
        text = "+31" + text[1:] if text.startswith("0") else text
    return adres.soort_digitaal_adres, text


def without_default(adres: DigitaalAdres, chosen: DigitaalAdres) -> DigitaalAdres:
    """`adres` as it must be once `chosen`, of the same partij, is stored: there is one default of a kind."""
    loses = (
        chosen.is_standaard_adres
        and adres.is_standaard_adres
        and adres.uuid != chosen.uuid
        and adres.soort_digitaal_adres is chosen.soort_digitaal_adres
    )
    return replace(adres, is_standaard_adres=False) if loses else adres
