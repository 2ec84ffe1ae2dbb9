"""What is shown of other records, on records that only the test knows."""

from dataclasses import dataclass
from typing import Any

import pytest

from register.http.family import Family
from register.http.fields import Shape
from register.http.links import Links
from register.http.relations import ids_of, naming, own, references, rendered
from register.http.resource import Relation, Resource
from register.privacy import TenantKeys
from register.records.codec import Codec
from register.records.kinds import Kind
from register.records.unit import Unit
from storage.documents import Collection
from storage.memory import MemoryDocuments


@dataclass(frozen=True)
class Ding:
    uuid: str
    moeder: str | None = None
    vrienden: tuple[str, ...] = ()


CODEC = Codec(Ding)
DINGEN = Kind(Collection("dingen", ("created_ms", "moeder")), CODEC.encode, CODEC.decode, lambda ding: ding.uuid)
KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
LINKS = Links("https://x.test")


async def nothing(*_: Any) -> Any:
    raise AssertionError("not asked for")


RESOURCE: Resource[Ding] = Resource(
    name="dingen",
    schema_name="Ding",
    kind=DINGEN,
    shape=Shape(()),
    filters=(),
    render=lambda ding, _links: {"uuid": ding.uuid},
    create=nothing,
    update=nothing,
    remove=nothing,
    extras={"kinderen": references("dingen", ids_of(naming(DINGEN, "moeder")))},
    relations={
        "moeder": Relation("dingen", own("moeder"), many=False),
        "vrienden": Relation("dingen", own("vrienden")),
        "kinderen": Relation("dingen", ids_of(naming(DINGEN, "moeder"))),
        "grootmoeders": Relation("dingen", ids_of(naming(DINGEN, "moeder"), "uuid")),
    },
)
FAMILY = Family("x", "X", "1.0.0", "/x", (RESOURCE,))


@pytest.fixture
async def unit() -> Unit:
    store = MemoryDocuments()
    await store.open([DINGEN.collection])
    documents = store.for_tenant("t")
    first = Unit(documents, KEYS)
    for ding in (Ding("oma"), Ding("ma", "oma", ("tante", "weg")), Ding("kind", "ma"), Ding("tante")):
        first.put(DINGEN, ding)
    await first.commit()
    return Unit(documents, KEYS)


async def shown(unit: Unit, *uuids: str, expand: tuple[str, ...] = ()) -> list[Any]:
    found = await unit.get_many(DINGEN, uuids)
    return await rendered(FAMILY, RESOURCE, unit, list(found.values()), LINKS, expand)


async def test_who_names_a_record_is_in_its_body(unit: Unit) -> None:
    reference = {"uuid": "ma", "url": "https://x.test/dingen/ma"}
    assert await shown(unit, "oma", "kind") == [
        {"uuid": "oma", "kinderen": [reference]},
        {"uuid": "kind", "kinderen": []},
    ]
    assert await shown(unit) == []


async def test_paths_lead_from_one_to_the_next(unit: Unit) -> None:
    [kind] = await shown(unit, "kind", expand=("moeder.moeder", "moeder.vrienden", "vrienden"))
    mother = kind["_expand"]["moeder"]
    assert (mother["uuid"], mother["_expand"]["moeder"]["uuid"]) == ("ma", "oma")
    assert [each["uuid"] for each in mother["_expand"]["vrienden"]] == ["tante"]  # what is gone is not shown
    assert kind["_expand"]["vrienden"] == []
    [oma] = await shown(unit, "oma", expand=("kinderen", "moeder"))
    assert [each["uuid"] for each in oma["_expand"]["kinderen"]] == ["ma"]
    assert oma["_expand"]["moeder"] is None
