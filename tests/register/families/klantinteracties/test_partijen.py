from typing import Any

import pytest

from tests.register.world import (
    API,
    BSN,
    KVK,
    NOBODY,
    OTHER_BSN,
    OTHER_KVK,
    VESTIGING,
    World,
    identificatie,
    item,
    organisatie,
    persoon,
)

BASE = f"https://klant.aadorp.test{API}"


async def test_a_partij_shows_every_field(world: World) -> None:
    made = await world.call("POST", "/partijen", persoon())
    uuid = made.body["uuid"]
    assert made.body == {
        "uuid": uuid,
        "url": f"{BASE}/partijen/{uuid}",
        "nummer": None,
        "interneNotitie": "",
        "betrokkenen": [],
        "categorieRelaties": [],
        "digitaleAdressen": [],
        "voorkeursDigitaalAdres": None,
        "vertegenwoordigden": [],
        "rekeningnummers": [],
        "voorkeursRekeningnummer": None,
        "partijIdentificatoren": [],
        "soortPartij": "persoon",
        "indicatieGeheimhouding": None,
        "voorkeurstaal": "",
        "indicatieActief": True,
        "bezoekadres": None,
        "correspondentieadres": None,
        "partijIdentificatie": {"contactnaam": None, "volledigeNaam": ""},
    }


async def test_what_is_given_is_what_is_shown(any_world: World) -> None:
    adres = {
        "nummeraanduidingId": "0363010000000001",
        "straatnaam": "Dorpsstraat",
        "huisnummer": 12,
        "huisnummertoevoeging": "bis",
        "postcode": "1234 AB",
        "stad": "Aadorp",
        "adresregel1": "a",
        "adresregel2": "b",
        "adresregel3": "c",
        "land": "BE",
    }
    given: dict[str, Any] = {
        "nummer": "0000000012",
        "interneNotitie": "Let op 🙂",
        "indicatieGeheimhouding": True,
        "voorkeurstaal": "nld",
        "bezoekadres": adres,
        "correspondentieadres": {**adres, "huisnummer": None},
        "partijIdentificatie": {
            "contactnaam": {
                "voorletters": "J.",
                "voornaam": "João",
                "voorvoegselAchternaam": "van der",
                "achternaam": "Berg",
            }
        },
    }
    made = await any_world.partij(**given)
    naam = {**given.pop("partijIdentificatie"), "volledigeNaam": "João van der Berg"}
    assert {**given, "partijIdentificatie": naam}.items() <= made.items()
    assert (await any_world.call("GET", f"/partijen/{made['uuid']}")).body == made


async def test_the_kinds_of_partij_have_their_own_names(world: World) -> None:
    company = await world.partij(**organisatie(partijIdentificatie={"naam": "Bakkerij BV"}))
    assert company["partijIdentificatie"] == {"naam": "Bakkerij BV"}
    contact = await world.partij(
        soortPartij="contactpersoon",
        partijIdentificatie={"werkteVoorPartij": {"uuid": company["uuid"]}, "contactnaam": {"achternaam": "Vos"}},
    )
    assert contact["partijIdentificatie"] == {
        "uuid": contact["uuid"],
        "werkteVoorPartij": {"uuid": company["uuid"], "url": company["url"]},
        "contactnaam": {"voorletters": "", "voornaam": "", "voorvoegselAchternaam": "", "achternaam": "Vos"},
        "volledigeNaam": "Vos",
    }


@pytest.mark.parametrize(
    ("naam", "params"),
    [
        ([], {"partijIdentificatie": "invalid"}),
        ({"contactnaam": "Jan"}, {"partijIdentificatie.contactnaam": "invalid"}),
        (
            {"contactnaam": {"voorletters": "x" * 11, "achternaam": 1}},
            {
                "partijIdentificatie.contactnaam.voorletters": "max_length",
                "partijIdentificatie.contactnaam.achternaam": "invalid",
            },
        ),
    ],
)
async def test_a_name_is_checked_as_its_kind_prescribes(world: World, naam: Any, params: dict[str, str]) -> None:
    assert (await world.call("POST", "/partijen", persoon(partijIdentificatie=naam))).params == params


async def test_patch_merges_groups_and_put_replaces_them(any_world: World) -> None:
    naam = {"contactnaam": {"voornaam": "Jan", "achternaam": "Vos"}}
    partij = await any_world.partij(bezoekadres={"stad": "Aadorp", "land": "NL"}, partijIdentificatie=naam)
    path = f"/partijen/{partij['uuid']}"
    patch = {"bezoekadres": {"land": "BE"}, "partijIdentificatie": {"contactnaam": {"voornaam": "Piet"}}}
    patched = (await any_world.call("PATCH", path, patch)).body
    assert (patched["bezoekadres"]["stad"], patched["bezoekadres"]["land"]) == ("Aadorp", "BE")
    assert patched["partijIdentificatie"]["volledigeNaam"] == "Piet Vos"
    replaced = (await any_world.call("PUT", path, persoon(**patch))).body
    assert (replaced["bezoekadres"]["stad"], replaced["bezoekadres"]["land"]) == ("", "BE")
    assert replaced["partijIdentificatie"]["volledigeNaam"] == "Piet"
    removed = (await any_world.call("PATCH", path, {"bezoekadres": None})).body
    assert removed["bezoekadres"] is None


