from tests.register.world import BSN, NOBODY, World

PATH = "/onderwerpobjecten"
PERSON = {"objectId": BSN, "codeObjecttype": "natuurlijk_persoon", "codeRegister": "brp", "codeSoortObjectId": "bsn"}
NAME = "onderwerpobjectidentificator"


async def test_an_onderwerpobject_may_be_a_person_and_is_sealed(any_world: World) -> None:
    first, second = await any_world.klantcontact(), await any_world.klantcontact()
    body = {"klantcontact": {"uuid": first["uuid"]}, "wasKlantcontact": {"uuid": second["uuid"]}, NAME: PERSON}
    made = await any_world.made(PATH, body)
    assert made[NAME] == PERSON
    for query in (
        {"klantcontact__uuid": first["uuid"]},
        {"wasKlantcontact__url": second["url"]},
        {f"{NAME}ObjectId": BSN},
        {f"{NAME}CodeObjecttype": "natuurlijk_persoon", f"{NAME}CodeRegister": "brp"},
    ):
        assert await any_world.found(PATH, **query) == [made["uuid"]], query
    assert await any_world.found(PATH, **{f"{NAME}ObjectId": "999990020"}) == []
    page = await any_world.call("GET", PATH, query={f"{NAME}ObjectId": BSN, "pageSize": "1", "page": "1"})
    assert BSN.encode() not in (page.body["next"] or "").encode()
    loose = await any_world.call("PATCH", f"{PATH}/{made['uuid']}", {"klantcontact": None, NAME: None})
    assert (loose.body["klantcontact"], loose.body[NAME]) == (None, None)
    assert (await any_world.call("GET", f"/klantcontacten/{first['uuid']}")).body["gingOverOnderwerpobjecten"] == []
    missing = await any_world.call("POST", PATH, {"klantcontact": {"uuid": NOBODY}})
    assert missing.params == {"klantcontact.uuid": "does_not_exist"}


async def test_a_bijlage(any_world: World) -> None:
    contact = await any_world.klantcontact()
    where = {"objectId": "doc-1", "codeObjecttype": "document", "codeRegister": "drc", "codeSoortObjectId": "uuid"}
    body = {"wasBijlageVanKlantcontact": {"uuid": contact["uuid"]}, "bijlageidentificator": where}
    made = await any_world.made("/bijlagen", body)
    assert made["bijlageidentificator"] == where
    for query in ({"klantcontact__uuid": contact["uuid"]}, {"bijlageidentificatorObjectId": "doc-1"}):
        assert await any_world.found("/bijlagen", **query) == [made["uuid"]]
    assert (await any_world.call("DELETE", f"/bijlagen/{made['uuid']}")).status == 204
    assert (await any_world.call("GET", f"/klantcontacten/{contact['uuid']}")).body["omvatteBijlagen"] == []


async def test_cascade_takes_the_klantcontacten_that_nothing_else_is_about(any_world: World) -> None:
    alone, shared = await any_world.klantcontact(), await any_world.klantcontact()
    who = await any_world.betrokkene(alone["uuid"])
    by = {"verstrektDoorBetrokkene": {"uuid": who["uuid"]}}
    await any_world.adres(None, "email", "jan@example.nl", **by)
    body = {"klantcontact": {"uuid": alone["uuid"]}, "wasKlantcontact": {"uuid": shared["uuid"]}}
    made = await any_world.made(PATH, body)
    other = await any_world.made(PATH, {"klantcontact": {"uuid": shared["uuid"]}})
    path = f"{PATH}/{made['uuid']}"
    assert (await any_world.call("DELETE", path, query="cascade=misschien")).params == {"cascade": "invalid"}
    assert (await any_world.call("DELETE", path, query="cascaded=true")).status == 400
    gone = await any_world.call("DELETE", path, query="cascade=true")
    assert (gone.status, gone.body) == (200, {"behouden": [shared["url"]]})
    assert await any_world.found("/klantcontacten") == [shared["uuid"]]
    assert await any_world.found(PATH) == [other["uuid"]]
    assert await any_world.found("/betrokkenen") == await any_world.found("/digitaleadressen") == []
    assert (await any_world.call("DELETE", f"{PATH}/{other['uuid']}", query="cascade=false")).status == 204
    assert await any_world.found("/klantcontacten") == [shared["uuid"]]
