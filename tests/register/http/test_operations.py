from urllib.parse import urlsplit

import pytest

from tests.register.world import API, BSN, NOBODY, OTHER_BSN, World, adres_body, item, persoon

BY_BSN = {"partijIdentificator__codeSoortObjectId": "bsn", "partijIdentificator__objectId": BSN}


async def test_a_new_record_is_located_tagged_and_found(any_world: World) -> None:
    made = await any_world.call("POST", "/partijen", persoon())
    assert made.status == 201
    assert made.headers["Location"] == made.body["url"]
    assert made.body["url"] == f"https://klant.aadorp.test{API}/partijen/{made.body['uuid']}"
    read = await any_world.call("GET", f"/partijen/{made.body['uuid'].upper()}")
    assert (read.status, read.body) == (200, made.body)
    assert read.headers["ETag"] == made.headers["ETag"]


async def test_what_is_not_there_is_not_found(world: World) -> None:
    for method, body in (("GET", None), ("PUT", persoon()), ("PATCH", {}), ("DELETE", None)):
        assert (await world.call(method, f"/partijen/{NOBODY}", body)).status == 404


async def test_a_known_version_is_not_sent_again(world: World) -> None:
    partij = await world.partij()
    path = f"/partijen/{partij['uuid']}"
    tag = (await world.call("GET", path)).headers["ETag"]
    again = await world.call("GET", path, headers={"if-none-match": tag})
    assert (again.status, again.raw, again.headers["ETag"]) == (304, b"", tag)
    await world.call("PATCH", path, {"interneNotitie": "x"})
    assert (await world.call("GET", path, headers={"if-none-match": tag})).status == 200


async def test_a_change_that_rests_on_an_older_version_is_refused(any_world: World) -> None:
    path = f"/partijen/{(await any_world.partij())['uuid']}"
    tag = (await any_world.call("GET", path)).headers["ETag"]
    changed = await any_world.call("PATCH", path, {"interneNotitie": "x"}, headers={"if-match": tag})
    assert changed.status == 200
    for method, body in (("PUT", persoon()), ("PATCH", {}), ("DELETE", None)):
        refused = await any_world.call(method, path, body, headers={"if-match": tag})
        assert (refused.status, refused.body["code"]) == (412, "precondition_failed")
    current = changed.headers["ETag"]
    assert (await any_world.call("DELETE", path, headers={"if-match": current})).status == 204


async def test_put_leaves_what_is_optional_and_asks_for_what_is_required(any_world: World) -> None:
    partij = await any_world.partij(interneNotitie="blijft", bezoekadres={"stad": "Aadorp"})
    path = f"/partijen/{partij['uuid']}"
    replaced = await any_world.call("PUT", path, persoon(indicatieActief=False))
    assert replaced.status == 200
    assert replaced.body == {**partij, "indicatieActief": False}
    refused = await any_world.call("PUT", path, {"indicatieActief": True})
    assert refused.params == {"soortPartij": "required"}


async def test_lists_are_newest_first_in_pages_that_lead_to_each_other(any_world: World) -> None:
    made = [(await any_world.partij())["uuid"] for _ in range(5)]
    seen: list[str] = []
    previous = []
    query = "pageSize=2"
    while query:
        page = await any_world.call("GET", "/partijen", query=query)
        assert page.body["count"] == 5
        seen.extend(each["uuid"] for each in page.body["results"])
        previous.append(page.body["previous"])
        query = urlsplit(page.body["next"] or "").query
    assert seen == made[::-1]
    assert previous[-1] == f"https://klant.aadorp.test{API}/partijen?pageSize=2&page=2"


async def test_pages_beyond_the_end_do_not_exist(world: World) -> None:
    await world.partij()
    for query, status in (("page=2", 404), ("page=x", 404), ("page=1&pageSize=x", 200), ("pageSize=0", 200)):
        assert (await world.call("GET", "/partijen", query=query)).status == status


async def test_unknown_parameters_are_refused_on_lists_and_details(world: World) -> None:
    partij = await world.partij()
    for path in ("/partijen", f"/partijen/{partij['uuid']}", "/partij-identificatoren"):
        refused = await world.call("GET", path, query="onbekend=1")
        assert refused.body["code"] == "invalid"
        assert refused.params == {"nonFieldErrors": "unknown-parameters"}
    assert (await world.call("GET", "/partij-identificatoren", query="expand=x")).status == 400


async def test_a_bsn_that_nobody_has_finds_nobody(any_world: World) -> None:
    await any_world.partij(item("bsn", BSN))
    for value in ("000000000", "12", "onzin", OTHER_BSN, ""):
        answered = await any_world.call("GET", "/partijen", query={**BY_BSN, "partijIdentificator__objectId": value})
        assert (answered.status, answered.body["count"], answered.body["results"]) == (200, 0, [])


