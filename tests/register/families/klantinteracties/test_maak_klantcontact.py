from typing import Any

from tests.register.world import BSN, NOBODY, World, contact_body, item

PATH = "/maak-klantcontact"
WHO: dict[str, Any] = {"wasPartij": None, "rol": "klant", "initiator": True, "hadKlantcontact": None}
ABOUT = {"objectId": "0aa1", "codeObjecttype": "zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}


async def test_all_of_it_is_made_at_once(any_world: World) -> None:
    person = await any_world.partij(item("bsn", BSN))
    body = {
        "klantcontact": contact_body(nummer="7"),
        "betrokkene": {**WHO, "wasPartij": {"uuid": person["uuid"]}},
        "onderwerpobject": {"klantcontact": None, "onderwerpobjectidentificator": ABOUT},
    }
    made = (await any_world.call("POST", PATH, body)).body
    contact, who, about = made["klantcontact"], made["betrokkene"], made["onderwerpobject"]
    for path, one in (("klantcontacten", contact), ("betrokkenen", who), ("onderwerpobjecten", about)):
        assert (await any_world.call("GET", f"/{path}/{one['uuid']}")).body == one
    assert [each["uuid"] for each in contact["hadBetrokkenen"]] == [who["uuid"]]
    assert [each["uuid"] for each in contact["gingOverOnderwerpobjecten"]] == [about["uuid"]]
    assert who["hadKlantcontact"]["uuid"] == about["klantcontact"]["uuid"] == contact["uuid"]


async def test_the_klantcontact_alone_is_enough(any_world: World) -> None:
    for more in ({}, {"betrokkene": None, "onderwerpobject": None}):
        made = await any_world.call("POST", PATH, {"klantcontact": contact_body(), **more})
        assert made.status == 201
        assert (made.body["betrokkene"], made.body["onderwerpobject"]) == (None, None)


async def test_when_a_part_is_wrong_nothing_is_made(any_world: World) -> None:
    await any_world.klantcontact(nummer="7")
    wrong = {
        "klantcontact": contact_body(nummer="7"),
        "betrokkene": {**WHO, "wasPartij": {"uuid": NOBODY}},
        "onderwerpobject": {"wasKlantcontact": {"uuid": NOBODY}},
    }
    assert (await any_world.call("POST", PATH, wrong)).params == {
        "klantcontact.nummer": "unique",
        "betrokkene.wasPartij.uuid": "does_not_exist",
        "onderwerpobject.wasKlantcontact.uuid": "does_not_exist",
    }
    assert (await any_world.call("POST", PATH, {})).params == {"klantcontact": "required"}
    misshapen = {"klantcontact": {"kanaal": "x"}, "betrokkene": {"rol": "x", "initiator": True}}
    assert (await any_world.call("POST", PATH, misshapen)).params == {
        "klantcontact.onderwerp": "required",
        "klantcontact.taal": "required",
        "klantcontact.vertrouwelijk": "required",
        "betrokkene.rol": "invalid_choice",
    }
    assert len(await any_world.found("/klantcontacten")) == 1
    assert await any_world.found("/betrokkenen") == []


async def test_it_is_only_made(world: World) -> None:
    assert (await world.call("GET", PATH)).status == 405
    assert (await world.call("GET", f"{PATH}/{NOBODY}")).status == 404
    assert (await world.call("POST", f"{PATH}/_zoek", {})).status == 404
    assert (await world.call("POST", PATH, {"klantcontact": contact_body()}, token="aadorp-lezer")).status == 403
