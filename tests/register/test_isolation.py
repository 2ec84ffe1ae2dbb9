"""No tenant reaches what is another's: every operation is tried with a foreign id, reference, filter or credential."""

from typing import Any

import pytest

from register.tenancy import Internal
from tests.register.world import BSN, KVK, VESTIGING, World, adres_body, item, organisatie, persoon


class Neighbours:
    """Municipality A holds one of everything; B is empty and tries to get at it."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def fill(self) -> None:
        world = self.world
        self.organisatie = await world.partij(item("kvk_nummer", KVK), **organisatie(nummer="1"))
        self.partij = await world.partij(item("bsn", BSN))
        self.kvk = self.organisatie["partijIdentificatoren"][0]
        self.bsn = self.partij["partijIdentificatoren"][0]
        self.adres = await world.adres(self.partij["uuid"], "email", "a@example.nl")
        self.before = await self.everything()

    async def everything(self) -> list[Any]:
        return [
            (await self.world.call("GET", path)).body
            for path in ("/partijen", "/partij-identificatoren", "/digitaleadressen")
        ]

    async def call(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        arrival = Internal(self.world.b)
        return await self.world.call(method, path, body, token="beestad-alles", arrival=arrival, **extra)


@pytest.fixture
async def neighbours(any_world: World) -> Neighbours:
    made = Neighbours(any_world)
    await made.fill()
    return made


async def test_foreign_ids_are_not_found(neighbours: Neighbours) -> None:
    n = neighbours
    for path, body in (
        (f"/partijen/{n.partij['uuid']}", persoon()),
        (f"/partij-identificatoren/{n.bsn['uuid']}", item("bsn", BSN)),
        (f"/digitaleadressen/{n.adres['uuid']}", adres_body(None, "overig", "x")),
    ):
        for method, sent in (("GET", None), ("HEAD", None), ("PUT", body), ("PATCH", {}), ("DELETE", None)):
            assert (await n.call(method, path, sent)).status == 404, (method, path)
    assert await n.everything() == n.before


async def test_foreign_references_do_not_exist(neighbours: Neighbours) -> None:
    n = neighbours
    own = (await n.call("POST", "/partijen", persoon())).body["uuid"]
    werkt = {"werkteVoorPartij": {"uuid": n.organisatie["uuid"]}}
    contact = {"soortPartij": "contactpersoon", "indicatieActief": True, "partijIdentificatie": werkt}
    for method, path, body in (
        ("POST", "/digitaleadressen", adres_body(n.partij["uuid"], "overig", "x")),
        ("POST", "/partij-identificatoren", item("rsin", "823288444", identificeerdePartij={"uuid": n.partij["uuid"]})),
        ("POST", "/partij-identificatoren", item("vestigingsnummer", VESTIGING, parent=n.kvk["uuid"])),
        ("POST", "/partijen", persoon(digitaleAdressen=[{"uuid": n.adres["uuid"]}])),
        ("POST", "/partijen", persoon(partijIdentificatoren=[item("bsn", BSN, uuid=n.bsn["uuid"])])),
        ("POST", "/partijen", contact),
        ("PATCH", f"/partijen/{own}", {"digitaleAdressen": [{"uuid": n.adres["uuid"]}]}),
        ("PATCH", f"/partijen/{own}", {"partijIdentificatoren": [item("bsn", BSN, uuid=n.bsn["uuid"])]}),
    ):
        refused = await n.call(method, path, body)
        assert "does_not_exist" in refused.params.values(), (method, path, refused.raw)
    refused = await n.call("PATCH", f"/partijen/{own}", {"voorkeursDigitaalAdres": {"uuid": n.adres["uuid"]}})
    assert refused.params == {"voorkeursDigitaalAdres": "invalid"}
    assert await n.everything() == n.before


async def test_lists_and_filters_show_nothing_of_a_neighbour(neighbours: Neighbours) -> None:
    n = neighbours
    for path in ("/partijen", "/partij-identificatoren", "/digitaleadressen"):
        assert (await n.call("GET", path)).body["count"] == 0
    for path, query in (
        ("/partijen", {"partijIdentificator__objectId": BSN}),
        ("/partij-identificatoren", {"partijIdentificatorObjectId": BSN}),
        ("/digitaleadressen", {"verstrektDoorPartij__uuid": n.partij["uuid"]}),
        ("/digitaleadressen", {"verstrektDoorPartij__url": n.partij["url"]}),
    ):
        assert (await n.call("GET", path, query=query)).body["count"] == 0
    assert (await n.call("POST", "/partijen/_zoek", {"partijIdentificator__objectId": BSN})).body["count"] == 0


async def test_what_is_unique_is_so_within_a_tenant(neighbours: Neighbours) -> None:
    made = await neighbours.call("POST", "/partijen", persoon(nummer="1", partijIdentificatoren=[item("bsn", BSN)]))
    assert made.status == 201
    assert await neighbours.everything() == neighbours.before


async def test_a_tag_of_a_neighbour_says_nothing_here(neighbours: Neighbours) -> None:
    n = neighbours
    made = await n.call("POST", "/partijen", persoon())
    path = f"/partijen/{n.partij['uuid']}"
    tag = (await n.world.call("GET", path)).headers["ETag"]
    assert (await n.call("GET", path, headers={"if-none-match": tag})).status == 404
    assert made.headers["ETag"] != tag


async def test_a_link_with_a_sealed_bsn_works_for_its_own_tenant_only(neighbours: Neighbours) -> None:
    n = neighbours
    await n.world.adres(n.partij["uuid"], "email", "b@example.nl")
    parameter = "verstrektDoorPartij__partijIdentificator__objectId"
    listed = await n.world.call("GET", "/digitaleadressen", query={parameter: BSN, "pageSize": "1"})
    sealed = listed.body["next"].partition("?")[2]
    assert (await n.world.call("GET", "/digitaleadressen", query=sealed)).body["count"] == 2
    await n.call("POST", "/partijen", persoon(partijIdentificatoren=[item("bsn", BSN)]))
    foreign = await n.call("GET", "/digitaleadressen", query=sealed.replace("page=2", "page=1"))
    assert (foreign.status, foreign.body["count"]) == (200, 0)


@pytest.mark.parametrize("token", ["aadorp-alles", "aadorp-lezer"])
async def test_a_foreign_credential_opens_nothing(neighbours: Neighbours, token: str) -> None:
    n = neighbours
    for method, path, body in (
        ("GET", "/partijen", None),
        ("POST", "/partijen", persoon()),
        ("POST", "/partijen/_zoek", {}),
        ("GET", f"/partijen/{n.partij['uuid']}", None),
        ("DELETE", f"/digitaleadressen/{n.adres['uuid']}", None),
    ):
        refused = await n.world.call(method, path, body, token=token, arrival=Internal(n.world.b))
        assert (refused.status, refused.body["code"]) == (403, "tenant-mismatch")
    assert await n.everything() == n.before
