import asyncio
from typing import Any

import pytest

from register.records.kinds import IDENTIFICATOREN, UNIQUE_KEYS
from tests.register.world import (
    BSN,
    KVK,
    NOBODY,
    OTHER_BSN,
    OTHER_KVK,
    PEER_A,
    RSIN,
    THIRD_BSN,
    VESTIGING,
    Answer,
    World,
    identificatie,
    item,
    persoon,
)

PATH = "/partij-identificatoren"


def own(partij: dict[str, Any], place: int = 0) -> str:
    uuid: str = partij["partijIdentificatoren"][place]["uuid"]
    return uuid


async def values(world: World, partij: str) -> list[str]:
    read = await world.call("GET", f"/partijen/{partij}")
    return [each["partijIdentificator"]["objectId"] for each in read.body["partijIdentificatoren"]]


async def test_the_same_identification_exists_once(any_world: World) -> None:
    await any_world.partij(item("bsn", BSN))
    refused = await any_world.call("POST", PATH, item("bsn", BSN))
    assert refused.params == {"nonFieldErrors": "unique"}
    assert BSN not in refused.raw.decode()
    nested = await any_world.call("POST", "/partijen", persoon(partijIdentificatoren=[item("bsn", BSN)]))
    assert nested.params == {"partijIdentificatoren.0.nonFieldErrors": "unique"}
    assert len(await any_world.found("/partijen")) == 1


