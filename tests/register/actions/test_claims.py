from register.actions.claims import claim, release
from register.records.unit import Unit
from tests.register.world import PEER_A, World


async def unit_of(world: World) -> Unit:
    return Unit(world.store.for_tenant(PEER_A), await world.keyring.keys(PEER_A))


async def test_the_first_claim_holds_until_it_is_given_up(world: World) -> None:
    first = await unit_of(world)
    assert await claim(first, "k", "a")
    assert await claim(first, "k", "a")
    await first.commit()
    second = await unit_of(world)
    assert not await claim(second, "k", "b")
    await release(second, "k", "b")
    assert not await claim(second, "k", "b")
    await release(second, "k", "a")
    assert await claim(second, "k", "b")
    await second.commit()
    assert not await claim(await unit_of(world), "k", "a")


async def test_giving_up_what_nobody_has_changes_nothing(world: World) -> None:
    unit = await unit_of(world)
    await release(unit, "k", "a")
    await unit.commit()
    assert await claim(await unit_of(world), "k", "b")
