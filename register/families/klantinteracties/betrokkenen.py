"""The resource `betrokkenen`."""

from register.actions.plain import Plain
from register.families.klantinteracties.parts import CONTACTNAAM, VOLLEDIGE_NAAM
from register.http.fields import Attribute, ListOf, Reference, Shape
from register.http.filters import Exact, Listed, Related, Through, identified
from register.http.links import Links
from register.http.relations import own
from register.http.resource import Relation, Resource
from register.http.shapes import ADRES, OWN
from register.http.values import Choice, Flag, Text
from register.model.klantcontact import MAX_DELEN, Betrokkene, Rol
from register.records.kinds import BETROKKENEN as KIND
from register.records.kinds import DIGITALE_ADRESSEN, KLANTCONTACTEN, PARTIJEN
from storage.documents import JsonObject

NAME = "betrokkenen"

_KLANTCONTACT = Attribute("hadKlantcontact", Reference("klantcontacten"), required=True)
_BEFORE = (Attribute("wasPartij", Reference("partijen", nullable=True)),)
_AFTER = (
    Attribute("digitaleAdressen", ListOf(Reference("digitaleadressen"), MAX_DELEN), read_only=True),
    Attribute("bezoekadres", ADRES),
    Attribute("correspondentieadres", ADRES),
    Attribute("contactnaam", CONTACTNAAM),
    VOLLEDIGE_NAAM,
    Attribute("rol", Choice(Rol), required=True),
    Attribute("organisatienaam", Text(200)),
    Attribute("initiator", Flag(), required=True),
)
SHAPE = Shape((*OWN, *_BEFORE, _KLANTCONTACT, *_AFTER))
IN_MAAK = Shape(
    (*OWN, *_BEFORE, Attribute("hadKlantcontact", Reference("klantcontacten", nullable=True), read_only=True), *_AFTER)
)
"""The same where it is made together with its klantcontact."""


def render_betrokkene(betrokkene: Betrokkene, links: Links) -> JsonObject:
    """The betrokkene as the API shows it."""
    naam = betrokkene.contactnaam
    return SHAPE.show(betrokkene, links, NAME, volledigeNaam="" if naam is None else naam.volledig())


ACTIONS = Plain(KIND, Betrokkene)

BETROKKENEN: Resource[Betrokkene] = Resource(
    name=NAME,
    schema_name="Betrokkene",
    kind=KIND,
    shape=SHAPE,
    filters=(
        Exact("contactnaamVoorletters", "contactnaam.voorletters"),
        Exact("contactnaamVoornaam", "contactnaam.voornaam"),
        Exact("contactnaamVoorvoegselAchternaam", "contactnaam.voorvoegsel_achternaam"),
        Exact("contactnaamAchternaam", "contactnaam.achternaam"),
        Exact("organisatienaam", "organisatienaam"),
        Related("hadKlantcontact", "had_klantcontact"),
        Through(
            KLANTCONTACTEN,
            (
                Exact("hadKlantcontact__nummer", "nummer"),
                Exact("hadKlantcontact__referentienummer", "referentienummer"),
            ),
            "had_klantcontact",
        ),
        Related("wasPartij", "was_partij"),
        Through(
            PARTIJEN,
            (
                Exact("wasPartij__nummer", "nummer"),
                identified(
                    "wasPartij__partijIdentificator", "kenmerken", parent_prefix="wasPartij__subIdentificatorVan"
                ),
            ),
            "was_partij",
        ),
        Listed("verstrektedigitaalAdres", "digitale_adressen"),
        Through(DIGITALE_ADRESSEN, (Exact("verstrektedigitaalAdres__adres", "adres"),), "uuid", by="betrokkene"),
    ),
    render=render_betrokkene,
    create=ACTIONS.create,
    update=ACTIONS.update,
    remove=ACTIONS.remove,
    relations={
        "digitaleAdressen": Relation("digitaleadressen", own("digitale_adressen")),
        "hadKlantcontact": Relation("klantcontacten", own("had_klantcontact"), many=False),
        "wasPartij": Relation("partijen", own("was_partij"), many=False),
    },
    expand=(
        "digitaleAdressen",
        "hadKlantcontact",
        "hadKlantcontact.leiddeTotInterneTaken",
        "hadKlantcontact.leiddeTotInterneTaken.toegewezenAanActoren",
        "wasPartij",
    ),
    searchable=True,
)