async def test_an_identification_that_was_given_up_is_free(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    await any_world.call("PUT", f"{PATH}/{own(partij)}", item("bsn", OTHER_BSN))
    other = await any_world.identificator(item("bsn", BSN))
    assert (await any_world.call("DELETE", f"{PATH}/{other['uuid']}")).status == 204
    await any_world.identificator(item("bsn", BSN))


@pytest.mark.parametrize("nested", [True, False])
async def test_of_two_at_once_exactly_one_gets_the_bsn(any_world: World, nested: bool) -> None:
    async def attempt() -> Answer:
        if nested:
            return await any_world.call("POST", "/partijen", persoon(partijIdentificatoren=[item("bsn", BSN)]))
        return await any_world.call("POST", PATH, item("bsn", BSN))

    answers = await asyncio.gather(*(attempt() for _ in range(8)))
    assert sorted(each.status for each in answers) == [201] + [400] * 7
    assert {code for each in answers if each.status == 400 for code in each.params.values()} == {"unique"}
    assert len(await any_world.found(PATH)) == 1


async def test_an_establishment_is_unique_within_its_kvk_number(any_world: World) -> None:
    first, second = [await any_world.identificator(item("kvk_nummer", value)) for value in (KVK, OTHER_KVK)]
    await any_world.identificator(item("vestigingsnummer", VESTIGING, parent=first["uuid"]))
    await any_world.identificator(item("vestigingsnummer", VESTIGING, parent=second["uuid"]))
    again = await any_world.call("POST", PATH, item("vestigingsnummer", VESTIGING, parent=first["uuid"]))
    assert again.params == {"nonFieldErrors": "unique"}


async def test_an_establishment_needs_a_kvk_number_above_it(any_world: World) -> None:
    bsn = await any_world.identificator(item("bsn", BSN))
    for parent in (None, bsn["uuid"]):
        refused = await any_world.call("POST", PATH, item("vestigingsnummer", VESTIGING, parent=parent))
        assert refused.params == {"subIdentificatorVan": "invalid"}
    nobody = await any_world.call("POST", PATH, item("vestigingsnummer", VESTIGING, parent=NOBODY))
    assert nobody.params == {"subIdentificatorVan.uuid": "does_not_exist"}


async def test_what_others_fall_under_is_neither_removed_nor_changed(any_world: World) -> None:
    organisatie = await any_world.partij(item("kvk_nummer", KVK), item("rsin", RSIN), soortPartij="organisatie")
    kvk = own(organisatie)
    vestiging = await any_world.partij(item("vestigingsnummer", VESTIGING, parent=kvk), soortPartij="organisatie")
    path = f"{PATH}/{kvk}"
    assert (await any_world.call("DELETE", path)).params == {"nonFieldErrors": "invalid"}
    for body in (item("kvk_nummer", OTHER_KVK), item("bsn", BSN)):
        assert (await any_world.call("PUT", path, body)).params == {"partijIdentificator": "invalid"}
    under = {"subIdentificatorVan": {"uuid": own(organisatie, 1)}}
    assert (await any_world.call("PATCH", path, under)).params == {"subIdentificatorVan": "invalid"}
    partij = f"/partijen/{organisatie['uuid']}"
    emptied = await any_world.call("PATCH", partij, {"partijIdentificatoren": []})
    assert emptied.params == {"partijIdentificatoren": "invalid"}
    assert (await any_world.call("DELETE", partij)).params == {"nonFieldErrors": "invalid"}
    assert (await any_world.call("PATCH", path, {"anderePartijIdentificator": "mag"})).status == 200
    assert (await any_world.call("DELETE", f"/partijen/{vestiging['uuid']}")).status == 204
    assert (await any_world.call("DELETE", partij)).status == 204
    assert await any_world.found(PATH) == []


async def test_two_identificatoren_cannot_fall_under_each_other(any_world: World) -> None:
    partij = await any_world.partij(item("rsin", RSIN), item("kvk_nummer", KVK), soortPartij="organisatie")
    rsin, kvk = own(partij, 0), own(partij, 1)
    under_itself = await any_world.call("PATCH", f"{PATH}/{kvk}", {"subIdentificatorVan": {"uuid": kvk}})
    assert under_itself.params == {"subIdentificatorVan": "invalid"}
    both = [item("rsin", RSIN, parent=kvk, uuid=rsin), item("kvk_nummer", KVK, parent=rsin, uuid=kvk)]
    refused = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": both})
    assert refused.params == {"partijIdentificatoren.1.subIdentificatorVan": "invalid"}


async def test_a_child_made_while_its_parent_is_removed_leaves_no_orphan(any_world: World) -> None:
    kvk = await any_world.identificator(item("kvk_nummer", KVK))
    made, removed = await asyncio.gather(
        any_world.call("POST", PATH, item("vestigingsnummer", VESTIGING, parent=kvk["uuid"])),
        any_world.call("DELETE", f"{PATH}/{kvk['uuid']}"),
    )
    assert (made.status, removed.status) in {(201, 400), (400, 204)}


async def test_a_partij_has_one_of_each_kind(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    link: dict[str, Any] = {"identificeerdePartij": {"uuid": partij["uuid"]}}
    refused = await any_world.call("POST", PATH, item("bsn", OTHER_BSN, **link))
    assert refused.params == {"identificeerdePartij": "duplicated"}
    two = persoon(partijIdentificatoren=[item("bsn", OTHER_BSN), item("bsn", THIRD_BSN)])
    nested = await any_world.call("POST", "/partijen", two)
    assert nested.params == {"partijIdentificatoren.identificeerdePartij": "duplicated"}
    assert await values(any_world, partij["uuid"]) == [BSN]


async def test_two_of_a_kind_at_once_end_with_one(any_world: World) -> None:
    partij = await any_world.partij()
    link: dict[str, Any] = {"identificeerdePartij": {"uuid": partij["uuid"]}}
    answers = await asyncio.gather(
        *(any_world.call("POST", PATH, item("bsn", value, **link)) for value in (BSN, OTHER_BSN, THIRD_BSN))
    )
    assert sorted(each.status for each in answers) == [201, 400, 400]
    assert len(await values(any_world, partij["uuid"])) == 1


async def test_an_identificator_joins_moves_and_leaves(any_world: World) -> None:
    first, second = await any_world.partij(), await any_world.partij()
    made = await any_world.identificator(item("bsn", BSN))
    assert made["identificeerdePartij"] is None
    path = f"{PATH}/{made['uuid']}"
    for partij, other in ((first, second), (second, first)):
        moved = await any_world.call("PATCH", path, {"identificeerdePartij": {"uuid": partij["uuid"]}})
        assert moved.body["identificeerdePartij"]["uuid"] == partij["uuid"]
        assert await values(any_world, partij["uuid"]) == [BSN]
        assert await values(any_world, other["uuid"]) == []
    left = await any_world.call("PATCH", path, {"identificeerdePartij": None})
    assert left.body["identificeerdePartij"] is None
    assert await values(any_world, second["uuid"]) == []
    nobody = await any_world.call("PATCH", path, {"identificeerdePartij": {"uuid": NOBODY}})
    assert nobody.params == {"identificeerdePartij.uuid": "does_not_exist"}


async def test_a_list_changes_attaches_makes_and_removes(any_world: World) -> None:
    loose = await any_world.identificator(item("kvk_nummer", KVK))
    partij = await any_world.partij(item("bsn", BSN), item("rsin", RSIN))
    items = [
        item("bsn", OTHER_BSN, uuid=own(partij)),
        item("kvk_nummer", OTHER_KVK, uuid=loose["uuid"], anderePartijIdentificator="x"),
    ]
    changed = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": items})
    assert changed.status == 200
    shown = changed.body["partijIdentificatoren"]
    assert [each["uuid"] for each in shown] == [own(partij), loose["uuid"]]
    assert [each["partijIdentificator"]["objectId"] for each in shown] == [OTHER_BSN, OTHER_KVK]
    assert shown[1]["identificeerdePartij"]["uuid"] == partij["uuid"]
    assert (await any_world.call("GET", f"{PATH}/{own(partij, 1)}")).status == 404
    assert (await any_world.call("GET", f"{PATH}/{loose['uuid']}")).body == shown[1]
    for value, found in ((BSN, []), (OTHER_BSN, [partij["uuid"]]), (OTHER_KVK, [partij["uuid"]]), (RSIN, [])):
        assert await any_world.found("/partijen", partijIdentificator__objectId=value) == found


async def test_a_list_without_ids_makes_everything_anew(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    path = f"/partijen/{partij['uuid']}"
    changed = await any_world.call("PUT", path, persoon(partijIdentificatoren=[item("bsn", BSN)]))
    assert changed.status == 200
    assert own(changed.body) != own(partij)
    assert await any_world.found(PATH) == [own(changed.body)]


async def test_two_identificatoren_of_one_list_can_trade_places(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN), item("rsin", RSIN))
    traded = [item("rsin", RSIN, uuid=own(partij, 0)), item("bsn", BSN, uuid=own(partij, 1))]
    changed = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": traded})
    assert changed.status == 200
    assert await values(any_world, partij["uuid"]) == [RSIN, BSN]
    again = await any_world.call("POST", PATH, item("bsn", BSN))
    assert again.params == {"nonFieldErrors": "unique"}


async def test_a_child_is_found_by_what_its_parent_becomes_in_the_same_list(any_world: World) -> None:
    partij = await any_world.partij(item("kvk_nummer", KVK), soortPartij="organisatie")
    items = [item("vestigingsnummer", VESTIGING, parent=own(partij)), item("kvk_nummer", OTHER_KVK, uuid=own(partij))]
    changed = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": items})
    assert await values(any_world, changed.body["uuid"]) == [VESTIGING, OTHER_KVK]
    for kvk, found in ((KVK, []), (OTHER_KVK, [partij["uuid"]])):
        assert await any_world.found("/partijen", subIdentificatorVan__objectId=kvk) == found


async def test_an_identificator_can_be_taken_over_from_another_partij(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    other = await any_world.partij(item("bsn", OTHER_BSN))
    items = [item("bsn", OTHER_BSN, uuid=own(partij))]
    refused = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": items})
    assert refused.params == {"partijIdentificatoren.0.nonFieldErrors": "unique"}
    stolen = [item("bsn", OTHER_BSN, uuid=own(other))]
    moved = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": stolen})
    assert moved.status == 200
    assert await values(any_world, other["uuid"]) == []


@pytest.mark.parametrize("absent", [{}, {"partijIdentificatoren": None}])
async def test_no_list_leaves_the_identificatoren(any_world: World, absent: dict[str, Any]) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    changed = await any_world.call("PUT", f"/partijen/{partij['uuid']}", persoon(**absent))
    assert changed.body["partijIdentificatoren"] == partij["partijIdentificatoren"]


async def test_a_faulty_list_changes_nothing_and_tells_all(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    items = [
        item("bsn", "123456789"),
        item("kvk_nummer", KVK, uuid=NOBODY),
        {"partijIdentificator": {**identificatie("rsin", RSIN), "codeRegister": "brp"}},
        item("vestigingsnummer", VESTIGING),
    ]
    refused = await any_world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": items})
    assert refused.params == {
        "partijIdentificatoren.0.partijIdentificator.objectId": "invalid",
        "partijIdentificatoren.1.uuid": "does_not_exist",
        "partijIdentificatoren.2.partijIdentificator.codeObjecttype": "invalid",
        "partijIdentificatoren.3.subIdentificatorVan": "invalid",
    }
    assert "123456789" not in refused.raw.decode()
    assert await values(any_world, partij["uuid"]) == [BSN]


async def test_an_identificator_twice_in_a_list_is_refused(world: World) -> None:
    partij = await world.partij(item("bsn", BSN))
    items = [item("bsn", BSN, uuid=own(partij)), item("bsn", BSN, uuid=own(partij))]
    refused = await world.call("PATCH", f"/partijen/{partij['uuid']}", {"partijIdentificatoren": items})
    assert refused.params["partijIdentificatoren.1.uuid"] == "duplicated"


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({}, {"partijIdentificator": "required"}),
        ({"partijIdentificator": None}, {"partijIdentificator": "null"}),
        (
            {"partijIdentificator": {}},
            {f"partijIdentificator.{name}": "required" for name in identificatie("bsn", BSN)},
        ),
        (
            {"partijIdentificator": {**identificatie("bsn", ""), "codeRegister": "x"}},
            {"partijIdentificator.objectId": "blank", "partijIdentificator.codeRegister": "invalid_choice"},
        ),
        (item("bsn", "12345678"), {"partijIdentificator.objectId": "invalid-length"}),
        (item("bsn", "abcdefghi"), {"partijIdentificator.objectId": "only-digits"}),
    ],
)
async def test_what_an_identificator_must_be(world: World, given: dict[str, Any], params: dict[str, str]) -> None:
    assert (await world.call("POST", PATH, given)).params == params


async def test_nothing_is_left_of_what_was_removed(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN), item("rsin", RSIN), nummer="12")
    await any_world.call("DELETE", f"/partijen/{partij['uuid']}")
    documents = any_world.store.for_tenant(PEER_A)
    assert await documents.count(IDENTIFICATOREN.collection) == 0
    assert await documents.count(UNIQUE_KEYS.collection) == 0
