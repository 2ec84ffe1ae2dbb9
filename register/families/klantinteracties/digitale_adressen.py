"""The resource `digitaleadressen`."""

from register.actions.digitale_adressen import create_adres, remove_adres, update_adres
from register.families.klantinteracties.shapes import DIGITAAL_ADRES
from register.http.filters import Exact, NotYet, OnDay, OneOf, Part, Related, YesNo, identified
from register.http.links import Links
from register.http.resource import Expansion, Resource
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.partij import SoortPartij
from register.records.kinds import DIGITALE_ADRESSEN as KIND
from storage.documents import JsonObject

NAME = "digitaleadressen"


def render_adres(adres: DigitaalAdres, links: Links) -> JsonObject:
    """The address as the API shows it."""
    return {
        "uuid": adres.uuid,
        "url": links.item(NAME, adres.uuid),
        "verstrektDoorBetrokkene": None,
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
        NotYet(("verstrektDoorBetrokkene__uuid", "verstrektDoorBetrokkene__url", "verstrektDoorBetrokkene__rol")),
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
    expansions=(
        Expansion("verstrektDoorBetrokkene", None),
        Expansion("verstrektDoorBetrokkene.hadKlantcontact", None),
        Expansion("verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken", None),
    ),
    searchable=True,
)
