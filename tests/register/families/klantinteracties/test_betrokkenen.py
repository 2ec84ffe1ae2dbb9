from tests.register.world import BSN, NOBODY, World, betrokkene_body, item

PATH = "/betrokkenen"


async def test_a_betrokkene_shows_every_field(any_world: World) -> None:
    contact = await any_world.klantcontact()
    naam = {"voorletters": "J", "voornaam": "Jan", "voorvoegselAchternaam": "van", "achternaam": "Dam"}
    made = await any_world.betrokkene(
        contact["uuid"], contactnaam=naam, organisatienaam="Dam BV", bezoekadres={"stad": "Aadorp"}
    )
    assert made["volledigeNaam"] == "Jan van Dam"
    assert (made["wasPartij"], made["digitaleAdressen"], made["correspondentieadres"]) == (None, [], None)
    assert made["bezoekadres"]["stad"] == "Aadorp"
    assert made["hadKlantcontact"] == {"uuid": contact["uuid"], "url": contact["url"]}
    assert (await any_world.call("GET", f"{PATH}/{made['uuid']}")).body == made
    changed = await any_world.call("PATCH", f"{PATH}/{made['uuid']}", {"contactnaam": {"voornaam": "Piet"}})
    assert changed.body["volledigeNaam"] == "Piet van Dam"


async def test_it_hangs_on_a_klantcontact_that_is_there(any_world: World) -> None:
    missing = await any_world.call("POST", PATH, betrokkene_body(NOBODY, NOBODY))
    assert missing.params == {"hadKlantcontact.uuid": "does_not_exist", "wasPartij.uuid": "does_not_exist"}
    assert set((await any_world.call("POST", PATH, {})).params) == {"hadKlantcontact", "rol", "initiator"}
    first, second = await any_world.klantcontact(), await any_world.klantcontact()
    made = await any_world.betrokkene(first["uuid"])
    moved = await any_world.call("PATCH", f"{PATH}/{made['uuid']}", {"hadKlantcontact": {"uuid": second["uuid"]}})
    assert moved.status == 200
    for contact, listed in ((first, []), (second, [made["uuid"]])):
        read = await any_world.call("GET", f"/klantcontacten/{contact['uuid']}")
        assert [each["uuid"] for each in read.body["hadBetrokkenen"]] == listed


async def test_filters(any_world: World) -> None:
    person = await any_world.partij(item("bsn", BSN), nummer="12")
    contact = await any_world.klantcontact(nummer="7", referentienummer="R")
    made = await any_world.betrokkene(
        contact["uuid"], person["uuid"], contactnaam={"achternaam": "Dam"}, organisatienaam="Dam BV"
    )
    adres = await any_world.adres(None, "email", "jan@example.nl", verstrektDoorBetrokkene={"uuid": made["uuid"]})
    await any_world.betrokkene((await any_world.klantcontact())["uuid"])
    for query in (
        {"contactnaamAchternaam": "Dam"},
        {"organisatienaam": "Dam BV"},
        {"hadKlantcontact__uuid": contact["uuid"]},
        {"hadKlantcontact__nummer": "7"},
        {"hadKlantcontact__referentienummer": "R"},
        {"wasPartij__url": person["url"]},
        {"wasPartij__nummer": "12"},
        {"wasPartij__partijIdentificator__objectId": BSN},
        {"verstrektedigitaalAdres__uuid": adres["uuid"]},
        {"verstrektedigitaalAdres__adres": "jan@example.nl"},
    ):
        assert await any_world.found(PATH, **query) == [made["uuid"]], query
    asked = "expand=hadKlantcontact,wasPartij,digitaleAdressen"
    expanded = (await any_world.call("GET", f"{PATH}/{made['uuid']}", query=asked)).body["_expand"]
    assert expanded["hadKlantcontact"]["uuid"] == contact["uuid"]
    assert expanded["wasPartij"]["uuid"] == person["uuid"]
    assert [each["uuid"] for each in expanded["digitaleAdressen"]] == [adres["uuid"]]


async def test_a_partij_shows_its_betrokkenen(any_world: World) -> None:
    person = await any_world.partij()
    contact = await any_world.klantcontact()
    made = await any_world.betrokkene(contact["uuid"], person["uuid"])
    asked = "expand=betrokkenen.hadKlantcontact"
    [read] = (await any_world.call("GET", "/partijen", query=asked)).body["results"]
    assert read["betrokkenen"] == [{"uuid": made["uuid"], "url": made["url"]}]
    assert read["_expand"]["betrokkenen"][0]["_expand"]["hadKlantcontact"]["uuid"] == contact["uuid"]
    assert (await any_world.call("DELETE", f"/partijen/{person['uuid']}")).status == 204
    assert await any_world.found(PATH) == []
    assert await any_world.found("/klantcontacten") == [contact["uuid"]]
