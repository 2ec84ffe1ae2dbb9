"""Parts that several objects of the API have: names, limits and what is required, as in the published OpenAPI."""

from register.http.fields import Anything, Attribute, Reference, Shape
from register.http.filters import Exact, Filter, Sealed
from register.http.values import Text
from register.model.sealing import index_of
from storage.documents import JsonObject

VOLLEDIGE_NAAM = Attribute("volledigeNaam", Anything({"type": "string"}, nullable=False), read_only=True)
REFERENCES: JsonObject = {"type": "array", "items": Reference().schema()}

TAAL = Text(3, min_length=3, pattern="[a-z]{3}", pattern_hint="Een taalcode van drie letters werd verwacht.")

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
