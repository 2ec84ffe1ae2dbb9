"""Objects that several families have alike: names, limits and what is required, as in the published OpenAPI."""

from register.http.fields import Anything, Attribute, Shape
from register.http.values import Id, Text, Whole

OWN = (
    Attribute("uuid", Id(), read_only=True, description="Unieke (technische) identificatiecode."),
    Attribute("url", Anything({"type": "string", "format": "uri"}, nullable=False), read_only=True),
)

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
