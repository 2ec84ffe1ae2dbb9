"""The resource `internetaken`."""

from dataclasses import replace

from register.actions.change import Change
from register.actions.plain import Plain
from register.families.klantinteracties.parts import NUMMER, REFERENTIENUMMER
from register.http.fields import Attribute, ListOf, Reference, Shape
from register.http.filters import AtMoment, Exact, Listed, OneOf, Related, Through
from register.http.links import Links
from register.http.relations import own
from register.http.resource import Relation, Resource
from register.http.shapes import OWN
from register.http.values import Choice, Moment, Text
from register.model.interne_taak import MAX_ACTOREN, InterneTaak, StatusTaak, settled
from register.model.moments import moment_at
from register.records.kinds import ACTOREN, KLANTCONTACTEN
from register.records.kinds import INTERNE_TAKEN as KIND
from storage.documents import JsonObject

NAME = "internetaken"

SHAPE = Shape(
    (
        *OWN,
        Attribute("nummer", NUMMER, description="Verouderd: uniek nummer voor gebruik tussen mensen."),
        Attribute("referentienummer", REFERENTIENUMMER),
        Attribute("gevraagdeHandeling", Text(200, blank=False), required=True),
        Attribute("aanleidinggevendKlantcontact", Reference("klantcontacten"), required=True),
        Attribute("toegewezenAanActor", Reference("actoren"), description="Verouderd: de eerste van de actoren."),
        Attribute("toegewezenAanActoren", ListOf(Reference("actoren"), MAX_ACTOREN)),
        Attribute("toelichting", Text(1000)),
        Attribute("status", Choice(StatusTaak), required=True),
        Attribute("toegewezenOp", Moment(), read_only=True),
        Attribute("afgehandeldOp", Moment(nullable=True)),
    )
)


def render_taak(taak: InterneTaak, links: Links) -> JsonObject:
    """The task as the API shows it."""
    first = next(iter(taak.toegewezen_aan_actoren), None)
    return SHAPE.show(taak, links, NAME, toegewezenAanActor=links.reference("actoren", first))


def _prepared(before: InterneTaak | None, after: InterneTaak, change: Change) -> InterneTaak:
    """The task with who has to do it, and when it was done."""
    now, given = moment_at(change.now_ms), change.given
    actor, actoren = given.get("toegewezen_aan_actor"), given.get("toegewezen_aan_actoren")
    if actor is not None and actoren is not None:
        reason = "Geef toegewezenAanActor of toegewezenAanActoren, niet beide."
        change.faults.add("nonFieldErrors", "invalid", reason)
    elif actor is not None:
        after = replace(after, toegewezen_aan_actoren=(actor,))
    elif before is None and not actoren and not change.faults.has("toegewezenAanActoren"):
        change.faults.add("toegewezenAanActoren", "required", "Geef ten minste één actor.")
    if given.get("afgehandeld_op") is not None and after.status is not StatusTaak.VERWERKT:
        reason = "Alleen een interne taak met status verwerkt is afgehandeld."
        change.faults.add("afgehandeldOp", "invalid", reason)
    return settled(replace(after, toegewezen_op=after.toegewezen_op or now), now)


_ACTIONS = Plain(KIND, InterneTaak, prepare=_prepared)

INTERNETAKEN: Resource[InterneTaak] = Resource(
    name=NAME,
    schema_name="InterneTaak",
    kind=KIND,
    shape=SHAPE,
    filters=(
        Exact("nummer", "nummer"),
        Exact("referentienummer", "referentienummer"),
        OneOf("status", "status", StatusTaak),
        AtMoment("toegewezenOp", "toegewezen_op"),
        Through(ACTOREN, (Exact("actoren__naam", "naam"),), "toegewezen_aan_actoren", is_list=True),
        Listed("toegewezenAanActor", "toegewezen_aan_actoren"),
        Related("aanleidinggevendKlantcontact", "aanleidinggevend_klantcontact"),
        Related("klantcontact", "aanleidinggevend_klantcontact", by_url=False),
        Through(
            KLANTCONTACTEN,
            (Exact("klantcontact__nummer", "nummer"), Exact("klantcontact__referentienummer", "referentienummer")),
            "aanleidinggevend_klantcontact",
        ),
    ),
    render=render_taak,
    create=_ACTIONS.create,
    update=_ACTIONS.update,
    remove=_ACTIONS.remove,
    relations={
        "aanleidinggevendKlantcontact": Relation("klantcontacten", own("aanleidinggevend_klantcontact"), many=False),
        "toegewezenAanActoren": Relation("actoren", own("toegewezen_aan_actoren")),
    },
    expand=("aanleidinggevendKlantcontact", "toegewezenAanActoren"),
)
