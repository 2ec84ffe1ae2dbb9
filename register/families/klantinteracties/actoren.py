"""The resources `actoren` and `actorklantcontacten`."""

from dataclasses import replace
from typing import Any

from register.actions.change import Change
from register.actions.plain import Plain
from register.families.klantinteracties.parts import OBJECTIDENTIFICATOR, identificator_filters
from register.http.fields import Anything, Attribute, Reference, Shape
from register.http.filters import Exact, OneOf, Related, YesNo
from register.http.links import Links
from register.http.resource import Resource
from register.http.shapes import OWN
from register.http.values import Choice, Flag, Text
from register.model.actor import Actor, ActorGegevens, ActorKlantcontact, SoortActor, check_actor
from register.records.kinds import ACTOR_KLANTCONTACTEN as AK_KIND
from register.records.kinds import ACTOREN as KIND
from storage.documents import JsonObject

NAME = "actoren"

_TELEFOONNUMMER = Text(
    20,
    pattern=r"0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13}",
    pattern_hint="Het opgegeven telefoonnummer is ongeldig.",
)
GEGEVENS: dict[SoortActor, Shape] = {
    SoortActor.MEDEWERKER: Shape(
        (
            Attribute("functie", Text(40, blank=False), required=True),
            Attribute("emailadres", Text(254)),
            Attribute("telefoonnummer", _TELEFOONNUMMER, required=True),
        ),
        nullable=True,
    ),
    SoortActor.GEAUTOMATISEERDE_ACTOR: Shape(
        (Attribute("functie", Text(40, blank=False), required=True), Attribute("omschrijving", Text(200))),
        nullable=True,
    ),
    SoortActor.ORGANISATORISCHE_EENHEID: Shape(
        (
            Attribute("omschrijving", Text(200)),
            Attribute("emailadres", Text(254)),
            Attribute("faxnummer", Text(20)),
            Attribute("telefoonnummer", _TELEFOONNUMMER),
        ),
        nullable=True,
    ),
}
"""What `actorIdentificatie` holds, by the kind of actor."""

_SHOWN = Shape(
    (
        *OWN[:1],
        Attribute("naam", Text(200, blank=False), required=True),
        Attribute("soortActor", Choice(SoortActor), required=True),
        Attribute("indicatieActief", Flag()),
        Attribute("actoridentificator", OBJECTIDENTIFICATOR),
    )
)
SHAPE = Shape(
    (
        *OWN,
        *_SHOWN.attributes[1:],
        Attribute(
            "actorIdentificatie",
            Anything({"anyOf": [shape.schema() for shape in GEGEVENS.values()]}),
            description="Gegevens van de actor; de vorm hangt af van soortActor.",
        ),
    )
)


def render_actor(actor: Actor, links: Links) -> JsonObject:
    """The actor as the API shows it."""
    gegevens = actor.actor_identificatie
    shown = None if gegevens is None else GEGEVENS[actor.soort_actor].render(gegevens, links)
    own = {"uuid": actor.uuid, "url": links.item(NAME, actor.uuid)}
    return {**own, **_SHOWN.render(actor, links), "actorIdentificatie": shown}


def _prepared(before: Actor | None, after: Actor, change: Change) -> Actor:
    """The actor with `actorIdentificatie` read as its kind prescribes; another kind has none of the earlier."""
    given: Any = change.given.get("actor_identificatie", ...)
    if given is ...:
        changes_kind = before is not None and before.soort_actor is not after.soort_actor
        return replace(after, actor_identificatie=None) if changes_kind else after
    if given is None:
        return replace(after, actor_identificatie=None)
    read = GEGEVENS[after.soort_actor].read(given, "actorIdentificatie", change.faults)
    return replace(after, actor_identificatie=ActorGegevens(**(read or {})))


_ACTIONS = Plain(KIND, Actor, check=check_actor, prepare=_prepared, apart=("actor_identificatie",))

ACTOREN: Resource[Actor] = Resource(
    name=NAME,
    schema_name="Actor",
    kind=KIND,
    shape=SHAPE,
    filters=(
        Exact("naam", "naam"),
        OneOf("soortActor", "soort_actor", SoortActor),
        YesNo("indicatieActief", "indicatie_actief"),
        *identificator_filters("actoridentificator", "actoridentificator"),
    ),
    render=render_actor,
    create=_ACTIONS.create,
    update=_ACTIONS.update,
    remove=_ACTIONS.remove,
)

_AK_SHAPE = Shape(
    (
        *OWN,
        Attribute("actor", Reference(NAME), required=True),
        Attribute("klantcontact", Reference("klantcontacten"), required=True),
    )
)
_AK_ACTIONS = Plain(AK_KIND, ActorKlantcontact)

ACTOR_KLANTCONTACTEN: Resource[ActorKlantcontact] = Resource(
    name="actorklantcontacten",
    schema_name="ActorKlantcontact",
    kind=AK_KIND,
    shape=_AK_SHAPE,
    filters=(Related("actor", "actor"), Related("klantcontact", "klantcontact")),
    render=_AK_SHAPE.renderer("actorklantcontacten"),
    create=_AK_ACTIONS.create,
    update=_AK_ACTIONS.update,
    remove=_AK_ACTIONS.remove,
)
