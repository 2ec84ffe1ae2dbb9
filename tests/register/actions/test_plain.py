from typing import Any

import pytest

from register.actions.change import Change
from register.actions.plain import Plain
from register.errors import Faults, InvalidParam, ValidatieFout
from register.model.actor import Actor, ActorGegevens
from register.model.identificator import Objectidentificator
from register.model.interne_taak import InterneTaak
from register.privacy import TenantKeys
from register.records.kinds import ACTOREN, COLLECTIONS, INTERNE_TAKEN
from register.records.unit import Unit
from storage.documents import Documents
from storage.memory import MemoryDocuments

KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
ACTIONS = Plain(ACTOREN, Actor, apart=("naam",))


@pytest.fixture
async def documents() -> Documents:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store.for_tenant("t")


def change(*, partial: bool = True, **given: Any) -> Change:
    return Change(given, Faults(), partial, 1000)


async def test_groups_are_added_to_by_patch_and_replaced_by_put(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    made = await ACTIONS.create(unit, change(actoridentificator={"object_id": "1", "code_register": "r"}))
    assert made.actoridentificator == Objectidentificator("1", code_register="r")
    patched = await ACTIONS.update(unit, made, change(actoridentificator={"object_id": "2"}))
    assert patched.actoridentificator == Objectidentificator("2", code_register="r")
    put = await ACTIONS.update(unit, patched, change(partial=False, actoridentificator={"object_id": "3"}))
    assert put.actoridentificator == Objectidentificator("3")
    gone = await ACTIONS.update(unit, put, change(actoridentificator=None))
    assert gone.actoridentificator is None
    assert await ACTIONS.update(unit, gone, change(naam="apart", onbekend=1)) == gone


async def test_what_is_prepared_is_checked_and_stored(documents: Documents) -> None:
    def check(actor: Actor) -> list[InvalidParam]:
        return [InvalidParam("naam", "invalid", "x")] if actor.naam == "fout" else []

    def prepare(before: Actor | None, after: Actor, change: Change) -> Actor:
        return Actor(after.uuid, after.created_ms, "fout" if before is None else "goed", actor_identificatie=None)

    unit = Unit(documents, KEYS)
    actions = Plain(ACTOREN, Actor, check=check, prepare=prepare)
    with pytest.raises(ValidatieFout):
        await actions.create(unit, change())
    start = Actor("u", 1, "fout", actor_identificatie=ActorGegevens())
    stored = await actions.update(unit, start, change())
    assert await unit.get(ACTOREN, "u") == stored
    assert stored.naam == "goed"
    await actions.remove(unit, stored)
    assert await unit.get(ACTOREN, "u") is None


async def test_a_list_becomes_a_tuple(documents: Documents) -> None:
    actions = Plain(INTERNE_TAKEN, InterneTaak)
    current = InterneTaak("u", 1)
    with pytest.raises(ValidatieFout) as refused:
        await actions.update(Unit(documents, KEYS), current, change(toegewezen_aan_actoren=["a"]))
    assert [each.name for each in refused.value.params] == ["toegewezenAanActoren.0.uuid"]
