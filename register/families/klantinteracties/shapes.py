"""The objects of the API: names, limits and what is required, as in the published OpenAPI of klantinteracties 0.9.0."""

from register.families.klantinteracties.parts import CONTACTNAAM, REFERENCES, VOLLEDIGE_NAAM
from register.http.fields import Anything, Attribute, ListOf, Reference, Shape
from register.http.shapes import ADRES, OWN
from register.http.values import Choice, Day, Flag, Id, Text
from register.model.digitaal_adres import SoortDigitaalAdres
from register.model.partij import MAX_DIGITALE_ADRESSEN, SoortPartij
from register.model.partij_identificator import OBJECTTYPEN, REGISTERS, Soort

_MAX_IDENTIFICATOREN = 20

NAMEN: dict[SoortPartij, Shape] = {
    SoortPartij.PERSOON: Shape((Attribute("contactnaam", CONTACTNAAM), VOLLEDIGE_NAAM), nullable=True),
    SoortPartij.ORGANISATIE: Shape((Attribute("naam", Text(200)),), nullable=True),
    SoortPartij.CONTACTPERSOON: Shape(
        (
            OWN[0],
            Attribute("werkteVoorPartij", Reference(nullable=True)),
            Attribute("contactnaam", CONTACTNAAM),
            VOLLEDIGE_NAAM,
        ),
        nullable=True,
    ),
}
"""What `partijIdentificatie` holds, by the kind of partij."""

_IDENTIFICATIE = Shape(
    (
        Attribute("codeObjecttype", Choice(OBJECTTYPEN), required=True),
        Attribute("codeSoortObjectId", Choice(Soort), required=True),
        Attribute("objectId", Text(200, blank=False), required=True),
        Attribute("codeRegister", Choice(REGISTERS), required=True),
    )
)

_IDENTIFICATOR = (
    Attribute("identificeerdePartij", Reference(nullable=True)),
    Attribute("anderePartijIdentificator", Text(200), description="Vrije tekst; verouderd."),
    Attribute("partijIdentificator", _IDENTIFICATIE, required=True),
    Attribute("subIdentificatorVan", Reference(nullable=True)),
)

PARTIJ_IDENTIFICATOR = Shape((*OWN, *_IDENTIFICATOR))

_IDENTIFICATOR_IN_PARTIJ = Shape((Attribute("uuid", Id(nullable=True)), OWN[1], *_IDENTIFICATOR))

DIGITAAL_ADRES = Shape(
    (
        *OWN,
        Attribute("verstrektDoorBetrokkene", Reference(nullable=True)),
        Attribute("verstrektDoorPartij", Reference(nullable=True)),
        Attribute("adres", Text(80, blank=False), required=True),
        Attribute("soortDigitaalAdres", Choice(SoortDigitaalAdres), required=True),
        Attribute("isStandaardAdres", Flag()),
        Attribute("omschrijving", Text(40)),
        Attribute(
            "referentie",
            Text(50, pattern="[-a-zA-Z0-9_]+", pattern_hint="Alleen letters, cijfers, streepjes en underscores."),
        ),
        Attribute("verificatieDatum", Day(nullable=True)),
    )
)

PARTIJ = Shape(
    (
        *OWN,
        Attribute(
            "nummer",
            Text(10, nullable=True, pattern="[0-9]+", pattern_hint="Alleen cijfers zijn toegestaan."),
            description="Verouderd: uniek nummer voor gebruik tussen mensen.",
        ),
        Attribute("interneNotitie", Text(1000)),
        Attribute("betrokkenen", Anything(REFERENCES, nullable=False), read_only=True),
        Attribute("categorieRelaties", Anything(REFERENCES, nullable=False), read_only=True),
        Attribute("digitaleAdressen", ListOf(Reference(), MAX_DIGITALE_ADRESSEN, nullable=True)),
        Attribute("voorkeursDigitaalAdres", Reference(nullable=True)),
        Attribute("vertegenwoordigden", Anything(REFERENCES, nullable=False), read_only=True),
        Attribute("rekeningnummers", ListOf(Reference(), 100, nullable=True)),
        Attribute("voorkeursRekeningnummer", Reference(nullable=True)),
        Attribute("partijIdentificatoren", ListOf(_IDENTIFICATOR_IN_PARTIJ, _MAX_IDENTIFICATOREN, nullable=True)),
        Attribute("soortPartij", Choice(SoortPartij), required=True),
        Attribute("indicatieGeheimhouding", Flag(nullable=True)),
        Attribute(
            "voorkeurstaal",
            Text(3, min_length=3, pattern="[a-z]{3}", pattern_hint="Een taalcode van drie letters werd verwacht."),
            description="Taal volgens ISO 639-2/B, bijvoorbeeld nld.",
        ),
        Attribute("indicatieActief", Flag(), required=True),
        Attribute("bezoekadres", ADRES),
        Attribute("correspondentieadres", ADRES),
        Attribute(
            "partijIdentificatie",
            Anything({"anyOf": [shape.schema() for shape in NAMEN.values()]}),
            description="De naam; de vorm hangt af van soortPartij.",
        ),
    )
)
