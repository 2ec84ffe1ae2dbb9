"""The resources `persoon` and `organisatie`, and the family as a whole."""

from typing import Final

from register.actions.plain import Plain
from register.http.family import Family
from register.http.fields import Attribute, Shape
from register.http.resource import Resource
from register.http.shapes import ADRES, OWN
from register.http.values import Choice, Day, Text
from register.model.contactgegevens import Organisatie, Persoon, check_organisatie, check_persoon
from register.records.kinds import CONTACTGEGEVENS_ORGANISATIES, CONTACTGEGEVENS_PERSONEN

_GESLACHT: Final = ("m", "v", "o", "")

_PERSOON = Shape(
    (
        *OWN,
        Attribute("geboortedatum", Day(), required=True),
        Attribute("overlijdensdatum", Day(nullable=True)),
        Attribute("geslachtsnaam", Text(200, blank=False), required=True),
        Attribute("geslacht", Choice(_GESLACHT)),
        Attribute("voorvoegsel", Text(10)),
        Attribute("voornamen", Text(200)),
        Attribute("adres", ADRES),
    )
)
_PERSOON_ACTIONS = Plain(CONTACTGEGEVENS_PERSONEN, Persoon, check=check_persoon)

PERSONEN: Resource[Persoon] = Resource(
    name="persoon",
    schema_name="Persoon",
    kind=CONTACTGEGEVENS_PERSONEN,
    shape=_PERSOON,
    filters=(),
    render=_PERSOON.renderer("persoon"),
    create=_PERSOON_ACTIONS.create,
    update=_PERSOON_ACTIONS.update,
    remove=_PERSOON_ACTIONS.remove,
)

_ORGANISATIE = Shape(
    (
        *OWN,
        Attribute("handelsnaam", Text(255, blank=False), required=True),
        Attribute("oprichtingsdatum", Day(nullable=True)),
        Attribute("opheffingsdatum", Day(nullable=True)),
        Attribute("adres", ADRES),
    )
)
_ORGANISATIE_ACTIONS = Plain(CONTACTGEGEVENS_ORGANISATIES, Organisatie, check=check_organisatie)

ORGANISATIES: Resource[Organisatie] = Resource(
    name="organisatie",
    schema_name="Organisatie",
    kind=CONTACTGEGEVENS_ORGANISATIES,
    shape=_ORGANISATIE,
    filters=(),
    render=_ORGANISATIE.renderer("organisatie"),
    create=_ORGANISATIE_ACTIONS.create,
    update=_ORGANISATIE_ACTIONS.update,
    remove=_ORGANISATIE_ACTIONS.remove,
)

CONTACTGEGEVENS = Family(
    name="contactgegevens",
    title="Contactgegevens",
    version="1.1.1",
    base_path="/contactgegevens/api/v1",
    resources=(ORGANISATIES, PERSONEN),
)
