import asyncio
from typing import Any

import pytest

from register.model.partij import MAX_DIGITALE_ADRESSEN
from tests.register.world import NOBODY, World, adres_body

PATH = "/digitaleadressen"


async def defaults(world: World, partij: str) -> list[str]:
    found = await world.call("GET", PATH, query={"verstrektDoorPartij__uuid": partij, "isStandaardAdres": "true"})
    return sorted(each["adres"] for each in found.body["results"])


async def own(world: World, partij: str) -> list[str]:
    read = await world.call("GET", f"/partijen/{partij}")
    return [each["uuid"] for each in read.body["digitaleAdressen"]]


async def test_there_is_one_default_of_a_kind(any_world: World) -> None:
    partij, other = (await any_world.partij())["uuid"], (await any_world.partij())["uuid"]
    await any_world.adres(other, "email", "x@example.nl", isStandaardAdres=True)
    await any_world.adres(partij, "telefoonnummer", "0612345678", isStandaardAdres=True)
    await any_world.adres(partij, "email", "a@example.nl", isStandaardAdres=True)
    second = await any_world.adres(partij, "email", "b@example.nl", isStandaardAdres=True)
    assert await defaults(any_world, partij) == ["0612345678", "b@example.nl"]
    third = await any_world.adres(partij, "email", "c@example.nl")
    changed = await any_world.call("PATCH", f"{PATH}/{third['uuid']}", {"isStandaardAdres": True})
    assert changed.body["isStandaardAdres"] is True
    assert await defaults(any_world, partij) == ["0612345678", "c@example.nl"]
    assert (await any_world.call("GET", f"{PATH}/{second['uuid']}")).body["isStandaardAdres"] is False
    assert await defaults(any_world, other) == ["x@example.nl"]


async def test_defaults_chosen_at_once_end_with_one(any_world: World) -> None:
    partij = (await any_world.partij())["uuid"]
    bodies = [adres_body(partij, "email", f"{name}@example.nl", isStandaardAdres=True) for name in "abcd"]
    answers = await asyncio.gather(*(any_world.call("POST", PATH, body) for body in bodies))
    assert [each.status for each in answers] == [201] * 4
    assert len(await defaults(any_world, partij)) == 1
    assert len(await own(any_world, partij)) == 4


async def test_nobodys_address_is_no_default(world: World) -> None:
    refused = await world.call("POST", PATH, adres_body(None, "email", "a@example.nl", isStandaardAdres=True))
    assert refused.params == {"isStandaardAdres": "invalid"}
    partij = (await world.partij())["uuid"]
    adres = await world.adres(partij, "email", "a@example.nl", isStandaardAdres=True)
    left = await world.call("PATCH", f"{PATH}/{adres['uuid']}", {"verstrektDoorPartij": None})
    assert left.params == {"isStandaardAdres": "invalid"}


@pytest.mark.parametrize(
    ("soort", "adres", "again"),
    [
        ("email", "a@example.nl", "A@Example.nl"),
        ("telefoonnummer", "0612345678", "+31612345678"),
        ("telefoonnummer", "0031612345678", "0612345678"),
        ("overig", "x", " x "),
    ],
)
async def test_the_same_address_is_not_made_twice_for_a_partij(
    world: World, soort: str, adres: str, again: str
) -> None:
    partij, other = (await world.partij())["uuid"], (await world.partij())["uuid"]
    await world.adres(partij, soort, adres)
    refused = await world.call("POST", PATH, adres_body(partij, soort, again))
    assert (refused.status, refused.body["code"]) == (409, "duplicate")
    await world.adres(other, soort, again)
    await world.adres(None, soort, again)


