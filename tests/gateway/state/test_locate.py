"""Where a Peer's Manager is found, and what is said when it is not."""

import json

import pytest

from certs.identity import PeerName
from gateway.fsc.names import ManagerAddress
from gateway.http.client import PeerUnreachable
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import manager_address_of
from tests.gateway.harness import (
    CONSUMER,
    DIRECTORY,
    FOREIGN,
    OTHER,
    Federation,
    ForeignPeer,
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
