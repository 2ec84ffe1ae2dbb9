from typing import Any

import pytest

from tests.register.world import API, BSN, NOBODY, OTHER_BSN, World, contact_body, item

PATH = "/klantcontacten"
ZAAK = {"objectId": "0aa1", "codeObjecttype": "zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}


async def test_a_klantcontact_shows_every_field(any_world: World) -> None:
    given: dict[str, Any] = {
        "nummer": "0000000007",
        "referentienummer": "R-7",
        "inhoud": "Wil een paspoort",
        "reactie": "Afspraak gemaakt",
        "indicatieContactGelukt": True,
        "hoofdOnderwerpType": "https://onderwerpen.test/paspoort",
        "verdereActieOndernomen": False,
        "plaatsgevondenOp": "2026-03-01T12:00:00+01:00",
        "metadata": {"bron": "balie"},
    }
    made = await any_world.klantcontact(**given)
    assert made == {
        "uuid": made["uuid"],
        "url": f"https://klant.aadorp.test{API}{PATH}/{made['uuid']}",
        "gingOverOnderwerpobjecten": [],
        "hadBetrokkenActoren": [],
        "omvatteBijlagen": [],
        "hadBetrokkenen": [],
        "leiddeTotInterneTaken": [],
        **contact_body(**{**given, "plaatsgevondenOp": "2026-03-01T11:00:00Z"}),
    }
    assert (await any_world.call("GET", f"{PATH}/{made['uuid']}")).body == made


async def test_what_is_not_said_has_a_value_of_its_own(world: World) -> None:
    made = await world.klantcontact()
    assert made["plaatsgevondenOp"].startswith("2027-01-15T08:00:0")
    assert (made["nummer"], made["referentienummer"], made["metadata"]) == (None, None, {})
    assert (made["indicatieContactGelukt"], made["verdereActieOndernomen"]) == (None, False)


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({"kanaal": "", "onderwerp": " "}, {"kanaal": "blank", "onderwerp": "blank"}),
        ({"taal": "nederlands"}, {"taal": "max_length"}),
        ({"inhoud": "x" * 1001}, {"inhoud": "max_length"}),
        ({"plaatsgevondenOp": "gisteren"}, {"plaatsgevondenOp": "invalid"}),
        ({"plaatsgevondenOp": "2026-03-01"}, {"plaatsgevondenOp": "invalid"}),
        ({"hoofdOnderwerpType": "paspoort"}, {"hoofdOnderwerpType": "invalid"}),
        ({"metadata": {"a": 1}}, {"metadata.a": "invalid"}),
        ({"metadata": ["a"]}, {"metadata": "not_a_dict"}),
        (
            {"indicatieContactGelukt": True, "verdereActieOndernomen": True},
            {"verdereActieOndernomen": "no-further-action-when-contact-succesful"},
        ),
    ],
)
async def test_what_breaks_a_rule_is_told(world: World, given: dict[str, Any], params: dict[str, str]) -> None:
    refused = (await world.call("POST", PATH, contact_body(**given))).params
    assert refused.items() >= params.items()
    assert await world.found(PATH) == []


async def test_numbers_are_unique_and_free_again_when_it_is_gone(any_world: World) -> None:
    made = await any_world.klantcontact(nummer="7", referentienummer="R")
    again = await any_world.call("POST", PATH, contact_body(nummer="7", referentienummer="R"))
    assert again.params == {"nummer": "unique", "referentienummer": "unique"}
    other = await any_world.klantcontact()
    assert (await any_world.call("PATCH", f"{PATH}/{other['uuid']}", {"nummer": "7"})).params == {"nummer": "unique"}
    assert (await any_world.call("PATCH", f"{PATH}/{made['uuid']}", {"nummer": "8"})).status == 200
    await any_world.klantcontact(nummer="7")
    assert (await any_world.call("DELETE", f"{PATH}/{made['uuid']}")).status == 204
    await any_world.klantcontact(nummer="8", referentienummer="R")


