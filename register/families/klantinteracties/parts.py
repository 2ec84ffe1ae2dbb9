"""Parts that several objects of the API have: names, limits and what is required, as in the published OpenAPI."""

from register.http.fields import Anything, Attribute, Id, Reference, Shape, Text, Whole
from register.http.filters import Exact, Filter, Sealed
from register.model.sealing import index_of
from storage.documents import JsonObject

OWN = (
    Attribute("uuid", Id(), read_only=True, description="Unieke (technische) identificatiecode."),
    Attribute("url", Anything({"type": "string", "format": "uri"}, nullable=False), read_only=True),
)
VOLLEDIGE_NAAM = Attribute("volledigeNaam", Anything({"type": "string"}, nullable=False), read_only=True)
REFERENCES: JsonObject = {"type": "array", "items": Reference().schema()}

TAAL = Text(3, min_length=3, pattern="[a-z]{3}", pattern_hint="Een taalcode van drie letters werd verwacht.")

ADRES = Shape(
    (
        Attribute(
            "nummeraanduidingId", Text(16, pattern="[0-9]{16}", pattern_hint="Een BAG-id van 16 cijfers werd verwacht.")
        ),
        Attribute("straatnaam", Text(255)),
        Attribute("huisnummer", Whole(1, 99999, nullable=True)),
        Attribute("huisnummertoevoeging", Text(20)),
        Attribute(
            "postcode",
            Text(7, pattern="[1-9][0-9]{3} [A-Z]{2}", pattern_hint="Een postcode als 1234 AB werd verwacht."),
        ),
        Attribute("stad", Text(255)),
        Attribute("adresregel1", Text(80)),
        Attribute("adresregel2", Text(80)),
        Attribute("adresregel3", Text(80)),
        Attribute(
            "land",
            Text(2, min_length=2, pattern="[A-Z]{2}", pattern_hint="Een landcode van twee hoofdletters werd verwacht."),
        ),
    ),
    nullable=True,
)

CONTACTNAAM = Shape(
    (
        Attribute("voorletters", Text(10)),
        Attribute("voornaam", Text(200)),
        Attribute("voorvoegselAchternaam", Text(10)),
        Attribute("achternaam", Text(200)),
    ),
    nullable=True,
)

OBJECTIDENTIFICATOR = Shape(
    (
        Attribute("objectId", Text(200)),
        Attribute("codeObjecttype", Text(200)),
        Attribute("codeRegister", Text(200)),
        Attribute("codeSoortObjectId", Text(200)),
    ),
    nullable=True,
)

NUMMER = Text(10, nullable=True, pattern="[0-9]+", pattern_hint="Alleen cijfers zijn toegestaan.")
REFERENTIENUMMER = Text(10, nullable=True)


def identificator_filters(prefix: str, field: str, *, purpose: str = "") -> tuple[Filter, ...]:
    """The four parameters that ask for an object by its identificator; with `purpose` its value is sealed."""
    value = f"{prefix}ObjectId"
    return (
        Exact(f"{prefix}CodeObjecttype", f"{field}.code_objecttype"),
        Exact(f"{prefix}CodeRegister", f"{field}.code_register"),
        Exact(f"{prefix}CodeSoortObjectId", f"{field}.code_soort_object_id"),
        Sealed(value, f"{field}.{index_of('object_id')}", purpose) if purpose else Exact(value, f"{field}.object_id"),
    )