async def test_a_referentie_is_used_once_for_a_partij_and_kind(any_world: World) -> None:
    partij = (await any_world.partij())["uuid"]
    first = await any_world.adres(partij, "email", "a@example.nl", referentie="portaalvoorkeur")
    await any_world.adres(partij, "telefoonnummer", "0612345678", referentie="portaalvoorkeur")
    body = adres_body(partij, "email", "b@example.nl", referentie="portaalvoorkeur")
    assert (await any_world.call("POST", PATH, body)).params == {"referentie": "unique"}
    again = await any_world.call("PATCH", f"{PATH}/{first['uuid']}", {"referentie": "portaalvoorkeur"})
    assert again.status == 200
    loose = await any_world.adres(None, "email", "c@example.nl", referentie="portaalvoorkeur")
    moved = await any_world.call("PATCH", f"{PATH}/{loose['uuid']}", {"verstrektDoorPartij": {"uuid": partij}})
    assert moved.params == {"referentie": "unique"}


async def test_an_address_joins_moves_and_leaves(any_world: World) -> None:
    first, second = (await any_world.partij())["uuid"], (await any_world.partij())["uuid"]
    adres = (await any_world.adres(None, "email", "a@example.nl"))["uuid"]
    for partij, other in ((first, second), (second, first)):
        moved = await any_world.call("PATCH", f"{PATH}/{adres}", {"verstrektDoorPartij": {"uuid": partij}})
        assert moved.body["verstrektDoorPartij"]["uuid"] == partij
        assert (await own(any_world, partij), await own(any_world, other)) == ([adres], [])
    await any_world.call("PATCH", f"{PATH}/{adres}", {"verstrektDoorPartij": None})
    assert await own(any_world, second) == []


async def test_a_removed_address_is_preferred_no_more(any_world: World) -> None:
    partij = (await any_world.partij())["uuid"]
    adres = (await any_world.adres(partij, "email", "a@example.nl"))["uuid"]
    path = f"/partijen/{partij}"
    await any_world.call("PATCH", path, {"voorkeursDigitaalAdres": {"uuid": adres}})
    assert (await any_world.call("DELETE", f"{PATH}/{adres}")).status == 204
    read = (await any_world.call("GET", path)).body
    assert (read["digitaleAdressen"], read["voorkeursDigitaalAdres"]) == ([], None)
    assert (await any_world.call("GET", f"{PATH}/{adres}")).status == 404


async def test_a_partij_is_given_its_addresses_as_a_list(any_world: World) -> None:
    partij, other = (await any_world.partij())["uuid"], (await any_world.partij())["uuid"]
    kept = (await any_world.adres(partij, "email", "a@example.nl", isStandaardAdres=True))["uuid"]
    dropped = (await any_world.adres(partij, "telefoonnummer", "0612345678", isStandaardAdres=True))["uuid"]
    taken = (await any_world.adres(other, "email", "b@example.nl", isStandaardAdres=True))["uuid"]
    listed = {"digitaleAdressen": [{"uuid": taken}, {"uuid": kept}, {"uuid": taken}]}
    changed = await any_world.call("PATCH", f"/partijen/{partij}", listed)
    assert changed.status == 200
    assert await own(any_world, partij) == [taken, kept]
    assert await own(any_world, other) == []
    assert await defaults(any_world, partij) == ["b@example.nl"]
    left = (await any_world.call("GET", f"{PATH}/{dropped}")).body
    assert (left["verstrektDoorPartij"], left["isStandaardAdres"]) == (None, False)
    emptied = await any_world.call("PUT", f"/partijen/{partij}", {**changed.body, "digitaleAdressen": []})
    assert emptied.body["digitaleAdressen"] == []


async def test_of_two_defaults_that_join_together_one_stays(any_world: World) -> None:
    adressen = []
    for name in "ab":
        partij = (await any_world.partij())["uuid"]
        adressen.append(await any_world.adres(partij, "email", f"{name}@example.nl", isStandaardAdres=True))
    joined = await any_world.partij(digitaleAdressen=[{"uuid": each["uuid"]} for each in adressen])
    assert await defaults(any_world, joined["uuid"]) == ["a@example.nl"]


