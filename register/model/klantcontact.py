"""A contact with a klant, and who and what it was about.

Standard: REGISTER.md section 5; klantinteracties 0.9.0, schemas Klantcontact, Betrokkene, Onderwerpobject, Bijlage.

A klantcontact is the guardian of what belongs to it: it lists its parts, so that every change to which parts there are
also writes the klantcontact, and two writers meet.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from register.errors import InvalidParam
from register.model.adres import Adres
from register.model.contactnaam import Contactnaam
from register.model.identificator import GeslotenIdentificator, Objectidentificator

MAX_DELEN = 500
"""How many parts of one kind a klantcontact may have: it lists them all."""


class Rol(StrEnum):
    """For whom a betrokkene spoke."""

    VERTEGENWOORDIGER = "vertegenwoordiger"
    KLANT = "klant"


@dataclass(frozen=True, slots=True)
class Klantcontact:
    """One contact; `plaatsgevonden_op` is an instant in UTC as ISO 8601 text with `Z`."""

    uuid: str
    created_ms: int
    kanaal: str = ""
    onderwerp: str = ""
    taal: str = ""
    vertrouwelijk: bool = False
    plaatsgevonden_op: str = ""
    nummer: str | None = None
    referentienummer: str | None = None
    inhoud: str = ""
    reactie: str = ""
    indicatie_contact_gelukt: bool | None = None
    hoofd_onderwerp_type: str = ""
    verdere_actie_ondernomen: bool = False
    metadata: Mapping[str, str] = field(default_factory=dict)
    had_betrokkenen: tuple[str, ...] = ()
    had_betrokken_actoren: tuple[str, ...] = ()
    """Of the actorklantcontacten: their ids, in the order in which they came."""
    ging_over_onderwerpobjecten: tuple[str, ...] = ()
    omvatte_bijlagen: tuple[str, ...] = ()
    leidde_tot_interne_taken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Betrokkene:
    """Somebody who took part in a klantcontact; a known partij, or whoever the names say."""

    uuid: str
    created_ms: int
    had_klantcontact: str = ""
    rol: Rol = Rol.KLANT
    initiator: bool = False
    was_partij: str | None = None
    bezoekadres: Adres | None = None
    correspondentieadres: Adres | None = None
    contactnaam: Contactnaam | None = None
    organisatienaam: str = ""
    digitale_adressen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Onderwerpobject:
    """What a klantcontact was about: an object elsewhere, or an earlier klantcontact."""

    uuid: str
    created_ms: int
    klantcontact: str | None = None
    was_klantcontact: str | None = None
    onderwerpobjectidentificator: GeslotenIdentificator | None = None


@dataclass(frozen=True, slots=True)
class Bijlage:
    """A document that came with a klantcontact."""

    uuid: str
    created_ms: int
    was_bijlage_van_klantcontact: str | None = None
    bijlageidentificator: Objectidentificator | None = None


def check_klantcontact(klantcontact: Klantcontact) -> Iterator[InvalidParam]:
    """Yield what contradicts itself: after a contact that succeeded there is nothing more to do."""
    if klantcontact.indicatie_contact_gelukt and klantcontact.verdere_actie_ondernomen:
        reason = "Na een gelukt contact is er geen verdere actie ondernomen."
        yield InvalidParam("verdereActieOndernomen", "no-further-action-when-contact-succesful", reason)
