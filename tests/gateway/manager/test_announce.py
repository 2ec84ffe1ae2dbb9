"""Announcing ourselves: until every Directory knows, and no more often than needed."""

from dataclasses import replace

import pytest

from certs.identity import PeerName
from gateway.fsc.names import ManagerAddress
from gateway.fsc.signature import SignatureType
from gateway.manager.announce import REPEAT_S, Announcer
from gateway.manager.contracts import add_our_signature, offer
from gateway.state.local_peer import LocalPeer
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    ForeignPeer,
    connection,
    make_group,
)


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
    group.clock.advance(-60)  # the clock went back
    await announcer.announce_due()
    assert len(directory.received) == 3
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


# -- the Peers we share a Contract with


NEW = ManagerAddress("https://new.example.test:8443")


async def sharing(peer: LocalPeer, *others: ForeignPeer, days: int = 30) -> None:
    """A Contract with each of these Peers, whose address we know."""
    now = peer.clock.now()
    for other in others:
        await peer.peers.remember(other.peer_id, PeerName("x"), ManagerAddress(other.address), now=1)
        grant = connection(peer.signing_pair(), CONSUMER, other.peer_id)
        await offer(peer, (grant,), not_before=now, not_after=now + days * DAY_S, created_at=now, remark="")


def moved(peer: LocalPeer, address: ManagerAddress = NEW) -> None:
    peer.tenant = replace(peer.tenant, manager_address=address)


def heard(other: ForeignPeer) -> list[str]:
    return [one.headers["Fsc-Manager-Address"] for one in other.received if one.path == "/v1/announce"]


async def test_who_shares_a_contract_with_us_hears_a_new_address_once(group: Federation) -> None:
    foreign, other, stranger = await group.foreign(), await group.foreign(OTHER), await group.foreign(PROVIDER)
    peer = await announcing(group)
    await sharing(peer, foreign, other)
    await peer.peers.remember(PROVIDER, PeerName("x"), ManagerAddress(stranger.address), now=1)
    announcer = Announcer(peer)
    foreign.status = other.status = 200
    assert await announcer.announce_due()
    assert foreign.received == other.received == []
    moved(peer)
    for _ in range(3):
        assert await announcer.announce_due()
    assert (heard(foreign), heard(other), stranger.received) == ([NEW], [NEW], [])


async def test_a_change_made_while_we_were_down_is_told_after_the_start(group: Federation) -> None:
    foreign, other = await group.foreign(), await group.foreign(OTHER)
    peer = await announcing(group)
    await sharing(peer, foreign, other)
    await Announcer(peer).announce_due()
    moved(peer)
    foreign.status, other.status = 200, 500
    assert not await Announcer(peer).announce_due()
    other.status = 200
    assert await Announcer(peer).announce_due(), "as after another restart: only who has not heard is told"
    assert (heard(foreign), heard(other)) == ([NEW], [NEW, NEW])
    assert await Announcer(peer).announce_due()
    assert len(heard(other)) == 2


async def test_who_is_away_hears_it_later_and_keeps_nobody_else_waiting(group: Federation) -> None:
    gone, foreign = await group.foreign(OTHER, listen=False), await group.foreign()
    peer = await announcing(group)
    await sharing(peer, gone, foreign)
    announcer = Announcer(peer)
    await announcer.announce_due()
    moved(peer)
    foreign.status = gone.status = 200
    assert not await announcer.announce_due()
    assert heard(foreign) == [NEW]
    await group.open(gone)
    await peer.peers.remember(OTHER, PeerName("x"), ManagerAddress(gone.address), now=1)
    assert not await announcer.announce_due()
    group.clock.advance(1)
    assert await announcer.announce_due()
    assert heard(gone) == [NEW]


async def test_whose_last_contract_ended_need_not_hear_it(group: Federation) -> None:
    foreign = await group.foreign(listen=False)
    peer = await announcing(group)
    await sharing(peer, foreign)
    announcer = Announcer(peer)
    await announcer.announce_due()
    moved(peer)
    assert not await announcer.announce_due()
    (content_hash,) = peer.contracts.view.parties.shared_with(FOREIGN)
    await add_our_signature(peer, content_hash, SignatureType.REVOKE, remark="")
    group.clock.advance(60)
    assert await announcer.announce_due()


async def test_a_store_that_is_away_is_told_and_tried_again(group: Federation) -> None:
    foreign = await group.foreign()
    foreign.status = 200
    peer = await announcing(group)
    await sharing(peer, foreign)
    announcer = Announcer(peer)
    await announcer.announce_due()
    moved(peer)
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    documents.available = False
    with pytest.raises(StoreUnavailable):
        await announcer.announce_due()
    documents.available = True
    assert await announcer.announce_due()
    assert heard(foreign) == [NEW]
