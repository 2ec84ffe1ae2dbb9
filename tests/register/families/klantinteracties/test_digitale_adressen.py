from typing import Any

from tests.register.world import API, BSN, KVK, NOBODY, OTHER_BSN, VESTIGING, World, item, organisatie

PATH = "/digitaleadressen"
PREFIX = "verstrektDoorPartij__"


async def test_an_address_shows_every_field(any_world: World) -> None:
    partij = await any_world.partij()
    given: dict[str, Any] = {
        "isStandaardAdres": True,
        "omschrijving": "werk",
        "referentie": "portaalvoorkeur",
        "verificatieDatum": "2024-12-31",
    }
    made = await any_world.adres(partij["uuid"], "email", "jan@example.nl", **given)
    assert made == {
        "uuid": made["uuid"],
        "url": f"https://klant.aadorp.test{API}{PATH}/{made['uuid']}",
        "verstrektDoorBetrokkene": None,
        "verstrektDoorPartij": {"uuid": partij["uuid"], "url": partij["url"]},
        "adres": "jan@example.nl",
        "soortDigitaalAdres": "email",
        **given,
    }
    assert (await any_world.call("GET", f"{PATH}/{made['uuid']}")).body == made


async def test_filters(any_world: World) -> None:
    persoon = await any_world.partij(item("bsn", BSN))
    extra: dict[str, Any] = {"isStandaardAdres": True, "omschrijving": "Privé adres", "referentie": "portaal"}
    email = (
        await any_world.adres(persoon["uuid"], "email", "Jan_1@example.nl", verificatieDatum="2024-06-01", **extra)
    )["uuid"]
    telefoon = (await any_world.adres(None, "telefoonnummer", "+31612345678"))["uuid"]
    for query, found in (
        ({"adres": "Jan_1@example.nl"}, [email]),
        ({"adres": "jan_1@example.nl"}, []),
        ({"adres": "+31612345678"}, [telefoon]),
        ({"adres__icontains": "JAN_"}, [email]),
        ({"adres__icontains": "%"}, []),
        ({"omschrijving": "privé"}, [email]),
        ({"soortDigitaalAdres": "telefoonnummer"}, [telefoon]),
        ({"referentie": "portaal"}, [email]),
        ({"isStandaardAdres": "true"}, [email]),
        ({"isStandaardAdres": "false"}, [telefoon]),
        ({"isGeverifieerd": "true"}, [email]),
        ({"isGeverifieerd": "false"}, [telefoon]),
        ({"verificatieDatum": "2024-06-01"}, [email]),
        ({"verificatieDatum__gt": "2024-06-01"}, []),
        ({"verificatieDatum__gte": "2024-06-01", "verificatieDatum__lte": "2024-06-30"}, [email]),
        ({"verificatieDatum__lt": "2024-06-01"}, []),
        ({f"{PREFIX}uuid": persoon["uuid"]}, [email]),
        ({f"{PREFIX}url": persoon["url"]}, [email]),
        ({f"{PREFIX}url": f"https://elsewhere.test/{persoon['uuid']}"}, [email]),
        ({f"{PREFIX}uuid": "onzin"}, []),
        ({f"{PREFIX}soortPartij": "persoon"}, [email]),
        ({f"{PREFIX}partijIdentificator__objectId": BSN}, [email]),
        ({f"{PREFIX}partijIdentificator__objectId": OTHER_BSN}, []),
        ({f"{PREFIX}partijIdentificator__codeSoortObjectId": "bsn"}, [email]),
        ({"verstrektDoorBetrokkene__uuid": NOBODY}, []),
        ({"verstrektDoorBetrokkene__rol": "klant"}, []),
        ({}, [telefoon, email]),
    ):
        assert await any_world.found(PATH, **query) == found, query
    assert (await any_world.call("GET", PATH, query="verificatieDatum=gisteren")).params == {
        "verificatieDatum": "invalid"
    }


