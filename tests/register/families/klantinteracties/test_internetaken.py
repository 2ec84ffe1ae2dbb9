from typing import Any

import pytest

from tests.register.world import NOBODY, World

PATH = "/internetaken"


async def made(world: World, **extra: Any) -> Any:
    contact = await world.klantcontact(nummer="7", referentienummer="R")
    body: dict[str, Any] = {
        "gevraagdeHandeling": "Terugbellen",
        "status": "te_verwerken",
        "aanleidinggevendKlantcontact": {"uuid": contact["uuid"]},
    }
    if "toegewezenAanActor" not in extra:
        body["toegewezenAanActoren"] = [{"uuid": (await world.actor())["uuid"]}]
    return await world.made(PATH, {**body, **extra})


async def test_a_task_shows_every_field(any_world: World) -> None:
    first, second = await any_world.actor("Eerste"), await any_world.actor("Tweede")
    actoren = [{"uuid": each["uuid"], "url": each["url"]} for each in (first, second)]
    task = await made(
        any_world, nummer="3", referentienummer="T", toelichting="Na 14 uur", toegewezenAanActoren=actoren
    )
    assert (task["toegewezenAanActoren"], task["toegewezenAanActor"]) == (actoren, actoren[0])
    assert (task["nummer"], task["referentienummer"], task["toelichting"]) == ("3", "T", "Na 14 uur")
    assert task["toegewezenOp"].startswith("2027-01-15T08:00:0")
    assert task["afgehandeldOp"] is None
    contact = task["aanleidinggevendKlantcontact"]["uuid"]
    read = await any_world.call("GET", f"/klantcontacten/{contact}", query="expand=leiddeTotInterneTaken")
    assert read.body["_expand"]["leiddeTotInterneTaken"] == [task]
    for query in (
        {"nummer": "3"},
        {"referentienummer": "T"},
        {"status": "te_verwerken"},
        {"toegewezenOp": task["toegewezenOp"]},
        {"actoren__naam": "Tweede"},
        {"toegewezenAanActor__uuid": second["uuid"]},
        {"toegewezenAanActor__url": second["url"]},
        {"aanleidinggevendKlantcontact__url": task["aanleidinggevendKlantcontact"]["url"]},
        {"klantcontact__uuid": contact},
        {"klantcontact__nummer": "7"},
        {"klantcontact__referentienummer": "R"},
    ):
        assert await any_world.found(PATH, **query) == [task["uuid"]], query
    assert await any_world.found(PATH, status="verwerkt") == []
    assert await any_world.found("/klantcontacten", leiddeTotInterneTaken=task["uuid"]) == [contact]
    asked = "expand=toegewezenAanActoren,aanleidinggevendKlantcontact"
    expanded = (await any_world.call("GET", f"{PATH}/{task['uuid']}", query=asked)).body["_expand"]
    assert expanded["toegewezenAanActoren"] == [first, second]
    assert expanded["aanleidinggevendKlantcontact"]["uuid"] == contact


async def test_a_task_is_done_and_undone(any_world: World) -> None:
    task = await made(any_world)
    path = f"{PATH}/{task['uuid']}"
    done = (await any_world.call("PATCH", path, {"status": "verwerkt"})).body
    assert done["afgehandeldOp"] is not None
    kept = (await any_world.call("PATCH", path, {"toelichting": "x"})).body
    assert kept["afgehandeldOp"] == done["afgehandeldOp"]
    again = (await any_world.call("PATCH", path, {"status": "te_verwerken"})).body
    assert again["afgehandeldOp"] is None
    refused = await any_world.call("PATCH", path, {"afgehandeldOp": "2026-01-01T00:00:00Z"})
    assert refused.params == {"afgehandeldOp": "invalid"}
    told = await any_world.call("PATCH", path, {"status": "verwerkt", "afgehandeldOp": "2026-01-01T01:00:00+01:00"})
    assert told.body["afgehandeldOp"] == "2026-01-01T00:00:00Z"


async def test_somebody_has_to_do_it(any_world: World) -> None:
    actor = {"uuid": (await any_world.actor())["uuid"]}
    old = await made(any_world, toegewezenAanActor=actor)
    assert [each["uuid"] for each in old["toegewezenAanActoren"]] == [actor["uuid"]]
    body = {
        "gevraagdeHandeling": "x",
        "status": "te_verwerken",
        "aanleidinggevendKlantcontact": old["aanleidinggevendKlantcontact"],
    }
    nobody = await any_world.call("POST", PATH, body)
    assert nobody.params == {"toegewezenAanActoren": "required"}
    both = await any_world.call("POST", PATH, {**body, "toegewezenAanActor": actor, "toegewezenAanActoren": [actor]})
    assert both.params == {"nonFieldErrors": "invalid"}
    missing = await any_world.call("POST", PATH, {**body, "toegewezenAanActoren": [actor, {"uuid": NOBODY}]})
    assert missing.params == {"toegewezenAanActoren.1.uuid": "does_not_exist"}
    assert (await any_world.call("DELETE", f"/actoren/{actor['uuid']}")).status == 204
    left = (await any_world.call("GET", f"{PATH}/{old['uuid']}")).body
    assert (left["toegewezenAanActoren"], left["toegewezenAanActor"]) == ([], None)


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({"status": "bezig"}, {"status": "invalid_choice"}),
        ({"gevraagdeHandeling": ""}, {"gevraagdeHandeling": "blank"}),
        ({"aanleidinggevendKlantcontact": {"uuid": NOBODY}}, {"aanleidinggevendKlantcontact.uuid": "does_not_exist"}),
        ({"nummer": "abc"}, {"nummer": "invalid"}),
    ],
)
async def test_what_breaks_a_rule_is_told(world: World, given: dict[str, Any], params: dict[str, str]) -> None:
    task = await made(world)
    assert (await world.call("PATCH", f"{PATH}/{task['uuid']}", given)).params == params