async def test_a_bsn_in_a_url_is_discouraged_and_in_a_body_is_not(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    by_get = await any_world.call("GET", "/partijen", query=BY_BSN)
    by_post = await any_world.call("POST", "/partijen/_zoek", BY_BSN)
    assert by_get.body["results"] == by_post.body["results"] == [partij]
    assert by_get.headers["Deprecation"].startswith("@")
    assert "Deprecation" not in by_post.headers
    plain = await any_world.call("GET", "/partijen", query={"soortPartij": "persoon"})
    assert "Deprecation" not in plain.headers


async def test_looking_up_by_bsn_needs_its_own_scope(world: World) -> None:
    await world.partij(item("bsn", BSN))
    for query in (BY_BSN, {"partijIdentificator__objectId": BSN}):
        assert (await world.call("GET", "/partijen", query=query, token="aadorp-lezer")).status == 403
        assert (await world.call("POST", "/partijen/_zoek", query, token="aadorp-lezer")).status == 403
    assert (await world.call("GET", "/partijen", token="aadorp-lezer")).status == 200
    by_kvk = {"partijIdentificator__objectId": "12345678"}
    assert (await world.call("GET", "/partijen", query=by_kvk, token="aadorp-lezer")).status == 200


async def test_links_of_a_lookup_by_bsn_hold_no_bsn_and_can_be_followed(any_world: World) -> None:
    partij = await any_world.partij(item("bsn", BSN))
    for name in ("a", "b", "c"):
        await any_world.adres(partij["uuid"], "overig", name)
    prefix = "verstrektDoorPartij__partijIdentificator__"
    query = {f"{prefix}objectId": BSN, f"{prefix}codeSoortObjectId": "bsn", "pageSize": "2"}
    first = await any_world.call("GET", "/digitaleadressen", query=query)
    assert first.body["count"] == 3
    assert BSN not in first.body["next"]
    second = await any_world.call("GET", "/digitaleadressen", query=urlsplit(first.body["next"]).query)
    assert [each["adres"] for each in first.body["results"] + second.body["results"]] == ["c", "b", "a"]
    assert BSN not in second.body["previous"]
    denied = await any_world.call(
        "GET", "/digitaleadressen", query=urlsplit(first.body["next"]).query, token="aadorp-lezer"
    )
    assert denied.status == 403
    junk = await any_world.call("GET", "/digitaleadressen", query={f"{prefix}objectId": "~1.junk"})
    assert (junk.status, junk.body["count"]) == (200, 0)


async def test_search_pages_by_body_or_by_link(any_world: World) -> None:
    for _ in range(3):
        await any_world.partij()
    first = await any_world.call("POST", "/partijen/_zoek", {"soortPartij": "persoon", "pageSize": 2})
    assert first.body["next"] == f"https://klant.aadorp.test{API}/partijen/_zoek?pageSize=2&page=2"
    query = urlsplit(first.body["next"]).query
    second = await any_world.call("POST", "/partijen/_zoek", {"soortPartij": "persoon"}, query=query)
    assert (len(first.body["results"]), len(second.body["results"])) == (2, 1)


@pytest.mark.parametrize("body", [{"onbekend": "x"}, {"soortPartij": "x"}, {"soortPartij": ["x"]}, {"expand": "x"}])
async def test_a_search_is_checked_as_a_query_is(world: World, body: dict[str, object]) -> None:
    assert (await world.call("POST", "/partijen/_zoek", body)).status == 400


async def test_a_key_of_a_search_that_is_unknown_is_not_repeated(world: World) -> None:
    refused = await world.call("POST", "/partijen/_zoek", {BSN: {}})
    assert refused.params == {"nonFieldErrors": "unknown-parameters"}
    assert BSN not in refused.raw.decode()


async def test_expand_is_there_when_asked_for_in_either_spelling(any_world: World) -> None:
    partij = await any_world.partij()
    empty = await any_world.partij()
    adres = await any_world.adres(partij["uuid"], "email", "a@example.nl")
    listed = await any_world.call("GET", "/partijen", query="expand=digitale_adressen,betrokkenen.hadKlantcontact")
    assert [each["_expand"] for each in listed.body["results"]] == [
        {"digitaleAdressen": [], "betrokkenen": []},
        {"digitaleAdressen": [adres], "betrokkenen": []},
    ]
    detail = await any_world.call(
        "GET", f"/partijen/{empty['uuid']}", query="expand=digitaleAdressen&expand=betrokkenen"
    )
    assert detail.body["_expand"] == {"digitaleAdressen": [], "betrokkenen": []}
    assert "_expand" not in (await any_world.call("GET", f"/partijen/{empty['uuid']}")).body
    assert (await any_world.call("GET", "/partijen", query="expand=x")).params == {"expand": "invalid_choice"}


async def test_all_faults_of_a_body_are_told_at_once(world: World) -> None:
    body = adres_body(NOBODY, "email", "onzin", omschrijving="x" * 41, isStandaardAdres="ja")
    refused = await world.call("POST", "/digitaleadressen", body)
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert refused.params == {
        "adres": "invalid",
        "omschrijving": "max_length",
        "isStandaardAdres": "invalid",
        "verstrektDoorPartij.uuid": "does_not_exist",
    }