async def test_addresses_of_a_vestiging_are_found_within_its_kvk_number(any_world: World) -> None:
    above = await any_world.identificator(item("kvk_nummer", KVK))
    partij = await any_world.partij(item("vestigingsnummer", VESTIGING, parent=above["uuid"]), **organisatie())
    adres = await any_world.adres(partij["uuid"], "email", "info@example.nl")
    by_vestiging = {f"{PREFIX}partijIdentificator__objectId": VESTIGING}
    assert await any_world.found(PATH, **by_vestiging, **{f"{PREFIX}subIdentificatorVan__objectId": KVK}) == [
        adres["uuid"]
    ]
    assert await any_world.found(PATH, **by_vestiging, **{f"{PREFIX}subIdentificatorVan__objectId": "1"}) == []


async def test_a_search_with_the_keys_that_a_form_sends(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    adres = await any_world.adres(partij["uuid"], "email", "a@example.nl")
    keys = {
        f"{PREFIX}partijIdentificator__codeObjecttype": "natuurlijk_persoon",
        f"{PREFIX}partijIdentificator__codeRegister": "brp",
        f"{PREFIX}partijIdentificator__codeSoortObjectId": "bsn",
        f"{PREFIX}partijIdentificator__objectId": BSN,
    }
    assert (await any_world.call("POST", f"{PATH}/_zoek", keys)).body["results"] == [adres]


async def test_an_address_given_in_a_klantcontact(any_world: World) -> None:
    contact = await any_world.klantcontact()
    betrokkene = await any_world.betrokkene(contact["uuid"], rol="vertegenwoordiger")
    by = {"verstrektDoorBetrokkene": {"uuid": betrokkene["uuid"]}}
    adres = await any_world.adres(None, "email", "jan@example.nl", **by)
    assert adres["verstrektDoorBetrokkene"]["url"] == betrokkene["url"]
    read = await any_world.call("GET", f"/betrokkenen/{betrokkene['uuid']}")
    assert [each["uuid"] for each in read.body["digitaleAdressen"]] == [adres["uuid"]]
    other = await any_world.adres(None, "email", "piet@example.nl")
    for query, found in (
        ({"verstrektDoorBetrokkene__uuid": betrokkene["uuid"]}, [adres["uuid"]]),
        ({"verstrektDoorBetrokkene__url": betrokkene["url"]}, [adres["uuid"]]),
        ({"verstrektDoorBetrokkene__rol": "vertegenwoordiger"}, [adres["uuid"]]),
        ({"verstrektDoorBetrokkene__rol": "klant"}, []),
        ({}, [other["uuid"], adres["uuid"]]),
    ):
        assert await any_world.found(PATH, **query) == found
    asked = "expand=verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken"
    shown = (await any_world.call("GET", f"{PATH}/{adres['uuid']}", query=asked)).body["_expand"]
    assert shown["verstrektDoorBetrokkene"]["_expand"]["hadKlantcontact"]["uuid"] == contact["uuid"]
    missing = await any_world.call("PATCH", f"{PATH}/{other['uuid']}", {"verstrektDoorBetrokkene": {"uuid": NOBODY}})
    assert missing.params == {"verstrektDoorBetrokkene.uuid": "does_not_exist"}
    # It goes with the klantcontact, unless a partij has it.
    partij = await any_world.partij()
    kept = await any_world.adres(partij["uuid"], "email", "a@example.nl", **by)
    assert (await any_world.call("DELETE", f"/klantcontacten/{contact['uuid']}")).status == 204
    assert await any_world.found(PATH) == [kept["uuid"], other["uuid"]]
    assert (await any_world.call("GET", f"{PATH}/{kept['uuid']}")).body["verstrektDoorBetrokkene"] is None


async def test_expansions_are_empty_while_there_is_nothing(world: World) -> None:
    adres = await world.adres(None, "overig", "x")
    asked = "expand=verstrektDoorBetrokkene.hadKlantcontact.leiddeTotInterneTaken"
    read = await world.call("GET", f"{PATH}/{adres['uuid']}", query=asked)
    assert read.body["_expand"] == {"verstrektDoorBetrokkene": None}
