"""Where a Peer's Manager is found, and what is said when it is not."""

import asyncio
import json

import pytest

from certs.identity import PeerName
from gateway.fsc.names import ManagerAddress
from gateway.http.client import PeerUnreachable
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import PeerUnknown, call_manager, manager_address_of
from tests.gateway.harness import (
    CONSUMER,
    DIRECTORY,
    FOREIGN,
    OTHER,
    Federation,
    ForeignPeer,
    eventually,
    federation,
    make_group,
)

ADDRESS = ManagerAddress("https://manager.example.test:8443")


async def asking(group: Federation, *directories: ForeignPeer) -> LocalPeer:
    rules = make_group(directories={one.peer_id: one.address for one in directories})
    return (await group.host(CONSUMER, group=rules)).peer


def peers(*listed: object) -> bytes:
    return json.dumps({"peers": listed, "pagination": {"next_cursor": ""}}).encode()


GOOD = {"id": FOREIGN, "name": "Gemeente", "manager_address": "https://MANAGER.example.test:8443"}


async def test_a_directory_is_where_the_group_says() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        peer = await asking(group, directory)
        await peer.peers.remember(DIRECTORY, PeerName("x"), ADDRESS, now=1)
        assert await manager_address_of(peer, DIRECTORY) == directory.address
        assert directory.received == []


async def test_a_known_peer_is_where_it_said() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ADDRESS, now=1)
        assert await manager_address_of(peer, FOREIGN) == ADDRESS
        assert directory.received == []


async def test_an_unknown_peer_is_asked_for_once_and_remembered() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        directory.status = 200
        directory.pages["/v1/peers"] = peers({"id": OTHER, "name": 5}, GOOD)
        peer = await asking(group, directory)
        for _ in range(2):
            assert await manager_address_of(peer, FOREIGN) == ADDRESS
        assert len(directory.received) == 1
        known = await peer.peers.get(FOREIGN)
        assert known is not None
        assert known.name == "Gemeente"


async def test_the_next_directory_is_asked_when_one_does_not_know() -> None:
    async with federation() as group:
        gone = await group.foreign(OTHER, listen=False)
        directory = await group.foreign(DIRECTORY)
        directory.status = 200
        directory.pages["/v1/peers"] = peers(GOOD)
        assert await manager_address_of(await asking(group, gone, directory), FOREIGN) == ADDRESS


async def test_without_a_directory_the_remedy_is_told() -> None:
    async with federation() as group:
        with pytest.raises(PeerUnreachable, match="no Directory to ask"):
            await manager_address_of(await asking(group), FOREIGN)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (peers(), "does not know it"),
        (peers({**GOOD, "id": OTHER}), "does not know it"),
        (peers({**GOOD, "manager_address": "http://manager.example.test"}), "unreadable"),
        (peers({**GOOD, "manager_address": None}), "unreadable"),
        (peers({**GOOD, "name": 5}), "unreadable"),
        (peers({"id": FOREIGN}), "unreadable"),
        (peers(5), "unreadable"),
        (b'{"peers": 5}', "unreadable"),
        (b'{"peers": {"id": 1}}', "unreadable"),
        (b"<html>", "unreadable"),
        (b'{"peers": ' + b"[" * 100_000, "unreadable"),
        (peers(GOOD).replace(b"Gemeente", b"\\ud800"), "unreadable"),
    ],
)
async def test_whatever_a_directory_answers_is_told_and_no_crash(body: bytes, told: str) -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        directory.pages["/v1/peers"] = body
        peer = await asking(group, directory)
        with pytest.raises(PeerUnreachable, match=told):
            await manager_address_of(peer, FOREIGN)
        assert await peer.peers.get(FOREIGN) is None


async def test_a_directory_that_refuses_is_told() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        directory.status = 403
        with pytest.raises(PeerUnreachable, match="answered 403"):
            await manager_address_of(await asking(group, directory), FOREIGN)


# -- a Peer that moved


async def calling(peer: LocalPeer) -> int:
    return (await call_manager(peer, FOREIGN, "GET", "/v1/peer")).status


async def known_address(peer: LocalPeer) -> str:
    known = await peer.peers.get(FOREIGN)
    assert known is not None
    return known.manager_address


async def test_where_a_peer_answers_nobody_else_is_asked() -> None:
    async with federation() as group:
        directory, foreign = await group.foreign(DIRECTORY), await group.foreign()
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress(foreign.address), now=1)
        foreign.status = 500
        assert await calling(peer) == 500
        assert directory.received == []


async def test_a_peer_that_moved_is_found_through_the_directory_and_remembered_there() -> None:
    async with federation() as group:
        directory, foreign = await group.foreign(DIRECTORY), await group.foreign()
        directory.status = foreign.status = 200
        directory.pages["/v1/peers"] = peers({**GOOD, "manager_address": foreign.address})
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress("https://localhost:9"), now=1)
        for _ in range(2):
            assert await calling(peer) == 200
        assert await known_address(peer) == foreign.address
        assert len(directory.received) == 1


@pytest.mark.parametrize(
    ("listed", "why"),
    [("https://localhost:9", "the same"), ("https://localhost:7", "nobody answers there either")],
)
async def test_a_directory_that_knows_no_better_changes_nothing(listed: str, why: str) -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY)
        directory.status = 200
        directory.pages["/v1/peers"] = peers({**GOOD, "manager_address": listed})
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress("https://localhost:9"), now=1)
        with pytest.raises(PeerUnreachable, match="localhost:9"):
            await calling(peer)
        assert await known_address(peer) == "https://localhost:9", why


async def test_a_directory_cannot_lead_us_to_another_peer() -> None:
    async with federation() as group:
        directory, other = await group.foreign(DIRECTORY), await group.foreign(OTHER)
        directory.status = other.status = 200
        directory.pages["/v1/peers"] = peers({**GOOD, "manager_address": other.address})
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress("https://localhost:9"), now=1)
        with pytest.raises(PeerUnreachable, match="localhost:9"):
            await calling(peer)
        assert (other.received, await known_address(peer)) == ([], "https://localhost:9")


async def test_what_the_peer_tells_us_meanwhile_is_kept() -> None:
    async with federation() as group:
        directory, foreign = await group.foreign(DIRECTORY), await group.foreign()
        directory.status = foreign.status = 200
        directory.pages["/v1/peers"] = peers({**GOOD, "manager_address": foreign.address})
        foreign.pause = asyncio.Event()
        peer = await asking(group, directory)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress("https://localhost:9"), now=1)
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(calling(peer))
            await eventually(lambda: bool(foreign.received))
            await peer.peers.remember(FOREIGN, PeerName("x"), ADDRESS, now=2)
            foreign.pause.set()
        assert task.result() == 200
        assert await known_address(peer) == ADDRESS


async def test_a_directory_that_is_away_is_asked_nothing_about_itself() -> None:
    async with federation() as group:
        directory = await group.foreign(DIRECTORY, listen=False)
        peer = await asking(group, directory)
        with pytest.raises(PeerUnreachable):
            await call_manager(peer, DIRECTORY, "GET", "/v1/peer")


async def test_nobody_knowing_a_peer_is_told_apart_from_its_being_away() -> None:
    async with federation() as group:
        peer = await asking(group)
        with pytest.raises(PeerUnknown):
            await calling(peer)
        await peer.peers.remember(FOREIGN, PeerName("x"), ManagerAddress("https://localhost:9"), now=1)
        with pytest.raises(PeerUnreachable) as raised:
            await calling(peer)
        assert not isinstance(raised.value, PeerUnknown)
