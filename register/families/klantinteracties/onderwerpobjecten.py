"""The resources `onderwerpobjecten` and `bijlagen`: what a klantcontact was about, and what came with it."""

from register.actions.plain import Plain
from register.families.klantinteracties.parts import OBJECTIDENTIFICATOR, identificator_filters
from register.http.fields import Attribute, Reference, Shape
from register.http.filters import Related
from register.http.resource import Resource
from register.http.shapes import OWN
from register.model.identificator import OBJECT_ID
from register.model.klantcontact import Bijlage, Onderwerpobject
from register.records.kinds import BIJLAGEN as BIJLAGE_KIND
from register.records.kinds import ONDERWERPOBJECTEN as KIND

NAME = "onderwerpobjecten"

_REST = (
    Attribute("wasKlantcontact", Reference("klantcontacten", nullable=True)),
    Attribute("onderwerpobjectidentificator", OBJECTIDENTIFICATOR),
)
SHAPE = Shape((*OWN, Attribute("klantcontact", Reference("klantcontacten", nullable=True)), *_REST))
IN_MAAK = Shape((*OWN, Attribute("klantcontact", Reference("klantcontacten", nullable=True), read_only=True), *_REST))
"""The same where it is made together with its klantcontact."""

ACTIONS = Plain(KIND, Onderwerpobject)

ONDERWERPOBJECTEN: Resource[Onderwerpobject] = Resource(
    name=NAME,
    schema_name="Onderwerpobject",
    kind=KIND,
    shape=SHAPE,
    filters=(
        Related("klantcontact", "klantcontact"),
        Related("wasKlantcontact", "was_klantcontact"),
        *identificator_filters("onderwerpobjectidentificator", "onderwerpobjectidentificator", purpose=OBJECT_ID),
    ),
    render=SHAPE.renderer(NAME),
    create=ACTIONS.create,
    update=ACTIONS.update,
    remove=ACTIONS.remove,
)

_BIJLAGE = Shape(
    (
        *OWN,
        Attribute("wasBijlageVanKlantcontact", Reference("klantcontacten", nullable=True)),
        Attribute("bijlageidentificator", OBJECTIDENTIFICATOR),
    )
)
_BIJLAGE_ACTIONS = Plain(BIJLAGE_KIND, Bijlage)

BIJLAGEN: Resource[Bijlage] = Resource(
    name="bijlagen",
    schema_name="Bijlage",
    kind=BIJLAGE_KIND,
    shape=_BIJLAGE,
    filters=(
        Related("klantcontact", "was_bijlage_van_klantcontact", by_url=False),
        *identificator_filters("bijlageidentificator", "bijlageidentificator"),
    ),
    render=_BIJLAGE.renderer("bijlagen"),
    create=_BIJLAGE_ACTIONS.create,
    update=_BIJLAGE_ACTIONS.update,
    remove=_BIJLAGE_ACTIONS.remove,
)
