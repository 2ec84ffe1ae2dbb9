"""The resource `partijen`."""

from register.actions.change import Change
from register.actions.partijen import create_partij, remove_partij, update_partij
from register.families.klantinteracties.digitale_adressen import NAME as ADRESSEN
from register.families.klantinteracties.partij_delen import categorie_relaties, vertegenwoordigden
from register.families.klantinteracties.partij_identificatoren import render_identificator
from register.families.klantinteracties.shapes import NAMEN, PARTIJ
from register.http.filters import AnyName, Exact, Filter, OneOf, Related, Through, YesNo, identified
from register.http.links import Links
from register.http.relations import ids_of, naming, own, references
from register.http.resource import Relation, Resource
from register.model.adres import Adres
from register.model.contactnaam import Contactnaam
from register.model.partij import Partij, SoortPartij
from register.records.kinds import BETROKKENEN, CATEGORIE_RELATIES, CATEGORIEEN, VERTEGENWOORDIGINGEN
from register.records.kinds import PARTIJEN as KIND
from register.records.unit import Unit
from storage.documents import JsonObject

NAME = "partijen"


def _render_contactnaam(naam: Contactnaam | None) -> JsonObject | None:
    if naam is None:
        return None
    return {
        "voorletters": naam.voorletters,
        "voornaam": naam.voornaam,
        "voorvoegselAchternaam": naam.voorvoegsel_achternaam,
        "achternaam": naam.achternaam,
    }


def _render_postadres(adres: Adres | None) -> JsonObject | None:
    if adres is None:
        return None
    return {
        "nummeraanduidingId": adres.nummeraanduiding_id,
        "straatnaam": adres.straatnaam,
        "huisnummer": adres.huisnummer,
        "huisnummertoevoeging": adres.huisnummertoevoeging,
        "postcode": adres.postcode,
        "stad": adres.stad,
        "adresregel1": adres.adresregel1,
        "adresregel2": adres.adresregel2,
        "adresregel3": adres.adresregel3,
        "land": adres.land,
    }


def _render_naam(partij: Partij, links: Links) -> JsonObject:
    if partij.soort_partij is SoortPartij.ORGANISATIE:
        return {"naam": partij.naam}
    names: JsonObject = {
        "contactnaam": _render_contactnaam(partij.contactnaam),
        "volledigeNaam": "" if partij.contactnaam is None else partij.contactnaam.volledig(),
    }
    if partij.soort_partij is SoortPartij.PERSOON:
        return names
    return {"uuid": partij.uuid, "werkteVoorPartij": links.reference(NAME, partij.werkte_voor_partij), **names}


def render_partij(partij: Partij, links: Links) -> JsonObject:
    """The partij as the API shows it; what other records know of it follows."""
    return {
        "uuid": partij.uuid,
        "url": links.item(NAME, partij.uuid),
        "nummer": partij.nummer,
        "interneNotitie": partij.interne_notitie,
        "betrokkenen": [],
        "categorieRelaties": [],
        "digitaleAdressen": [links.reference(ADRESSEN, uuid) for uuid in partij.digitale_adressen],
        "voorkeursDigitaalAdres": links.reference(ADRESSEN, partij.voorkeurs_digitaal_adres),
        "vertegenwoordigden": [],
        "rekeningnummers": [links.reference("rekeningnummers", uuid) for uuid in partij.rekeningnummers],
        "voorkeursRekeningnummer": links.reference("rekeningnummers", partij.voorkeursrekening()),
        "partijIdentificatoren": [render_identificator(each, links) for each in partij.identificatoren],
        "soortPartij": partij.soort_partij.value,
        "indicatieGeheimhouding": partij.indicatie_geheimhouding,
        "voorkeurstaal": partij.voorkeurstaal,
        "indicatieActief": partij.indicatie_actief,
        "bezoekadres": _render_postadres(partij.bezoekadres),
        "correspondentieadres": _render_postadres(partij.correspondentieadres),
        "partijIdentificatie": _render_naam(partij, links),
    }


async def _create(unit: Unit, change: Change) -> Partij:
    return await create_partij(unit, _with_naam(change, None))


async def _update(unit: Unit, current: Partij, change: Change) -> Partij:
    return await update_partij(unit, current, _with_naam(change, current.soort_partij))


def _with_naam(change: Change, current: SoortPartij | None) -> Change:
    """The change with `partijIdentificatie` read as the kind of partij prescribes."""
    given = dict(change.given)
    body = given.pop("partij_identificatie", None)
    soort = given.get("soort_partij", current)
    if body is not None and soort is not None:
        naam = NAMEN[soort].read(body, "partijIdentificatie", change.faults)
        given.update(naam or {})
    return Change(given, change.faults, change.partial, change.now_ms)


_BETROKKENEN_OF = naming(BETROKKENEN, "was_partij")


def _adres_filters(name: str) -> tuple[Filter, ...]:
    lines = tuple(Exact(f"{name}Adresregel{number}", f"{name}.adresregel{number}") for number in (1, 2, 3))
    return (
        Exact(f"{name}NummeraanduidingId", f"{name}.nummeraanduiding_id"),
        *lines,
        Exact(f"{name}Land", f"{name}.land"),
    )


PARTIJEN: Resource[Partij] = Resource(
    name=NAME,
    schema_name="Partij",
    kind=KIND,
    shape=PARTIJ,
    filters=(
        Exact("nummer", "nummer"),
        OneOf("soortPartij", "soort_partij", SoortPartij),
        YesNo("indicatieActief", "indicatie_actief"),
        YesNo("indicatieGeheimhouding", "indicatie_geheimhouding"),
        Through(
            VERTEGENWOORDIGINGEN,
            (Related("vertegenwoordigdePartij", "vertegenwoordigde_partij"),),
            "uuid",
            by="vertegenwoordigende_partij",
        ),
        Through(
            CATEGORIE_RELATIES,
            (Through(CATEGORIEEN, (AnyName("categorierelatie__categorie__naam", "naam"),), "categorie"),),
            "uuid",
            by="partij",
        ),
        identified("partijIdentificator", "kenmerken", parent_prefix="subIdentificatorVan"),
        *_adres_filters("bezoekadres"),
        *_adres_filters("correspondentieadres"),
    ),
    render=render_partij,
    create=_create,
    update=_update,
    remove=remove_partij,
    extras={
        "betrokkenen": references("betrokkenen", ids_of(_BETROKKENEN_OF)),
        "categorieRelaties": categorie_relaties,
        "vertegenwoordigden": vertegenwoordigden,
    },
    relations={
        "digitaleAdressen": Relation(ADRESSEN, own("digitale_adressen")),
        "betrokkenen": Relation("betrokkenen", ids_of(_BETROKKENEN_OF)),
        "categorieRelaties": Relation("categorie-relaties", ids_of(naming(CATEGORIE_RELATIES, "partij"))),
    },
    expand=("digitaleAdressen", "betrokkenen", "betrokkenen.hadKlantcontact", "categorieRelaties"),
    searchable=True,
)
