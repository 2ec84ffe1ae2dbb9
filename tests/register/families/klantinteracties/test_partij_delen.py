from tests.register.world import NOBODY, World, persoon

IBAN = "NL02ABNA0123456789"


async def test_one_partij_acts_for_another(any_world: World) -> None:
    acts, has = await any_world.partij(), await any_world.partij()
    body = {"vertegenwoordigendePartij": {"uuid": acts["uuid"]}, "vertegenwoordigdePartij": {"uuid": has["uuid"]}}
    made = await any_world.made("/vertegenwoordigingen", body)
    shown = (await any_world.call("GET", f"/partijen/{acts['uuid']}")).body
    assert shown["vertegenwoordigden"] == [{"uuid": has["uuid"], "url": has["url"]}]
    for query in (
        {"vertegenwoordigendePartij__uuid": acts["uuid"]},
        {"vertegenwoordigdePartij__url": has["url"]},
    ):
        assert await any_world.found("/vertegenwoordigingen", **query) == [made["uuid"]]
    assert await any_world.found("/partijen", vertegenwoordigdePartij__uuid=has["uuid"]) == [acts["uuid"]]
    itself = {**body, "vertegenwoordigdePartij": {"uuid": acts["uuid"]}}
    assert (await any_world.call("POST", "/vertegenwoordigingen", itself)).params == {
        "vertegenwoordigdePartij": "invalid"
    }
    assert (await any_world.call("DELETE", f"/partijen/{has['uuid']}")).status == 204
    assert await any_world.found("/vertegenwoordigingen") == []


async def test_categorieen(any_world: World) -> None:
    person, other = await any_world.partij(nummer="12"), await any_world.partij()
    vip = await any_world.made("/categorieen", {"naam": "vip"})
    jong = await any_world.made("/categorieen", {"naam": "jong"})
    body = {
        "partij": {"uuid": person["uuid"]},
        "categorie": {"uuid": vip["uuid"]},
        "beginDatum": "2026-01-01",
        "eindDatum": None,
    }
    made = await any_world.made("/categorie-relaties", body)
    assert made["categorie"] == vip
    [shown] = (await any_world.call("GET", f"/partijen/{person['uuid']}", query="expand=categorieRelaties")).body[
        "categorieRelaties"
    ]
    assert shown == {
        "uuid": made["uuid"],
        "url": made["url"],
        "categorieNaam": "vip",
        "beginDatum": "2026-01-01",
        "eindDatum": None,
    }
    for query in (
        {"partij__uuid": person["uuid"]},
        {"partij__nummer": "12"},
        {"categorie__url": vip["url"]},
        {"categorie__naam": "vip"},
        {"beginDatum": "2026-01-01"},
    ):
        assert await any_world.found("/categorie-relaties", **query) == [made["uuid"]], query
    for names, found in (("vip", [person]), ("jong, vip", [person]), ("jong", [])):
        assert await any_world.found("/partijen", categorierelatie__categorie__naam=names) == [
            each["uuid"] for each in found
        ]
    wrong = await any_world.call("PATCH", f"/categorie-relaties/{made['uuid']}", {"eindDatum": "2025-12-31"})
    assert wrong.params == {"eindDatum": "invalid"}
    assert (await any_world.call("DELETE", f"/categorieen/{vip['uuid']}")).status == 204
    assert await any_world.found("/categorie-relaties") == []
    assert await any_world.found("/categorieen") == [jong["uuid"]]
    assert len(await any_world.found("/partijen")) == 2
    del other


async def test_rekeningnummers(any_world: World) -> None:
    person = await any_world.partij()
    path = f"/partijen/{person['uuid']}"
    own = await any_world.made("/rekeningnummers", {"iban": IBAN, "partij": {"uuid": person["uuid"]}})
    loose = await any_world.made("/rekeningnummers", {"iban": "NL86INGB0002445588", "bic": "INGBNL2A"})
    assert (own["bic"], loose["partij"]) == ("", None)
    for query, found in (({"iban": IBAN}, own), ({"bic": "INGBNL2A"}, loose), ({"uuid": own["uuid"]}, own)):
        assert await any_world.found("/rekeningnummers", **query) == [found["uuid"]]
    chosen = {"voorkeursRekeningnummer": {"uuid": loose["uuid"]}}
    assert (await any_world.call("PATCH", path, chosen)).params == {"voorkeursRekeningnummer": "invalid"}
    both = {"rekeningnummers": [{"uuid": loose["uuid"]}, {"uuid": own["uuid"]}], **chosen}
    shown = (await any_world.call("PATCH", path, both)).body
    assert [each["uuid"] for each in shown["rekeningnummers"]] == [loose["uuid"], own["uuid"]]
    assert shown["voorkeursRekeningnummer"]["uuid"] == loose["uuid"]
    other = (await any_world.call("POST", "/partijen", persoon(rekeningnummers=[{"uuid": loose["uuid"]}]))).body
    assert other["rekeningnummers"] == [{"uuid": loose["uuid"], "url": loose["url"]}]
    left = (await any_world.call("GET", path)).body
    assert [each["uuid"] for each in left["rekeningnummers"]] == [own["uuid"]]
    assert left["voorkeursRekeningnummer"] is None
    assert (await any_world.call("DELETE", f"/rekeningnummers/{own['uuid']}")).status == 204
    assert (await any_world.call("GET", path)).body["rekeningnummers"] == []
    for body, params in (
        ({"iban": "abc"}, {"iban": "invalid"}),
        ({"iban": IBAN, "bic": "kort"}, {"bic": "min_length"}),
        ({"iban": IBAN, "partij": {"uuid": NOBODY}}, {"partij.uuid": "does_not_exist"}),
    ):
        assert (await any_world.call("POST", "/rekeningnummers", body)).params == params
    assert (await any_world.call("DELETE", f"/partijen/{other['uuid']}")).status == 204
    assert await any_world.found("/rekeningnummers") == []
