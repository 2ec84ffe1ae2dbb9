from tests.register.world import BSN, OTHER_BSN, World, item

PREFIX = "verstrektDoorPartij__partijIdentificator__"


async def test_addresses_follow_the_identificatoren_of_their_partij(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    adres = await any_world.adres(partij["uuid"], "email", "a@example.nl")
    by_old, by_new = {f"{PREFIX}objectId": BSN}, {f"{PREFIX}objectId": OTHER_BSN}
    assert await any_world.found("/digitaleadressen", **by_old) == [adres["uuid"]]
    own = partij["partijIdentificatoren"][0]["uuid"]
    changed = await any_world.call("PATCH", f"/partij-identificatoren/{own}", item("bsn", OTHER_BSN))
    assert changed.status == 200
    assert await any_world.found("/digitaleadressen", **by_old) == []
    assert await any_world.found("/digitaleadressen", **by_new) == [adres["uuid"]]
    await any_world.call("DELETE", f"/partij-identificatoren/{own}")
    assert await any_world.found("/digitaleadressen", **by_new) == []


async def test_addresses_follow_the_kind_of_their_partij(any_world: World) -> None:
    partij = await any_world.partij()
    adres = await any_world.adres(partij["uuid"], "email", "a@example.nl")
    await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"soortPartij": "organisatie"})
    assert await any_world.found("/digitaleadressen", verstrektDoorPartij__soortPartij="persoon") == []
    assert await any_world.found("/digitaleadressen", verstrektDoorPartij__soortPartij="organisatie") == [adres["uuid"]]