async def test_a_list_of_addresses_is_checked(any_world: World) -> None:
    partij = (await any_world.partij())["uuid"]
    own_adres = await any_world.adres(partij, "email", "a@example.nl", referentie="x")
    loose = await any_world.adres(None, "email", "b@example.nl", referentie="x")
    listed = [{"uuid": own_adres["uuid"]}, {"uuid": NOBODY}, {"uuid": loose["uuid"]}]
    refused = await any_world.call("PATCH", f"/partijen/{partij}", {"digitaleAdressen": listed})
    assert refused.params["digitaleAdressen.1.uuid"] == "does_not_exist"
    assert "unique" in refused.params.values()
    assert await own(any_world, partij) == [own_adres["uuid"]]


async def test_the_preferred_address_is_one_of_its_own(any_world: World) -> None:
    partij = (await any_world.partij())["uuid"]
    mine = (await any_world.adres(partij, "email", "a@example.nl"))["uuid"]
    loose = (await any_world.adres(None, "email", "b@example.nl"))["uuid"]
    path = f"/partijen/{partij}"
    assert (await any_world.call("PATCH", path, {"voorkeursDigitaalAdres": {"uuid": mine}})).status == 200
    refused = await any_world.call("PATCH", path, {"voorkeursDigitaalAdres": {"uuid": loose}})
    assert refused.params == {"voorkeursDigitaalAdres": "invalid"}
    replaced = await any_world.call("PATCH", path, {"digitaleAdressen": [{"uuid": loose}]})
    assert replaced.body["voorkeursDigitaalAdres"] is None
    both = {"digitaleAdressen": [{"uuid": mine}], "voorkeursDigitaalAdres": {"uuid": mine}}
    assert (await any_world.call("PATCH", path, both)).body["voorkeursDigitaalAdres"]["uuid"] == mine


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({}, {"adres": "required", "soortDigitaalAdres": "required"}),
        ({"adres": "", "soortDigitaalAdres": "fax"}, {"adres": "blank", "soortDigitaalAdres": "invalid_choice"}),
        ({"adres": "x" * 81, "soortDigitaalAdres": "overig"}, {"adres": "max_length"}),
        ({"adres": "x", "soortDigitaalAdres": "email"}, {"adres": "invalid"}),
        ({"adres": "08001234", "soortDigitaalAdres": "telefoonnummer"}, {"adres": "invalid"}),
        (
            {"adres": "x", "soortDigitaalAdres": "overig", "referentie": "a b", "verificatieDatum": "31-12-2024"},
            {"referentie": "invalid", "verificatieDatum": "invalid"},
        ),
        (
            {"adres": "x", "soortDigitaalAdres": "overig", "verstrektDoorBetrokkene": {"uuid": NOBODY}},
            {"verstrektDoorBetrokkene.uuid": "does_not_exist"},
        ),
    ],
)
async def test_what_an_address_must_be(world: World, given: dict[str, Any], params: dict[str, str]) -> None:
    assert (await world.call("POST", PATH, given)).params == params


async def test_a_change_of_kind_is_checked_with_the_address_there_is(world: World) -> None:
    adres = await world.adres(None, "overig", "geen nummer")
    path = f"{PATH}/{adres['uuid']}"
    assert (await world.call("PATCH", path, {"soortDigitaalAdres": "telefoonnummer"})).params == {"adres": "invalid"}
    both = {"soortDigitaalAdres": "telefoonnummer", "adres": "0612345678"}
    assert (await world.call("PATCH", path, both)).status == 200


async def test_there_is_an_end_to_the_addresses_of_a_partij(world: World) -> None:
    partij = (await world.partij())["uuid"]
    for number in range(MAX_DIGITALE_ADRESSEN):
        await world.adres(partij, "overig", str(number))
    refused = await world.call("POST", PATH, adres_body(partij, "overig", "one more"))
    assert refused.params == {"digitaleAdressen": "max_length"}
