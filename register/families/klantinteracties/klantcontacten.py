"""The resource `klantcontacten`."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from register.actions.change import Change
from register.actions.plain import Plain
from register.families.klantinteracties.actoren import render_actor
from register.families.klantinteracties.parts import NUMMER, REFERENTIENUMMER, TAAL, identificator_filters
from register.http.fields import Anything, Attribute, ListOf, Reference, Shape
from register.http.filters import AtMoment, Exact, Filter, Listed, Part, Related, Through, YesNo, identified
from register.http.links import Links
from register.http.relations import own
from register.http.resource import Relation, Resource
from register.http.shapes import OWN
from register.http.values import Flag, Moment, Text, Texts
from register.model.identificator import OBJECT_ID
from register.model.klantcontact import MAX_DELEN, Klantcontact, check_klantcontact
from register.model.moments import moment_at
from register.records.kinds import (
    ACTOR_KLANTCONTACTEN,
    ACTOREN,
    BETROKKENEN,
    DIGITALE_ADRESSEN,
    ONDERWERPOBJECTEN,
    PARTIJEN,
)
from register.records.kinds import KLANTCONTACTEN as KIND
from register.records.unit import Unit
from storage.documents import JsonObject

NAME = "klantcontacten"
_ACTOREN: JsonObject = {"type": "array", "items": {"$ref": "#/components/schemas/Actor"}}


def _parts(name: str, target: str) -> Attribute:
    return Attribute(name, ListOf(Reference(target), MAX_DELEN), read_only=True)


SHAPE = Shape(
    (
        *OWN,
        _parts("gingOverOnderwerpobjecten", "onderwerpobjecten"),
        Attribute("hadBetrokkenActoren", Anything(_ACTOREN, nullable=False), read_only=True),
        _parts("omvatteBijlagen", "bijlagen"),
        _parts("hadBetrokkenen", "betrokkenen"),
        _parts("leiddeTotInterneTaken", "internetaken"),
        Attribute("nummer", NUMMER, description="Verouderd: uniek nummer voor gebruik tussen mensen."),
        Attribute("referentienummer", REFERENTIENUMMER),
        Attribute("kanaal", Text(50, blank=False), required=True),
        Attribute("onderwerp", Text(200, blank=False), required=True),
        Attribute("inhoud", Text(1000)),
        Attribute("reactie", Text(4000)),
        Attribute("indicatieContactGelukt", Flag(nullable=True)),
        Attribute(
            "hoofdOnderwerpType",
            Text(200, pattern=r"https?://[^\s]+", pattern_hint="Een geldige URL werd verwacht."),
        ),
        Attribute("verdereActieOndernomen", Flag()),
        Attribute("taal", TAAL, required=True, description="Taal volgens ISO 639-2/B, bijvoorbeeld nld."),
        Attribute("vertrouwelijk", Flag(), required=True),
        Attribute("plaatsgevondenOp", Moment()),
        Attribute("metadata", Texts(255, 100)),
    )
)


def render_klantcontact(klantcontact: Klantcontact, links: Links) -> JsonObject:
    """The klantcontact as the API shows it, but for the actors."""
    return SHAPE.show(klantcontact, links, NAME, hadBetrokkenActoren=[])


async def _actoren(unit: Unit, records: Sequence[Klantcontact], links: Links) -> list[Any]:
    links_of = await unit.get_many(
        ACTOR_KLANTCONTACTEN, [uuid for record in records for uuid in record.had_betrokken_actoren]
    )
    actoren = await unit.get_many(ACTOREN, [each.actor for each in links_of.values()])
    return [
        [
            render_actor(actoren[links_of[uuid].actor], links)
            for uuid in record.had_betrokken_actoren
            if uuid in links_of and links_of[uuid].actor in actoren
        ]
        for record in records
    ]


def _prepared(before: Klantcontact | None, after: Klantcontact, change: Change) -> Klantcontact:
    """One of which is not said when it took place, takes place now."""
    return after if after.plaatsgevonden_op else replace(after, plaatsgevonden_op=moment_at(change.now_ms))


ACTIONS = Plain(KIND, Klantcontact, check=check_klantcontact, prepare=_prepared)


def _about(prefix: str, by: str) -> tuple[Filter | Through, ...]:
    """The parameters about an onderwerpobject that names the klantcontact in `by`."""
    return (
        Through(
            ONDERWERPOBJECTEN,
            (
                Related(prefix, "uuid"),
                *identificator_filters(
                    f"{prefix}__onderwerpobjectidentificator", "onderwerpobjectidentificator", purpose=OBJECT_ID
                ),
            ),
            "uuid",
            by=by,
        ),
    )


def _by_betrokkene(*filters: Filter | Through) -> Through:
    return Through(BETROKKENEN, filters, "uuid", by="had_klantcontact")


_PARTIJ = "hadBetrokkene__wasPartij"

KLANTCONTACTEN: Resource[Klantcontact] = Resource(
    name=NAME,
    schema_name="Klantcontact",
    kind=KIND,
    shape=SHAPE,
    filters=(
        Exact("nummer", "nummer"),
        Exact("referentienummer", "referentienummer"),
        Exact("kanaal", "kanaal"),
        Part("onderwerp", "onderwerp"),
        Part("inhoud", "inhoud"),
        Part("reactie", "reactie"),
        YesNo("indicatieContactGelukt", "indicatie_contact_gelukt"),
        YesNo("vertrouwelijk", "vertrouwelijk"),
        AtMoment("plaatsgevondenOp", "plaatsgevonden_op"),
        Listed("leiddeTotInterneTaken", "leidde_tot_interne_taken", bare=True),
        Listed("hadBetrokkene", "had_betrokkenen"),
        _by_betrokkene(
            Related(_PARTIJ, "was_partij", bare=True),
            Through(
                PARTIJEN,
                (
                    identified(
                        f"{_PARTIJ}__partijIdentificator", "kenmerken", parent_prefix=f"{_PARTIJ}__subIdentificatorVan"
                    ),
                ),
                "was_partij",
            ),
            Through(
                DIGITALE_ADRESSEN,
                (Part("hadBetrokkene__digitaaladres__adres__icontains", "adres"),),
                "uuid",
                by="betrokkene",
            ),
        ),
        *_about("onderwerpobject", "klantcontact"),
        *_about("wasOnderwerpobject", "was_klantcontact"),
    ),
    render=render_klantcontact,
    create=ACTIONS.create,
    update=ACTIONS.update,
    remove=ACTIONS.remove,
    extras={"hadBetrokkenActoren": _actoren},
    relations={
        "hadBetrokkenen": Relation("betrokkenen", own("had_betrokkenen")),
        "leiddeTotInterneTaken": Relation("internetaken", own("leidde_tot_interne_taken")),
        "gingOverOnderwerpobjecten": Relation("onderwerpobjecten", own("ging_over_onderwerpobjecten")),
        "omvatteBijlagen": Relation("bijlagen", own("omvatte_bijlagen")),
    },
    expand=(
        "gingOverOnderwerpobjecten",
        "hadBetrokkenen",
        "hadBetrokkenen.digitaleAdressen",
        "hadBetrokkenen.wasPartij",
        "leiddeTotInterneTaken",
        "omvatteBijlagen",
    ),
    searchable=True,
)
