"""What belongs to partijen and is a record of its own: representation, categories and bank accounts.

Standard: klantinteracties 0.9.0, schemas Vertegenwoordigden, Categorie, CategorieRelatie, Rekeningnummer.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from register.errors import InvalidParam


@dataclass(frozen=True, slots=True)
class Vertegenwoordiging:
    """That one partij acts for another."""

    uuid: str
    created_ms: int
    vertegenwoordigende_partij: str = ""
    vertegenwoordigde_partij: str = ""


@dataclass(frozen=True, slots=True)
class Categorie:
    """A name under which partijen can be put together."""

    uuid: str
    created_ms: int
    naam: str = ""


@dataclass(frozen=True, slots=True)
class CategorieRelatie:
    """That a partij falls under a categorie, for a while; dates as `YYYY-MM-DD`."""

    uuid: str
    created_ms: int
    partij: str | None = None
    categorie: str | None = None
    begin_datum: str | None = None
    eind_datum: str | None = None


@dataclass(frozen=True, slots=True)
class Rekeningnummer:
    """A bank account."""

    uuid: str
    created_ms: int
    iban: str = ""
    bic: str = ""
    partij: str | None = None


def check_vertegenwoordiging(relatie: Vertegenwoordiging) -> Iterator[InvalidParam]:
    """Yield a fault when a partij acts for itself."""
    if relatie.vertegenwoordigende_partij == relatie.vertegenwoordigde_partij:
        reason = "Een partij kan zichzelf niet vertegenwoordigen."
        yield InvalidParam("vertegenwoordigdePartij", "invalid", reason)


def check_periode(relatie: CategorieRelatie) -> Iterator[InvalidParam]:
    """Yield a fault when a relation ends before it begins."""
    if relatie.begin_datum and relatie.eind_datum and relatie.eind_datum < relatie.begin_datum:
        yield InvalidParam("eindDatum", "invalid", "De einddatum ligt voor de begindatum.")