async def test_filters(any_world: World) -> None:
    person = await any_world.partij(item("bsn", BSN))
    old = await any_world.klantcontact(
        nummer="1", inhoud="Over de Dakkapel", plaatsgevondenOp="2026-03-01T12:00:00Z", indicatieContactGelukt=True
    )
    new = await any_world.klantcontact(kanaal="e-mail", vertrouwelijk=True, referentienummer="R")
    betrokkene = await any_world.betrokkene(old["uuid"], person["uuid"])
    about = await any_world.made(
        "/onderwerpobjecten",
        {
            "klantcontact": {"uuid": old["uuid"]},
            "wasKlantcontact": {"uuid": new["uuid"]},
            "onderwerpobjectidentificator": ZAAK,
        },
    )
    await any_world.adres(None, "email", "Jan@example.nl", verstrektDoorBetrokkene={"uuid": betrokkene["uuid"]})
    zaak = "onderwerpobjectidentificator"
    partij = "hadBetrokkene__wasPartij"
    for query, found in (
        ({}, [new, old]),
        ({"nummer": "1"}, [old]),
        ({"referentienummer": "R"}, [new]),
        ({"kanaal": "e-mail"}, [new]),
        ({"inhoud": "dakkapel"}, [old]),
        ({"onderwerp": "paspoort"}, [new, old]),
        ({"indicatieContactGelukt": "true"}, [old]),
        ({"vertrouwelijk": "false"}, [old]),
        ({"plaatsgevondenOp": "2026-03-01T13:00:00+01:00"}, [old]),
        ({"hadBetrokkene__uuid": betrokkene["uuid"]}, [old]),
        ({"hadBetrokkene__url": betrokkene["url"]}, [old]),
        ({f"{partij}__uuid": person["uuid"]}, [old]),
        ({f"{partij}__url": person["url"]}, [old]),
        ({partij: person["uuid"]}, [old]),
        ({f"{partij}__uuid": NOBODY}, []),
        ({f"{partij}__partijIdentificator__objectId": BSN}, [old]),
        ({f"{partij}__partijIdentificator__objectId": OTHER_BSN}, []),
        ({f"{partij}__partijIdentificator__codeSoortObjectId": "bsn"}, [old]),
        ({"hadBetrokkene__digitaaladres__adres__icontains": "jan@"}, [old]),
        ({"onderwerpobject__uuid": about["uuid"]}, [old]),
        ({f"onderwerpobject__{zaak}ObjectId": "0aa1"}, [old]),
        ({f"onderwerpobject__{zaak}ObjectId": "0aa1", f"onderwerpobject__{zaak}CodeObjecttype": "zaak"}, [old]),
        ({f"onderwerpobject__{zaak}ObjectId": "0aa1", f"onderwerpobject__{zaak}CodeRegister": "x"}, []),
        ({f"wasOnderwerpobject__{zaak}ObjectId": "0aa1"}, [new]),
        ({"wasOnderwerpobject__url": about["url"]}, [new]),
        ({"leiddeTotInterneTaken": NOBODY}, []),
    ):
        assert await any_world.found(PATH, **query) == [each["uuid"] for each in found], query
    unknown = await any_world.call("GET", PATH, query={"kanaa": "x"})
    assert unknown.status == 400
    looked = await any_world.call("POST", f"{PATH}/_zoek", {f"{partij}__partijIdentificator__objectId": BSN})
    assert [each["uuid"] for each in looked.body["results"]] == [old["uuid"]]
    by_url = await any_world.call("GET", PATH, query={f"{partij}__partijIdentificator__objectId": BSN})
    assert "Deprecation" in by_url.headers


async def test_expansions(any_world: World) -> None:
    person = await any_world.partij(item("bsn", BSN))
    contact = await any_world.klantcontact()
    uuid = contact["uuid"]
    betrokkene = await any_world.betrokkene(uuid, person["uuid"])
    by = {"verstrektDoorBetrokkene": {"uuid": betrokkene["uuid"]}}
    adres = await any_world.adres(None, "email", "jan@example.nl", **by)
    about = await any_world.made("/onderwerpobjecten", {"klantcontact": {"uuid": uuid}})
    bijlage = await any_world.made("/bijlagen", {"wasBijlageVanKlantcontact": {"uuid": uuid}})
    names = (
        "hadBetrokkenen",
        "hadBetrokkenen.digitaleAdressen",
        "had_betrokkenen.was_partij",
        "gingOverOnderwerpobjecten",
        "omvatteBijlagen",
        "leiddeTotInterneTaken",
    )
    shown = (await any_world.call("GET", f"{PATH}/{uuid}", query={"expand": ",".join(names)})).body
    assert [each["uuid"] for each in shown["hadBetrokkenen"]] == [betrokkene["uuid"]]
    [expanded] = shown["_expand"]["hadBetrokkenen"]
    assert expanded["_expand"]["digitaleAdressen"] == [adres]
    assert expanded["_expand"]["wasPartij"]["uuid"] == person["uuid"]
    assert shown["_expand"]["gingOverOnderwerpobjecten"] == [about]
    assert shown["_expand"]["omvatteBijlagen"] == [bijlage]
    assert shown["_expand"]["leiddeTotInterneTaken"] == []
    [listed] = (await any_world.call("GET", PATH, query="expand=hadBetrokkenen")).body["results"]
    assert listed["_expand"]["hadBetrokkenen"][0]["uuid"] == betrokkene["uuid"]
    assert (await any_world.call("GET", PATH, query="expand=alles")).params == {"expand": "invalid_choice"}


async def test_what_belongs_to_it_goes_with_it(any_world: World) -> None:
    person = await any_world.partij()
    contact, other = await any_world.klantcontact(), await any_world.klantcontact()
    here = {"uuid": contact["uuid"]}
    actor = await any_world.actor()
    await any_world.betrokkene(contact["uuid"], person["uuid"])
    await any_world.made("/bijlagen", {"wasBijlageVanKlantcontact": here})
    await any_world.made("/onderwerpobjecten", {"klantcontact": here})
    await any_world.made("/onderwerpobjecten", {"klantcontact": {"uuid": other["uuid"]}, "wasKlantcontact": here})
    await any_world.made("/actorklantcontacten", {"actor": {"uuid": actor["uuid"]}, "klantcontact": here})
    task = {"gevraagdeHandeling": "bel", "status": "te_verwerken", "toegewezenAanActoren": [{"uuid": actor["uuid"]}]}
    await any_world.made("/internetaken", {**task, "aanleidinggevendKlantcontact": here})
    assert (await any_world.call("DELETE", f"{PATH}/{contact['uuid']}")).status == 204
    for path in ("/betrokkenen", "/bijlagen", "/onderwerpobjecten", "/actorklantcontacten", "/internetaken"):
        assert await any_world.found(path) == [], path
    assert await any_world.found(PATH) == [other["uuid"]]
    assert (await any_world.call("GET", f"{PATH}/{other['uuid']}")).body["gingOverOnderwerpobjecten"] == []
    assert await any_world.found("/actoren") == [actor["uuid"]]
    assert (await any_world.call("GET", f"/partijen/{person['uuid']}")).body["betrokkenen"] == []
