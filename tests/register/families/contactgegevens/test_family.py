from typing import Any

import pytest

from register.families.contactgegevens.family import CONTACTGEGEVENS
from register.tenancy import Internal
from tests.register.world import World

API = "/contactgegevens/api/v1"
ADRES = {
    "nummeraanduidingId": "0000010000000001",
    "straatnaam": "Dorpsstraat",
    "huisnummer": 1,
    "huisnummertoevoeging": "a",
    "postcode": "1234 AB",
    "stad": "Aadorp",
    "adresregel1": "",
    "adresregel2": "",
    "adresregel3": "",
    "land": "",
}
PERSOON: dict[str, Any] = {
    "geboortedatum": "1980-01-31",
    "overlijdensdatum": None,
    "geslachtsnaam": "Dam",
    "geslacht": "v",
    "voorvoegsel": "van",
    "voornamen": "Anna Maria",
    "adres": ADRES,
}
ORGANISATIE: dict[str, Any] = {
    "handelsnaam": "Dam BV",
    "oprichtingsdatum": "2001-01-01",
    "opheffingsdatum": None,
    "adres": None,
}


def test_the_family_is_where_clients_look_for_it() -> None:
    assert (CONTACTGEGEVENS.name, CONTACTGEGEVENS.version, CONTACTGEGEVENS.base_path) == (
        "contactgegevens",
        "1.1.1",
        API,
    )
    assert set(CONTACTGEGEVENS.by_name) == {"persoon", "organisatie"}


@pytest.mark.parametrize(("name", "body"), [("persoon", PERSOON), ("organisatie", ORGANISATIE)])
async def test_a_record_is_made_changed_and_removed(any_world: World, name: str, body: dict[str, Any]) -> None:
    path = f"{API}/{name}"
    made = await any_world.call("POST", path, body)
    uuid = made.body["uuid"]
    url = f"https://klant.aadorp.test{path}/{uuid}"
    assert (made.status, made.headers["Location"], made.headers["API-version"]) == (201, url, "1.1.1")
    assert made.body == {"uuid": uuid, "url": url, **body}
    assert (await any_world.call("GET", f"{path}/{uuid}")).body == made.body
    listed = (await any_world.call("GET", path)).body
    assert (listed["count"], listed["results"]) == (1, [made.body])
    changed = (await any_world.call("PATCH", f"{path}/{uuid}", {"adres": {"stad": "Beestad"}})).body
    assert changed["adres"]["stad"] == "Beestad"
    assert changed["adres"]["straatnaam"] == ((body["adres"] or {}).get("straatnaam", ""))
    foreign: dict[str, Any] = {"token": "beestad-alles", "arrival": Internal(any_world.b)}
    assert (await any_world.call("GET", f"{path}/{uuid}", **foreign)).status == 404
    assert (await any_world.call("GET", path, **foreign)).body["count"] == 0
    assert (await any_world.call("DELETE", f"{path}/{uuid}")).status == 204
    assert (await any_world.call("GET", f"{path}/{uuid}")).status == 404


@pytest.mark.parametrize(
    ("name", "given", "params"),
    [
        ("persoon", {}, {"geboortedatum": "required", "geslachtsnaam": "required"}),
        ("persoon", {**PERSOON, "geslacht": "x"}, {"geslacht": "invalid_choice"}),
        ("persoon", {**PERSOON, "geboortedatum": "31-01-1980"}, {"geboortedatum": "invalid"}),
        ("persoon", {**PERSOON, "overlijdensdatum": "1979-01-01"}, {"overlijdensdatum": "invalid"}),
        ("persoon", {**PERSOON, "adres": {"postcode": "1234ab"}}, {"adres.postcode": "invalid"}),
        ("organisatie", {}, {"handelsnaam": "required"}),
        ("organisatie", {"handelsnaam": "x" * 256}, {"handelsnaam": "max_length"}),
        ("organisatie", {**ORGANISATIE, "opheffingsdatum": "2000-01-01"}, {"opheffingsdatum": "invalid"}),
    ],
)
async def test_what_breaks_a_rule_is_told(
    world: World, name: str, given: dict[str, Any], params: dict[str, str]
) -> None:
    assert (await world.call("POST", f"{API}/{name}", given)).params == params


async def test_it_has_scopes_of_its_own(world: World) -> None:
    assert (await world.call("GET", f"{API}/persoon", token="aadorp-lezer")).status == 403
    assert (await world.call("GET", f"{API}/persoon", query={"naam": "x"})).status == 400
