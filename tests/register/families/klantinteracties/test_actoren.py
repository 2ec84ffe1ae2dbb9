from typing import Any

import pytest

from tests.register.world import NOBODY, World

PATH = "/actoren"
IDENTIFICATOR = {"objectId": "j@x.nl", "codeObjecttype": "mdw", "codeRegister": "msei", "codeSoortObjectId": "email"}
MEDEWERKER = {"functie": "KCC", "emailadres": "j@x.nl", "telefoonnummer": "0612345678"}


async def test_an_actor_shows_what_its_kind_has(any_world: World) -> None:
    made = await any_world.actor(actorIdentificatie=MEDEWERKER, actoridentificator=IDENTIFICATOR)
    assert made == {
        "uuid": made["uuid"],
        "url": made["url"],
        "naam": "Jansen",
        "soortActor": "medewerker",
        "indicatieActief": True,
        "actoridentificator": IDENTIFICATOR,
        "actorIdentificatie": MEDEWERKER,
    }
    path = f"{PATH}/{made['uuid']}"
    unit = await any_world.call("PATCH", path, {"soortActor": "organisatorische_eenheid"})
    assert unit.body["actorIdentificatie"] is None
    told = await any_world.call("PATCH", path, {"actorIdentificatie": {"faxnummer": "020"}})
    empty = {"omschrijving": "", "emailadres": "", "telefoonnummer": ""}
    assert told.body["actorIdentificatie"] == {**empty, "faxnummer": "020"}


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({"actorIdentificatie": {}}, {"actorIdentificatie.functie", "actorIdentificatie.telefoonnummer"}),
        ({"actorIdentificatie": {**MEDEWERKER, "emailadres": "geen"}}, {"actorIdentificatie.emailadres"}),
        ({"actorIdentificatie": {**MEDEWERKER, "telefoonnummer": "1"}}, {"actorIdentificatie.telefoonnummer"}),
        ({"naam": ""}, {"naam"}),
        ({"soortActor": "robot"}, {"soortActor"}),
    ],
)
async def test_what_breaks_a_rule_is_told(world: World, given: dict[str, Any], params: set[str]) -> None:
    body = {"naam": "Jansen", "soortActor": "medewerker", **given}
    assert set((await world.call("POST", PATH, body)).params) == params


async def test_filters(any_world: World) -> None:
    made = await any_world.actor(actoridentificator=IDENTIFICATOR)
    await any_world.actor("Team", soortActor="organisatorische_eenheid", indicatieActief=False)
    for query in (
        {"naam": "Jansen"},
        {"soortActor": "medewerker"},
        {"indicatieActief": "true"},
        {"actoridentificatorObjectId": "j@x.nl", "actoridentificatorCodeSoortObjectId": "email"},
        {"actoridentificatorCodeObjecttype": "mdw", "actoridentificatorCodeRegister": "msei"},
    ):
        assert await any_world.found(PATH, **query) == [made["uuid"]], query


async def test_an_actor_takes_part_in_a_klantcontact_once(any_world: World) -> None:
    actor, contact = await any_world.actor(), await any_world.klantcontact()
    body = {"actor": {"uuid": actor["uuid"]}, "klantcontact": {"uuid": contact["uuid"]}}
    made = await any_world.made("/actorklantcontacten", body)
    assert (await any_world.call("POST", "/actorklantcontacten", body)).params == {"nonFieldErrors": "unique"}
    read = await any_world.call("GET", f"/klantcontacten/{contact['uuid']}")
    assert read.body["hadBetrokkenActoren"] == [actor]
    for query in (
        {"actor__uuid": actor["uuid"]},
        {"actor__url": actor["url"]},
        {"klantcontact__uuid": contact["uuid"]},
        {"klantcontact__url": contact["url"]},
    ):
        assert await any_world.found("/actorklantcontacten", **query) == [made["uuid"]]
    missing = {"actor": {"uuid": NOBODY}, "klantcontact": {"uuid": NOBODY}}
    refused = (await any_world.call("POST", "/actorklantcontacten", missing)).params
    assert refused == {"actor.uuid": "does_not_exist", "klantcontact.uuid": "does_not_exist"}
    assert (await any_world.call("DELETE", f"{PATH}/{actor['uuid']}")).status == 204
    assert await any_world.found("/actorklantcontacten") == []
    read = await any_world.call("GET", f"/klantcontacten/{contact['uuid']}")
    assert read.body["hadBetrokkenActoren"] == []
