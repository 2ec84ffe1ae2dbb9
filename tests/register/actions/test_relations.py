"""References between records, and what becomes of them when one is removed."""

from dataclasses import fields
from typing import Any

import pytest

from register.actions import relations
from register.actions.relations import REFS, UNIQUES, Loss
from register.errors import Faults
from register.model.actor import Actor, ActorKlantcontact
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.interne_taak import InterneTaak
from register.model.klantcontact import MAX_DELEN, Betrokkene, Klantcontact
from register.privacy import TenantKeys
from register.records.kinds import (
    ACTOR_KLANTCONTACTEN,
    ACTOREN,
    BETROKKENEN,
    COLLECTIONS,
    DIGITALE_ADRESSEN,
    INTERNE_TAKEN,
    KLANTCONTACTEN,
    UNIQUE_KEYS,
)
from register.records.unit import Unit
from storage.documents import Documents
from storage.errors import Conflict
from storage.memory import MemoryDocuments

KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
CONTACT, ACTOR = Klantcontact("k", 1, nummer="7"), Actor("a", 1)


@pytest.fixture
async def documents() -> Documents:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    documents = store.for_tenant("t")
    unit = Unit(documents, KEYS)
    await stored(unit, KLANTCONTACTEN, CONTACT)
    await stored(unit, ACTOREN, ACTOR)
    await unit.commit()
    return documents


async def stored(unit: Unit, kind: Any, after: Any, before: Any = None) -> dict[str, str]:
    faults = Faults()
    await relations.store(unit, kind, before, after, faults)
    return {each.name: each.code for each in faults.params}


def test_every_reference_names_fields_that_are_there() -> None:
    classes = {"register_betrokkenen": Betrokkene, "register_klantcontacten": Klantcontact}
    for ref in REFS:
        back = classes.get(ref.target.collection.name)
        if ref.back and back is not None:
            assert ref.back in {each.name for each in fields(back)}
        assert ref.loss in Loss
        searched = (*ref.source.collection.fields, *ref.source.collection.array_fields)
        assert ref.back or ref.field in searched
    assert len({(unique.kind.collection.name, unique.fields) for unique in UNIQUES}) == len(UNIQUES)


async def test_who_is_listed_and_who_is_not_there(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    assert await stored(unit, BETROKKENEN, Betrokkene("b", 1, "k", was_partij="nobody")) == {
        "wasPartij.uuid": "does_not_exist"
    }
    contact = await unit.get(KLANTCONTACTEN, "k")
    assert contact is not None
    assert contact.had_betrokkenen == ("b",)
    await relations.remove(unit, BETROKKENEN, Betrokkene("b", 1, "k"))
    contact = await unit.get(KLANTCONTACTEN, "k")
    assert contact is not None
    assert contact.had_betrokkenen == ()


async def test_a_record_lists_only_so_many(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    unit.put(KLANTCONTACTEN, Klantcontact("k", 1, had_betrokkenen=tuple(map(str, range(MAX_DELEN)))))
    assert await stored(unit, BETROKKENEN, Betrokkene("b", 1, "k")) == {"hadKlantcontact": "max_length"}


async def test_two_that_join_one_record_meet_and_two_that_share_an_actor_do_not(documents: Documents) -> None:
    def task(uuid: str) -> InterneTaak:
        return InterneTaak(uuid, 1, aanleidinggevend_klantcontact="k", toegewezen_aan_actoren=("a",))

    first, second = Unit(documents, KEYS), Unit(documents, KEYS)
    for unit, uuid in ((first, "1"), (second, "2")):
        await stored(unit, INTERNE_TAKEN, task(uuid))
    await first.commit()
    with pytest.raises(Conflict):
        await second.commit()
    third, fourth = Unit(documents, KEYS), Unit(documents, KEYS)
    for unit, uuid in ((third, "3"), (fourth, "4")):
        await stored(unit, INTERNE_TAKEN, InterneTaak(uuid, 1, toegewezen_aan_actoren=("a",)))
    await third.commit()
    await fourth.commit()


async def test_a_claim_is_given_up_with_the_record(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    assert await stored(unit, KLANTCONTACTEN, Klantcontact("l", 1, nummer="7")) == {"nummer": "unique"}
    unit = Unit(documents, KEYS)
    found = await unit.get(KLANTCONTACTEN, "k")
    await relations.remove(unit, KLANTCONTACTEN, found)
    await unit.commit()
    assert await documents.count(UNIQUE_KEYS.collection) == 0


async def test_who_cannot_be_without_goes_and_who_can_forgets(documents: Documents) -> None:
    unit = Unit(documents, KEYS)
    await stored(unit, ACTOR_KLANTCONTACTEN, ActorKlantcontact("ak", 1, "a", "k"))
    await stored(unit, INTERNE_TAKEN, InterneTaak("t", 1, toegewezen_aan_actoren=("a",)))
    await stored(unit, BETROKKENEN, Betrokkene("b", 1, "k"))
    for uuid, partij in (("los", None), ("vast", "p")):
        adres = DigitaalAdres(uuid, 1, "x", SoortDigitaalAdres.OVERIG, partij=partij, betrokkene="b")
        await stored(unit, DIGITALE_ADRESSEN, adres)
    await unit.commit()
    unit = Unit(documents, KEYS)
    await relations.remove(unit, ACTOREN, await unit.get(ACTOREN, "a"))
    assert await unit.get(ACTOR_KLANTCONTACTEN, "ak") is None
    task = await unit.get(INTERNE_TAKEN, "t")
    assert task is not None
    assert task.toegewezen_aan_actoren == ()
    contact = await unit.get(KLANTCONTACTEN, "k")
    assert contact is not None
    assert contact.had_betrokken_actoren == ()
    await relations.remove(unit, KLANTCONTACTEN, contact)
    await unit.commit()
    unit = Unit(documents, KEYS)
    assert await unit.get(BETROKKENEN, "b") is None
    assert await unit.get(DIGITALE_ADRESSEN, "los") is None
    kept = await unit.get(DIGITALE_ADRESSEN, "vast")
    assert kept is not None
    assert kept.betrokkene is None
