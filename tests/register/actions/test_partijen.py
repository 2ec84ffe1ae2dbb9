import asyncio
from typing import Any

import pytest

from tests.register.world import BSN, NOBODY, World, item, organisatie, persoon


async def contactpersoon(world: World, werkgever: str) -> Any:
    return await world.partij(
        soortPartij="contactpersoon", partijIdentificatie={"werkteVoorPartij": {"uuid": werkgever}}
    )


async def test_a_nummer_is_one_partijs_only(any_world: World) -> None:
    first = await any_world.partij(nummer="0000000001")
    refused = await any_world.call("POST", "/partijen", persoon(nummer="0000000001"))
    assert refused.params == {"nummer": "unique"}
    path = f"/partijen/{first['uuid']}"
    assert (await any_world.call("PATCH", path, {"nummer": "0000000001"})).status == 200
    assert (await any_world.call("PATCH", path, {"nummer": "2"})).status == 200
    second = await any_world.partij(nummer="0000000001")
    await any_world.call("DELETE", f"/partijen/{second['uuid']}")
    await any_world.partij(nummer="0000000001")


async def test_no_nummer_is_no_claim(any_world: World) -> None:
    for nummer in (None, "", None):
        assert (await any_world.partij(nummer=nummer))["nummer"] is None


async def test_of_two_at_once_exactly_one_gets_the_nummer(any_world: World) -> None:
    answers = await asyncio.gather(*(any_world.call("POST", "/partijen", persoon(nummer="7")) for _ in range(5)))
    assert sorted(each.status for each in answers) == [201, 400, 400, 400, 400]


async def test_a_contact_person_works_for_an_organisation(any_world: World) -> None:
    werkgever, mens = await any_world.partij(soortPartij="organisatie"), await any_world.partij()
    made = await contactpersoon(any_world, werkgever["uuid"])
    naam = made["partijIdentificatie"]
    assert naam["werkteVoorPartij"] == {"uuid": werkgever["uuid"], "url": werkgever["url"]}
    for uuid, code in ((mens["uuid"], "invalid"), (NOBODY, "does_not_exist")):
        body = {
            "soortPartij": "contactpersoon",
            "indicatieActief": True,
            "partijIdentificatie": {"werkteVoorPartij": {"uuid": uuid}},
        }
        refused = await any_world.call("POST", "/partijen", body)
        assert refused.params == {"partijIdentificatie.werkteVoorPartij.uuid": code}


async def test_nobody_works_for_what_it_was_itself(any_world: World) -> None:
    werkgever = await any_world.partij(soortPartij="organisatie")
    turned = {
        "soortPartij": "contactpersoon",
        "partijIdentificatie": {"werkteVoorPartij": {"uuid": werkgever["uuid"]}},
    }
    refused = await any_world.call("PATCH", f"/partijen/{werkgever['uuid']}", turned)
    assert refused.params == {"partijIdentificatie.werkteVoorPartij.uuid": "invalid"}


async def test_an_organisation_that_people_work_for_stays_one(any_world: World) -> None:
    werkgever = await any_world.partij(soortPartij="organisatie")
    await contactpersoon(any_world, werkgever["uuid"])
    refused = await any_world.call("PATCH", f"/partijen/{werkgever['uuid']}", {"soortPartij": "persoon"})
    assert refused.params == {"soortPartij": "invalid"}


async def test_contact_persons_stay_when_their_organisation_goes(any_world: World) -> None:
    werkgever = await any_world.partij(soortPartij="organisatie")
    made = await contactpersoon(any_world, werkgever["uuid"])
    assert (await any_world.call("DELETE", f"/partijen/{werkgever['uuid']}")).status == 204
    read = await any_world.call("GET", f"/partijen/{made['uuid']}")
    assert read.body["partijIdentificatie"]["werkteVoorPartij"] is None


async def test_a_contact_person_made_while_the_organisation_goes_refers_to_nothing_gone(any_world: World) -> None:
    werkgever = await any_world.partij(soortPartij="organisatie")
    body = {
        "soortPartij": "contactpersoon",
        "indicatieActief": True,
        "partijIdentificatie": {"werkteVoorPartij": {"uuid": werkgever["uuid"]}},
    }
    made, removed = await asyncio.gather(
        any_world.call("POST", "/partijen", body), any_world.call("DELETE", f"/partijen/{werkgever['uuid']}")
    )
    assert removed.status == 204
    assert made.status in (201, 400)
    if made.status == 201:
        read = await any_world.call("GET", f"/partijen/{made.body['uuid']}")
        assert read.body["partijIdentificatie"]["werkteVoorPartij"] is None


async def test_a_removed_partij_takes_its_identificatoren_and_addresses_along(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    await any_world.adres(partij["uuid"], "email", "a@example.nl")
    loose = await any_world.adres(None, "email", "b@example.nl")
    assert (await any_world.call("DELETE", f"/partijen/{partij['uuid']}")).status == 204
    assert await any_world.found("/partijen") == []
    assert await any_world.found("/partij-identificatoren") == []
    assert await any_world.found("/digitaleadressen") == [loose["uuid"]]
    assert (await any_world.call("DELETE", f"/partijen/{partij['uuid']}")).status == 404
    await any_world.partij(item("bsn", BSN))


async def test_another_kind_drops_the_names_of_the_old_one(any_world: World) -> None:
    partij = await any_world.partij(partijIdentificatie={"contactnaam": {"voornaam": "Jan"}})
    path = f"/partijen/{partij['uuid']}"
    changed = await any_world.call("PUT", path, organisatie(partijIdentificatie={"naam": "Jan BV"}))
    assert changed.body["partijIdentificatie"] == {"naam": "Jan BV"}
    back = await any_world.call("PATCH", path, {"soortPartij": "persoon"})
    assert back.body["partijIdentificatie"] == {"contactnaam": None, "volledigeNaam": ""}


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({"rekeningnummers": [{"uuid": NOBODY}]}, {"rekeningnummers.0.uuid": "does_not_exist"}),
        ({"voorkeursRekeningnummer": {"uuid": NOBODY}}, {"voorkeursRekeningnummer": "invalid"}),
        ({"digitaleAdressen": [{"uuid": NOBODY}]}, {"digitaleAdressen.0.uuid": "does_not_exist"}),
        ({"voorkeursDigitaalAdres": {"uuid": NOBODY}}, {"voorkeursDigitaalAdres": "invalid"}),
    ],
)
async def test_references_to_what_there_is_not(world: World, given: dict[str, Any], params: dict[str, str]) -> None:
    assert (await world.call("POST", "/partijen", persoon(**given))).params == params
    harmless = persoon(rekeningnummers=[], voorkeursRekeningnummer=None, digitaleAdressen=None)
    assert (await world.call("POST", "/partijen", harmless)).status == 201
