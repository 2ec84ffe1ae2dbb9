"""Persons and organisations for whom there is no base registry to ask.

Standard: REGISTER.md sections 5 and 8; contactgegevens 1.1.1. Dates as `YYYY-MM-DD`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from register.errors import InvalidParam
from register.model.adres import Adres


@dataclass(frozen=True, slots=True)
class Persoon:
    """One person."""

    uuid: str
    created_ms: int
    geboortedatum: str = ""
    overlijdensdatum: str | None = None
    geslachtsnaam: str = ""
    geslacht: str = ""
    voorvoegsel: str = ""
    voornamen: str = ""
    adres: Adres | None = None


@dataclass(frozen=True, slots=True)
class Organisatie:
    """One organisation."""

    uuid: str
    created_ms: int
    handelsnaam: str = ""
    oprichtingsdatum: str | None = None
    opheffingsdatum: str | None = None
    adres: Adres | None = None


def check_persoon(persoon: Persoon) -> Iterator[InvalidParam]:
    """Yield a fault when a person died before being born."""
    if persoon.overlijdensdatum and persoon.geboortedatum and persoon.overlijdensdatum < persoon.geboortedatum:
        yield InvalidParam("overlijdensdatum", "invalid", "De overlijdensdatum ligt voor de geboortedatum.")


def check_organisatie(organisatie: Organisatie) -> Iterator[InvalidParam]:
    """Yield a fault when an organisation ended before it began."""
    begin, end = organisatie.oprichtingsdatum, organisatie.opheffingsdatum
    if begin and end and end < begin:
        yield InvalidParam("opheffingsdatum", "invalid", "De opheffingsdatum ligt voor de oprichtingsdatum.")
