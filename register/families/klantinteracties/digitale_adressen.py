"""The resource `digitaleadressen`."""

from register.actions.digitale_adressen import create_adres, remove_adres, update_adres
from register.families.klantinteracties.shapes import DIGITAAL_ADRES
from register.http.filters import Exact, OnDay, OneOf, Part, Related, Through, YesNo, identified
from register.http.links import Links
from register.http.relations import own
from register.http.resource import Relation, Resource
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.klantcontact import Rol
from register.model.partij import SoortPartij
from register.records.kinds import BETROKKENEN
from register.records.kinds import DIGITALE_ADRESSEN as KIND
from storage.documents import JsonObject

NAME = "digitaleadressen"


def render_adres(adres: DigitaalAdres, links: Links) -> JsonObject:
    """The address as the API shows it."""
    return {
        "uuid": adres.uuid,
        "url": links.item(NAME, adres.uuid),
        "verstrektDoorBetrokkene": links.reference("betrokkenen", adres.betrokkene),
        "verstrektDoorPartij": links.reference("partijen", adres.partij),
        "adres": adres.adres,
        "soortDigitaalAdres": adres.soort_digitaal_adres.value,
        "isStandaardAdres": adres.is_standaard_adres,
        "omschrijving": adres.omschrijving,
        "referentie": adres.referentie,
        "verificatieDatum": adres.verificatie_datum,
    }


DIGITALE_ADRESSEN: Resource[DigitaalAdres] = Resource(
    name=NAME,
    schema_name="DigitaalAdres",
    kind=KIND,
    shape=DIGITAAL_ADRES,
    filters=(
        Exact("adres", "adres"),
        Part("adres__icontains", "adres"),
        OneOf("soortDigitaalAdres", "soort_digitaal_adres", SoortDigitaalAdres),
        Part("omschrijving", "omschrijving"),
        Exact("referentie", "referentie"),
        YesNo("isStandaardAdres", "is_standaard_adres"),
        YesNo("isGeverifieerd", "verificatie_datum", presence=True),
        OnDay("verificatieDatum", "verificatie_datum"),
        Related("verstrektDoorBetrokkene", "betrokkene"),
        Through(BETROKKENEN, (OneOf("verstrektDoorBetrokkene__rol", "rol", Rol),), "betrokkene"),
        Related("verstrektDoorPartij", "partij"),
        OneOf("verstrektDoorPartij__soortPartij", "partij_soort", SoortPartij),
        identified(
            "verstrektDoorPartij__partijIdentificator",
            "partij_kenmerken",
            parent_prefix="verstrektDoorPartij__subIdentificatorVan",
        ),
    ),
    render=render_adres,
    create=create_adres,
    update=update_adres,
    remove=remove_adres,
    relations={"verstrektDoorBetrokkene": Relation("betrokkenen", own("betrokkene"), many=False)},
    expand=(
        "verstrektDoorBetrokkene",
        "verstrektDoorBetrokkene.hadKlantcontact",
        "verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken",
    ),
    searchable=True,
)
