from itertools import islice

import pytest

from register.errors import ValidatieFout
from register.model.elfproef import passes_elfproef
from register.synthetic import load_people, synthetic_bsns, synthetic_people
from tests.register.world import PEER_A, PEER_B, World


def test_bsns_pass_the_eleven_test_and_lie_where_none_is_given_out() -> None:
    bsns = list(islice(synthetic_bsns(), 9_090))
    assert len(set(bsns)) == len(bsns)
    assert all(passes_elfproef(each) for each in bsns)
    assert {each[:4] for each in bsns} == {"9999"}
    assert next(islice(synthetic_bsns(), 9_091, None)).startswith("999")


def test_the_same_seed_gives_the_same_people() -> None:
    ten, twenty = list(synthetic_people(10, seed=7)), list(synthetic_people(20, seed=7))
    assert twenty[:10] == ten
    assert list(synthetic_people(10, seed=8)) != ten
    assert ten[0].bsn not in repr(ten[0])


async def test_people_are_loaded_as_if_they_were_posted(any_world: World) -> None:
    loaded = await load_people(any_world.store, any_world.keyring, PEER_A, 250, now_ms=1_000)
    assert loaded == 250
    for place in (0, 249):
        person = list(synthetic_people(250))[place]
        query = {"partijIdentificator__objectId": person.bsn, "expand": "digitaleAdressen"}
        (partij,) = (await any_world.call("GET", "/partijen", query=query)).body["results"]
        assert partij["bezoekadres"]["straatnaam"] == person.partij["bezoekadres"]["straatnaam"]
        shown = [each["adres"] for each in partij["_expand"]["digitaleAdressen"]]
        assert shown == [each["adres"] for each in person.adressen]
    assert (await any_world.call("GET", "/partijen")).body["count"] == 250


async def test_people_are_loaded_once_for_a_tenant(world: World) -> None:
    await load_people(world.store, world.keyring, PEER_A, 3, now_ms=1_000)
    with pytest.raises(ValidatieFout):
        await load_people(world.store, world.keyring, PEER_A, 3, now_ms=1_000)
    assert await load_people(world.store, world.keyring, PEER_B, 3, now_ms=1_000) == 3
