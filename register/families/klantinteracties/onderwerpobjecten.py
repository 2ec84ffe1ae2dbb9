"""The resources `onderwerpobjecten` and `bijlagen`: what a klantcontact was about, and what came with it."""

from register.actions import relations
from register.actions.plain import Plain
from register.families.klantinteracties.parts import OBJECTIDENTIFICATOR, identificator_filters
from register.http.fields import Attribute, Reference, Shape
from register.http.filters import Related
from register.http.links import Links
from register.http.resource import Resource
from register.http.shapes import OWN
from register.model.identificator import OBJECT_ID
from register.model.klantcontact import Bijlage, Onderwerpobject
from register.records.kinds import BIJLAGEN as BIJLAGE_KIND
from register.records.kinds import KLANTCONTACTEN
from register.records.kinds import ONDERWERPOBJECTEN as KIND
from register.records.unit import Unit
from storage.documents import Eq, JsonObject

NAME = "onderwerpobjecten"

_REST = (
    Attribute("wasKlantcontact", Reference("klantcontacten", nullable=True)),
    Attribute("onderwerpobjectidentificator", OBJECTIDENTIFICATOR),
)
SHAPE = Shape((*OWN, Attribute("klantcontact", Reference("klantcontacten", nullable=True)), *_REST))
IN_MAAK = Shape((*OWN, Attribute("klantcontact", Reference("klantcontacten", nullable=True), read_only=True), *_REST))
"""The same where it is made together with its klantcontact."""

ACTIONS = Plain(KIND, Onderwerpobject)


async def _with_klantcontacten(unit: Unit, about: Onderwerpobject, links: Links) -> JsonObject:
    """Stage its removal, and that of its klantcontacten that no other onderwerpobject names; tells which stay."""
    kept = []
    named = dict.fromkeys(uuid for uuid in (about.klantcontact, about.was_klantcontact) if uuid is not None)
    await ACTIONS.remove(unit, about)
    for uuid in named:
        contact = await unit.get(KLANTCONTACTEN, uuid)
        others = [
            other
            for field in ("klantcontact", "was_klantcontact")
            for other in await unit.find_all(KIND, Eq(field, uuid))
            if other.uuid != about.uuid
        ]
        if contact is not None and others:
            unit.put(KLANTCONTACTEN, contact)
            kept.append(links.item("klantcontacten", uuid))
        elif contact is not None:
            await relations.remove(unit, KLANTCONTACTEN, contact)
    return {"behouden": kept}


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
    cascade=_with_klantcontacten,
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
