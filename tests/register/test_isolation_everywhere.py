"""Every resource, filter, expansion and reference of every family, tried by one tenant with the ids of another."""

from collections.abc import Iterator
from typing import Any

import pytest

from register.families.klantinteracties.family import KLANTINTERACTIES
from register.http.fields import ListOf, Reference
from register.http.resource import Resource
from register.tenancy import Internal
from tests.register.world import BSN, World, betrokkene_body, contact_body, item, persoon

ZAAK = {"objectId": "0aa1", "codeObjecttype": "zaak", "codeRegister": "openzaak", "codeSoortObjectId": "uuid"}
RESOURCES = [one for one in KLANTINTERACTIES.resources if isinstance(one, Resource)]


class Tenant:
    """One of the two municipalities, with one record of every resource."""

    def __init__(self, world: World, slug: str) -> None:
        self._world = world
        self._slug = slug
        self.records: dict[str, Any] = {}
        self.other = ""
        """Another partij."""

    async def call(self, method: str, path: str, body: Any = None, **extra: Any) -> Any:
        arrival = Internal(self._world.a if self._slug == "aadorp" else self._world.b)
        return await self._world.call(method, path, body, token=f"{self._slug}-alles", arrival=arrival, **extra)

    async def fill(self) -> None:
        for name, body in self._bodies():
            made = await self.call("POST", f"/{name}", body)
            assert made.status == 201, (name, made.raw)
            self.records[name] = made.body
        for name in self.records:
            self.records[name] = (await self.call("GET", f"/{name}/{self.uuid(name)}")).body

    def uuid(self, name: str) -> str:
        uuid: str = self.records[name]["uuid"]
        return uuid

    def _bodies(self) -> Iterator[tuple[str, Any]]:
        def to(name: str) -> dict[str, str]:
            return {"uuid": self.uuid(name)}

        yield "partijen", persoon(nummer="1")
        yield "partij-identificatoren", item("bsn", BSN, identificeerdePartij=to("partijen"))
        yield "klantcontacten", contact_body(nummer="7", referentienummer="R")
        yield "betrokkenen", betrokkene_body(self.uuid("klantcontacten"), self.uuid("partijen"))
        yield (
            "digitaleadressen",
            {
                "adres": "a@example.nl",
                "soortDigitaalAdres": "email",
                "verstrektDoorPartij": to("partijen"),
                "verstrektDoorBetrokkene": to("betrokkenen"),
            },
        )
        yield "actoren", {"naam": "Jansen", "soortActor": "medewerker", "actoridentificator": ZAAK}
        yield "actorklantcontacten", {"actor": to("actoren"), "klantcontact": to("klantcontacten")}
        yield (
            "onderwerpobjecten",
            {
                "klantcontact": to("klantcontacten"),
                "wasKlantcontact": to("klantcontacten"),
                "onderwerpobjectidentificator": ZAAK,
            },
        )
        yield "bijlagen", {"wasBijlageVanKlantcontact": to("klantcontacten"), "bijlageidentificator": ZAAK}
        yield (
            "internetaken",
            {
                "gevraagdeHandeling": "bel",
                "status": "te_verwerken",
                "nummer": "3",
                "aanleidinggevendKlantcontact": to("klantcontacten"),
                "toegewezenAanActoren": [to("actoren")],
            },
        )
        yield "categorieen", {"naam": "vip"}
        yield "categorie-relaties", {"partij": to("partijen"), "categorie": to("categorieen")}
        yield "rekeningnummers", {"iban": "NL02ABNA0123456789", "partij": to("partijen")}
        yield (
            "vertegenwoordigingen",
            {"vertegenwoordigendePartij": to("partijen"), "vertegenwoordigdePartij": {"uuid": self.other}},
        )


@pytest.fixture
async def tenants(any_world: World) -> tuple[Tenant, Tenant]:
    both = Tenant(any_world, "aadorp"), Tenant(any_world, "beestad")
    for one in both:
        one.other = (await one.call("POST", "/partijen", persoon())).body["uuid"]
        await one.fill()
    return both


async def unchanged(tenant: Tenant) -> None:
    for name, record in tenant.records.items():
        assert (await tenant.call("GET", f"/{name}/{tenant.uuid(name)}")).body == record, name


async def test_there_is_a_record_of_every_resource(tenants: tuple[Tenant, Tenant]) -> None:
    assert set(tenants[0].records) == {resource.name for resource in RESOURCES}


async def test_ids_of_another_are_not_found(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    for resource in RESOURCES:
        path = f"/{resource.name}/{one.uuid(resource.name)}"
        for method, body in (("GET", None), ("HEAD", None), ("PUT", {}), ("PATCH", {}), ("DELETE", None)):
            assert (await other.call(method, path, body)).status == 404, (method, path)
        assert (await other.call("PUT", path, other.records[resource.name])).status == 404, path
        for name in resource.expand:
            assert (await other.call("GET", path, query={"expand": name})).status == 404
    await unchanged(one)
    await unchanged(other)


async def test_lists_and_expansions_show_what_is_own(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    foreign = {one.uuid(name) for name in one.records} | {one.other}
    for resource in RESOURCES:
        query = {"expand": ",".join(resource.expand)} if resource.expand else {}
        listed = await other.call("GET", f"/{resource.name}", query=query)
        assert listed.status == 200
        assert not any(uuid in listed.raw.decode() for uuid in foreign), resource.name
        assert other.uuid(resource.name) in listed.raw.decode()


async def test_filters_by_ids_of_another_find_nothing(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    everything = [(name, record["uuid"], record["url"]) for name, record in one.records.items()]
    for resource in RESOURCES:
        for parameter, schema in resource.parameters.items():
            if schema.get("format") not in ("uuid", "uri"):
                continue
            for _, uuid, url in everything:
                query = {parameter: url if schema["format"] == "uri" else uuid}
                found = await other.call("GET", f"/{resource.name}", query=query)
                assert (found.status, found.body["count"]) == (200, 0), (resource.name, query)


async def test_references_to_what_is_anothers_do_not_exist(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    tried = 0
    for resource in RESOURCES:
        for attribute in resource.shape.attributes:
            field = attribute.field
            is_list = isinstance(field, ListOf)
            inner = field.item if isinstance(field, ListOf) else field
            if attribute.read_only or not isinstance(inner, Reference):
                continue
            for uuid in [one.uuid(name) for name in one.records]:
                body = {attribute.name: [{"uuid": uuid}] if is_list else {"uuid": uuid}}
                refused = await other.call("PATCH", f"/{resource.name}/{other.uuid(resource.name)}", body)
                codes = set(refused.params.values())
                assert codes <= {"does_not_exist", "invalid"}, (resource.name, attribute.name, refused.raw)
                tried += 1
    assert tried > 200
    await unchanged(one)
    await unchanged(other)


async def test_the_same_numbers_and_identifiers_are_free_for_each(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    for name in ("partijen", "klantcontacten", "internetaken"):
        assert one.records[name]["nummer"] == other.records[name]["nummer"]
    assert one.records["partij-identificatoren"]["partijIdentificator"]["objectId"] == BSN


async def test_what_one_removes_the_other_keeps(tenants: tuple[Tenant, Tenant]) -> None:
    one, other = tenants
    for name in ("klantcontacten", "partijen", "actoren", "categorieen"):
        assert (await other.call("DELETE", f"/{name}/{other.uuid(name)}")).status == 204
    await unchanged(one)
