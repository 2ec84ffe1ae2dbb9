"""The resources `vertegenwoordigingen`, `categorieen`, `categorie-relaties` and `rekeningnummers`."""

from collections.abc import Sequence
from typing import Any

from register.actions.plain import Plain
from register.http.fields import Attribute, Reference, Shape
from register.http.filters import Exact, OnDay, Related, Through
from register.http.links import Links
from register.http.relations import naming
from register.http.resource import Resource
from register.http.shapes import OWN
from register.http.values import Day, Text
from register.model.partij_delen import (
    Categorie,
    CategorieRelatie,
    Rekeningnummer,
    Vertegenwoordiging,
    check_periode,
    check_vertegenwoordiging,
)
from register.records.kinds import CATEGORIE_RELATIES as RELATIE_KIND
from register.records.kinds import CATEGORIEEN as CATEGORIE_KIND
from register.records.kinds import PARTIJEN
from register.records.kinds import REKENINGNUMMERS as REKENING_KIND
from register.records.kinds import VERTEGENWOORDIGINGEN as VERTEGENWOORDIGING_KIND
from register.records.unit import Unit
from storage.documents import JsonObject

_VERTEGENWOORDIGING = Shape(
    (
        *OWN,
        Attribute("vertegenwoordigendePartij", Reference("partijen"), required=True),
        Attribute("vertegenwoordigdePartij", Reference("partijen"), required=True),
    )
)
_VERTEGENWOORDIGING_ACTIONS = Plain(VERTEGENWOORDIGING_KIND, Vertegenwoordiging, check=check_vertegenwoordiging)

VERTEGENWOORDIGINGEN: Resource[Vertegenwoordiging] = Resource(
    name="vertegenwoordigingen",
    schema_name="Vertegenwoordigden",
    kind=VERTEGENWOORDIGING_KIND,
    shape=_VERTEGENWOORDIGING,
    filters=(
        Related("vertegenwoordigendePartij", "vertegenwoordigende_partij"),
        Related("vertegenwoordigdePartij", "vertegenwoordigde_partij"),
    ),
    render=_VERTEGENWOORDIGING.renderer("vertegenwoordigingen"),
    create=_VERTEGENWOORDIGING_ACTIONS.create,
    update=_VERTEGENWOORDIGING_ACTIONS.update,
    remove=_VERTEGENWOORDIGING_ACTIONS.remove,
)

_CATEGORIE = Shape((*OWN, Attribute("naam", Text(80))))
_CATEGORIE_ACTIONS = Plain(CATEGORIE_KIND, Categorie)

CATEGORIEEN: Resource[Categorie] = Resource(
    name="categorieen",
    schema_name="Categorie",
    kind=CATEGORIE_KIND,
    shape=_CATEGORIE,
    filters=(),
    render=_CATEGORIE.renderer("categorieen"),
    create=_CATEGORIE_ACTIONS.create,
    update=_CATEGORIE_ACTIONS.update,
    remove=_CATEGORIE_ACTIONS.remove,
)

_RELATIE = Shape(
    (
        *OWN,
        Attribute("partij", Reference("partijen", nullable=True)),
        Attribute("categorie", Reference("categorieen", nullable=True)),
        Attribute("beginDatum", Day(nullable=True)),
        Attribute("eindDatum", Day(nullable=True)),
    )
)
_RELATIE_ACTIONS = Plain(RELATIE_KIND, CategorieRelatie, check=check_periode)


async def _categorie(unit: Unit, records: Sequence[CategorieRelatie], links: Links) -> list[Any]:
    """The categorie of each, with its name."""
    names = await _names(unit, records)
    return [
        None
        if each.categorie is None
        else {
            "uuid": each.categorie,
            "url": links.item("categorieen", each.categorie),
            "naam": names.get(each.categorie, ""),
        }
        for each in records
    ]


CATEGORIE_RELATIES: Resource[CategorieRelatie] = Resource(
    name="categorie-relaties",
    schema_name="CategorieRelatie",
    kind=RELATIE_KIND,
    shape=_RELATIE,
    filters=(
        Related("partij", "partij"),
        Through(PARTIJEN, (Exact("partij__nummer", "nummer"),), "partij"),
        Related("categorie", "categorie"),
        Through(CATEGORIE_KIND, (Exact("categorie__naam", "naam"),), "categorie"),
        OnDay("beginDatum", "begin_datum", bounds=False),
        OnDay("eindDatum", "eind_datum", bounds=False),
    ),
    render=_RELATIE.renderer("categorie-relaties"),
    create=_RELATIE_ACTIONS.create,
    update=_RELATIE_ACTIONS.update,
    remove=_RELATIE_ACTIONS.remove,
    extras={"categorie": _categorie},
)

_REKENINGNUMMER = Shape(
    (
        *OWN,
        Attribute("partij", Reference("partijen", nullable=True)),
        Attribute(
            "iban",
            Text(
                34,
                blank=False,
                pattern="[A-Za-z]{2}[0-9]{2}[A-Za-z0-9]{1,30}",
                pattern_hint="Een IBAN als NL02ABNA0123456789 werd verwacht.",
            ),
            required=True,
        ),
        Attribute(
            "bic", Text(11, min_length=8, pattern=r"[\S]+", pattern_hint="Een BIC zonder spaties werd verwacht.")
        ),
    )
)
_REKENING_ACTIONS = Plain(REKENING_KIND, Rekeningnummer)

REKENINGNUMMERS: Resource[Rekeningnummer] = Resource(
    name="rekeningnummers",
    schema_name="Rekeningnummer",
    kind=REKENING_KIND,
    shape=_REKENINGNUMMER,
    filters=(Exact("uuid", "uuid"), Exact("iban", "iban"), Exact("bic", "bic")),
    render=_REKENINGNUMMER.renderer("rekeningnummers"),
    create=_REKENING_ACTIONS.create,
    update=_REKENING_ACTIONS.update,
    remove=_REKENING_ACTIONS.remove,
)


_relaties_of = naming(RELATIE_KIND, "partij")
_vertegenwoordigingen_of = naming(VERTEGENWOORDIGING_KIND, "vertegenwoordigende_partij")


async def categorie_relaties(unit: Unit, partijen: Sequence[Any], links: Links) -> list[Any]:
    """The categorie-relaties of each partij, with the name of the categorie."""
    found = await _relaties_of(unit, partijen)
    names = await _names(unit, [each for relaties in found for each in relaties])
    return [[_in_partij(each, names, links) for each in relaties] for relaties in found]


async def vertegenwoordigden(unit: Unit, partijen: Sequence[Any], links: Links) -> list[Any]:
    """Whom each partij acts for."""
    found = await _vertegenwoordigingen_of(unit, partijen)
    return [[links.reference("partijen", each.vertegenwoordigde_partij) for each in one] for one in found]


def _in_partij(relatie: CategorieRelatie, names: dict[str, str], links: Links) -> JsonObject:
    return {
        "uuid": relatie.uuid,
        "url": links.item("categorie-relaties", relatie.uuid),
        "categorieNaam": None if relatie.categorie is None else names.get(relatie.categorie, ""),
        "beginDatum": relatie.begin_datum,
        "eindDatum": relatie.eind_datum,
    }


async def _names(unit: Unit, relaties: Sequence[CategorieRelatie]) -> dict[str, str]:
    found = await unit.get_many(CATEGORIE_KIND, [each.categorie for each in relaties if each.categorie is not None])
    return {uuid: categorie.naam for uuid, categorie in found.items()}