async def test_what_a_client_read_it_can_send_back(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN), bezoekadres={"stad": "Aadorp"})
    await any_world.adres(partij["uuid"], "email", "a@example.nl")
    path = f"/partijen/{partij['uuid']}"
    read = (await any_world.call("GET", path)).body
    for method in ("PUT", "PATCH"):
        assert (await any_world.call(method, path, read)).body == read


async def test_fields_that_are_unknown_or_read_only_are_ignored(world: World) -> None:
    made = await world.partij(uuid=NOBODY, url="x", betrokkenen=[{"uuid": NOBODY}], vreemd={"a": 1})
    assert made["uuid"] != NOBODY
    assert made["betrokkenen"] == []


async def test_filters_on_its_own_fields(any_world: World) -> None:
    adres = {"adresregel1": "Rue 1", "land": "BE", "nummeraanduidingId": "0363010000000001"}
    one = await any_world.partij(nummer="1", indicatieGeheimhouding=True, bezoekadres=adres)
    two = await any_world.partij(**organisatie(indicatieActief=False, correspondentieadres=adres))
    for query, found in (
        ({"nummer": "1"}, [one]),
        ({"nummer": "2"}, []),
        ({"soortPartij": "organisatie"}, [two]),
        ({"indicatieActief": "true"}, [one]),
        ({"indicatieGeheimhouding": "true"}, [one]),
        ({"indicatieGeheimhouding": "false"}, []),
        ({"bezoekadresAdresregel1": "Rue 1"}, [one]),
        ({"bezoekadresLand": "BE", "soortPartij": "organisatie"}, []),
        ({"correspondentieadresLand": "BE"}, [two]),
        ({"correspondentieadresNummeraanduidingId": "0363010000000001"}, [two]),
        ({"categorierelatie__categorie__naam": "x"}, []),
        ({"vertegenwoordigdePartij__uuid": NOBODY}, []),
        ({"nummer": ""}, [two, one]),
    ):
        assert await any_world.found("/partijen", **query) == [each["uuid"] for each in found], query


async def test_all_that_is_asked_of_an_identificator_is_asked_of_one(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN), item("kvk_nummer", KVK))
    prefix = "partijIdentificator__"
    assert await any_world.found(
        "/partijen", **{f"{prefix}{name}": value for name, value in identificatie("bsn", BSN).items()}
    ) == [partij["uuid"]]
    assert await any_world.found("/partijen", **{f"{prefix}objectId": KVK}) == [partij["uuid"]]
    mixed = {f"{prefix}objectId": KVK, f"{prefix}codeSoortObjectId": "bsn"}
    assert await any_world.found("/partijen", **mixed) == []
    assert await any_world.found("/partijen", **{f"{prefix}codeRegister": "hr"}) == [partij["uuid"]]
    assert await any_world.found("/partijen", **{f"{prefix}codeObjecttype": "vestiging"}) == []


async def test_a_vestiging_is_found_within_its_kvk_number(any_world: World) -> None:
    found = {}
    for kvk in (KVK, OTHER_KVK):
        above = await any_world.identificator(item("kvk_nummer", kvk))
        partij = await any_world.partij(item("vestigingsnummer", VESTIGING, parent=above["uuid"]), **organisatie())
        found[kvk] = partij["uuid"]
    both = await any_world.found("/partijen", partijIdentificator__objectId=VESTIGING)
    assert sorted(both) == sorted(found.values())
    for kvk, uuid in found.items():
        query = {
            "partijIdentificator__objectId": VESTIGING,
            "partijIdentificator__codeSoortObjectId": "vestigingsnummer",
            "subIdentificatorVan__objectId": kvk,
        }
        assert await any_world.found("/partijen", **query) == [uuid]
        assert await any_world.found("/partijen", subIdentificatorVan__objectId=kvk) == [uuid]
    nobody = {"partijIdentificator__objectId": OTHER_BSN, "subIdentificatorVan__objectId": KVK}
    assert await any_world.found("/partijen", **nobody) == []


async def test_the_older_spelling_of_a_nested_field_is_read(any_world: World) -> None:
    above = await any_world.identificator(item("kvk_nummer", KVK))
    nested = {**item("vestigingsnummer", VESTIGING), "sub_identificator_van": {"uuid": above["uuid"]}}
    partij = await any_world.partij(nested, **organisatie())
    assert partij["partijIdentificatoren"][0]["subIdentificatorVan"]["uuid"] == above["uuid"]
