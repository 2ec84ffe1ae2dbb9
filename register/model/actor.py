"""Who acts for the organisation: an employee, an organisational unit or a machine.

Standard: REGISTER.md section 5; klantinteracties 0.9.0, schemas Actor and ActorKlantcontact.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from register.errors import InvalidParam
from register.model.digitaal_adres import is_email
from register.model.identificator import Objectidentificator


class SoortActor(StrEnum):
    """What kind of actor it is."""

    MEDEWERKER = "medewerker"
    GEAUTOMATISEERDE_ACTOR = "geautomatiseerde_actor"
    ORGANISATORISCHE_EENHEID = "organisatorische_eenheid"


@dataclass(frozen=True, slots=True)
class ActorGegevens:
    """What is known of an actor; each kind has some of it."""

    functie: str = ""
    omschrijving: str = ""
    emailadres: str = ""
    telefoonnummer: str = ""
    faxnummer: str = ""


@dataclass(frozen=True, slots=True)
class Actor:
    """One actor."""

    uuid: str
    created_ms: int
    naam: str = ""
    soort_actor: SoortActor = SoortActor.MEDEWERKER
    indicatie_actief: bool = True
    actoridentificator: Objectidentificator | None = None
    actor_identificatie: ActorGegevens | None = None


@dataclass(frozen=True, slots=True)
class ActorKlantcontact:
    """That an actor took part in a klantcontact; once at most."""

    uuid: str
    created_ms: int
    actor: str = ""
    klantcontact: str = ""


def check_actor(actor: Actor) -> Iterator[InvalidParam]:
    """Yield what is wrong with what is known of an actor."""
    gegevens = actor.actor_identificatie
    if gegevens is not None and gegevens.emailadres and not is_email(gegevens.emailadres):
        yield InvalidParam("actorIdentificatie.emailadres", "invalid", "Voer een geldig e-mailadres in.")
