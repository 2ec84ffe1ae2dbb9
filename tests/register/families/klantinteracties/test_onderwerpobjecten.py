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
