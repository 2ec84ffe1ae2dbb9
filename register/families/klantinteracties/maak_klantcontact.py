"""The resource `maak-klantcontact`: a klantcontact with a betrokkene and an onderwerpobject, all or nothing."""

from dataclasses import dataclass, replace

from register.actions.change import Change
from register.families.klantinteracties import betrokkenen, klantcontacten, onderwerpobjecten
from register.http.fields import Attribute, Shape
from register.http.links import Links
from register.http.resource import Maker
from register.model.klantcontact import Betrokkene, Klantcontact, Onderwerpobject
from register.records.kinds import KLANTCONTACTEN as KIND
from register.records.unit import Unit
from storage.documents import JsonObject

NAME = "maak-klantcontact"


@dataclass(frozen=True, slots=True)
class Gemaakt:
    """What was made."""

    klantcontact: Klantcontact
    betrokkene: Betrokkene | None
    onderwerpobject: Onderwerpobject | None


SHAPE = Shape(
    (
        Attribute("klantcontact", klantcontacten.SHAPE, required=True),
        Attribute("betrokkene", replace(betrokkenen.IN_MAAK, nullable=True)),
        Attribute("onderwerpobject", replace(onderwerpobjecten.IN_MAAK, nullable=True)),
    )
)


async def _make(unit: Unit, change: Change) -> Gemaakt:
    """Stage all of it. Raises: ValidatieFout."""
    change.faults.check()  # the parts need each other

    def part(name: str, **more: str) -> Change | None:
        given = change.given.get(name)
        return None if given is None else Change({**given, **more}, change.faults, False, change.now_ms)

    contact, actions = part("klantcontact"), klantcontacten.ACTIONS
    assert contact is not None
    made = await actions.stage(unit, None, actions.fresh(contact), contact, prefix="klantcontact.")
    betrokkene = onderwerpobject = None
    if (who := part("betrokkene", had_klantcontact=made.uuid)) is not None:
        by = betrokkenen.ACTIONS
        betrokkene = await by.stage(unit, None, by.fresh(who), who, prefix="betrokkene.")
    if (about := part("onderwerpobject", klantcontact=made.uuid)) is not None:
        of = onderwerpobjecten.ACTIONS
        onderwerpobject = await of.stage(unit, None, of.fresh(about), about, prefix="onderwerpobject.")
    change.faults.check()
    return Gemaakt(await unit.get(KIND, made.uuid) or made, betrokkene, onderwerpobject)


def _render(made: Gemaakt, links: Links) -> JsonObject:
    about = made.onderwerpobject
    return {
        "klantcontact": klantcontacten.render_klantcontact(made.klantcontact, links),
        "betrokkene": None if made.betrokkene is None else betrokkenen.render_betrokkene(made.betrokkene, links),
        "onderwerpobject": None if about is None else onderwerpobjecten.ONDERWERPOBJECTEN.render(about, links),
    }


MAAK_KLANTCONTACT: Maker[Gemaakt] = Maker(
    name=NAME,
    schema_name="MaakKlantcontact",
    shape=SHAPE,
    render=_render,
    create=_make,
)
