from tests.register.world import API, BSN, KVK, VESTIGING, World, identificatie, item

PATH = "/partij-identificatoren"
BASE = f"https://klant.aadorp.test{API}"


async def test_an_identificator_shows_every_field(any_world: World) -> None:
    partij = await any_world.partij()
    kvk = await any_world.identificator(item("kvk_nummer", KVK))
    body = item(
        "vestigingsnummer",
        VESTIGING,
        parent=kvk["uuid"],
        identificeerdePartij={"uuid": partij["uuid"]},
        anderePartijIdentificator="anders",
    )
    made = await any_world.identificator(body)
    assert made == {
        "uuid": made["uuid"],
        "url": f"{BASE}{PATH}/{made['uuid']}",
        "identificeerdePartij": {"uuid": partij["uuid"], "url": partij["url"]},
        "anderePartijIdentificator": "anders",
        "partijIdentificator": identificatie("vestigingsnummer", VESTIGING),
        "subIdentificatorVan": {"uuid": kvk["uuid"], "url": kvk["url"]},
    }
    assert (await any_world.call("GET", f"{PATH}/{made['uuid']}")).body == made
    read = await any_world.call("GET", f"/partijen/{partij['uuid']}")
    assert read.body["partijIdentificatoren"] == [made]


async def test_filters(any_world: World) -> None:
    bsn = (await any_world.identificator(item("bsn", BSN, anderePartijIdentificator="x")))["uuid"]
    kvk = (await any_world.identificator(item("kvk_nummer", KVK)))["uuid"]
    for query, found in (
        ({"partijIdentificatorObjectId": BSN}, [bsn]),
        ({"partijIdentificatorObjectId": KVK, "partijIdentificatorCodeSoortObjectId": "bsn"}, []),
        ({"partijIdentificatorCodeSoortObjectId": "kvk_nummer"}, [kvk]),
        ({"partijIdentificatorCodeRegister": "brp"}, [bsn]),
        ({"partijIdentificatorCodeObjecttype": "niet_natuurlijk_persoon"}, [kvk]),
        ({"partijIdentificatorCodeObjecttype": "onzin"}, []),
        ({"anderePartijIdentificator": "x"}, [bsn]),
        ({}, [kvk, bsn]),
    ):
        assert await any_world.found(PATH, **query) == found, query


async def test_looking_up_by_bsn_is_told_apart_here_too(world: World) -> None:
    answered = await world.call("GET", PATH, query={"partijIdentificatorObjectId": BSN})
    assert "Deprecation" in answered.headers
    denied = await world.call("GET", PATH, query={"partijIdentificatorObjectId": BSN}, token="aadorp-lezer")
    assert denied.status == 403
