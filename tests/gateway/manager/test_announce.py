"""Announcing ourselves: until every Directory knows, and no more often than needed."""

from dataclasses import replace

import pytest

from gateway.fsc.names import ManagerAddress
from gateway.manager.announce import REPEAT_S, Announcer
from gateway.state.local_peer import LocalPeer
from tests.gateway.harness import CONSUMER, DIRECTORY, OTHER, Federation, ForeignPeer, make_group


async def announcing(group: Federation, *directories: ForeignPeer) -> LocalPeer:
    rules = make_group(directories={one.peer_id: one.address for one in directories})
    return (await group.host(CONSUMER, group=rules)).peer


@pytest.fixture
async def directory(group: Federation) -> ForeignPeer:
    directory = await group.foreign(DIRECTORY)
    directory.status = 200
    return directory


async def test_a_real_directory_knows_us_afterwards(group: Federation) -> None:
    hosted = await group.host(DIRECTORY, directory=True)
    rules = make_group(directories={DIRECTORY: hosted.peer.tenant.manager_address})
    peer = (await group.host(CONSUMER, group=rules)).peer
    assert await Announcer(peer).announce_due()
    known = await hosted.peer.peers.get(CONSUMER)
    assert known is not None
    assert (known.name, known.manager_address) == (peer.tenant.name, peer.tenant.manager_address)


async def test_a_directory_does_not_announce_itself_to_itself(group: Federation) -> None:
    hosted = await group.host(DIRECTORY, directory=True)
    rules = make_group(directories={DIRECTORY: hosted.peer.tenant.manager_address})
    peer = (await group.host_tenant(replace(hosted.peer.tenant, group=rules))).peer
    assert await Announcer(peer).announce_due()
    assert await peer.peers.get(DIRECTORY) is None


async def test_without_directories_there_is_nothing_to_do(group: Federation) -> None:
    assert await Announcer(await announcing(group)).announce_due()


async def test_a_directory_is_told_once_and_again_within_the_hour(group: Federation, directory: ForeignPeer) -> None:
    peer = await announcing(group, directory)
    announcer = Announcer(peer)
    for _ in range(3):
        assert await announcer.announce_due()
    group.clock.advance(REPEAT_S - 1)
    await announcer.announce_due()
    assert len(directory.received) == 1
    group.clock.advance(1)
    await announcer.announce_due()
    assert len(directory.received) == 2
    got = directory.received[0]
    assert (got.method, got.path) == ("PUT", "/v1/announce")
    assert got.headers["Fsc-Manager-Address"] == peer.tenant.manager_address


async def test_a_new_address_is_told_at_once(group: Federation, directory: ForeignPeer) -> None:
    peer = await announcing(group, directory)
    announcer = Announcer(peer)
    await announcer.announce_due()
    peer.tenant = replace(peer.tenant, manager_address=ManagerAddress("https://new.example.test:8443"))
    await announcer.announce_due()
    assert directory.received[-1].headers["Fsc-Manager-Address"] == "https://new.example.test:8443"


async def test_a_directory_that_is_away_is_tried_with_growing_pauses(group: Federation) -> None:
    directory = await group.foreign(DIRECTORY, listen=False)
    peer = await announcing(group, directory)
    announcer = Announcer(peer)
    assert not await announcer.announce_due()
    await group.open(directory)
    directory.status = 200
    peer.tenant = replace(
        peer.tenant, group=replace(peer.tenant.group, directories={DIRECTORY: ManagerAddress(directory.address)})
    )
    assert not await announcer.announce_due()
    assert directory.received == []
    group.clock.advance(1)
    assert await announcer.announce_due()


@pytest.mark.parametrize("status", [400, 404, 500])
async def test_a_refusal_counts_as_not_told_and_pauses_double(
    group: Federation, directory: ForeignPeer, status: int
) -> None:
    directory.status = status
    announcer = Announcer(await announcing(group, directory))
    tried_at = []
    for second in range(8):
        before = len(directory.received)
        assert not await announcer.announce_due()
        if len(directory.received) > before:
            tried_at.append(second)
        group.clock.advance(1)
    assert tried_at == [0, 1, 3, 7]


async def test_one_directory_that_is_away_does_not_keep_the_others_from_knowing(
    group: Federation, directory: ForeignPeer
) -> None:
    gone = await group.foreign(OTHER, listen=False)
    assert not await Announcer(await announcing(group, gone, directory)).announce_due()
    assert len(directory.received) == 1
