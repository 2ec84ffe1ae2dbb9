"""Which publications are listed, and as what; the endpoint itself is tested in test_handlers."""

from typing import Any

from certs.identity import PeerId, PeerName
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.manager.directory import listing, publications
from gateway.state.publication_index import HeldPublication
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    delegated_publication,
    make_content,
    publication,
)

ACCEPT = accepting("service_publication", "service_connection")


async def listed(group: Federation, *grants: Grant, **changes: Any) -> tuple[HostedPeer, ForeignPeer, JsonObject]:
    """A Directory with one Contract of these Grants, accepted by both."""
    hosted = await group.host(DIRECTORY, directory=True, accept=(ACCEPT,))
    foreign = await group.foreign()
    content = make_content(*grants, now=group.clock.now(), **changes)
    assert (await foreign.submit(hosted.peer, content)).status == 201
    return hosted, foreign, content


def found(hosted: HostedPeer, *, peer_id: str | None = None, service_name: str | None = None) -> list[HeldPublication]:
    return list(publications(hosted.peer, peer_id=peer_id, service_name=service_name, descending=False))


async def test_every_grant_of_a_contract_is_listed(group: Federation) -> None:
    grants = [publication(DIRECTORY, FOREIGN, name) for name in ("b", "a")]
    hosted, _, _ = await listed(group, *grants)
    assert {one.grant.service_name for one in found(hosted)} == {"a", "b"}
    places = [one.place for one in found(hosted)]
    assert places == sorted(places)
    descending = publications(hosted.peer, peer_id=None, service_name=None, descending=True)
    assert [one.place for one in descending] == places[::-1]


async def test_other_grants_are_not_listed(group: Federation) -> None:
    foreign = await group.foreign(OTHER)
    hosted, _, _ = await listed(group, connection(foreign.pair, FOREIGN, DIRECTORY))
    assert found(hosted) == []


async def test_a_publication_counts_from_its_beginning_until_its_end(group: Federation) -> None:
    now = group.clock.now()
    validity = {"not_before": now + 100, "not_after": now + DAY_S}
    hosted, _, _ = await listed(group, publication(DIRECTORY, FOREIGN), validity=validity)
    seen = []
    for step_s in (99, 1, DAY_S - 101, 1):
        group.clock.advance(step_s)
        seen.append(len(found(hosted)))
    assert seen == [0, 1, 1, 0]


async def test_a_rejected_publication_is_not_listed(group: Federation) -> None:
    hosted, foreign, content = await listed(group, publication(DIRECTORY, FOREIGN))
    assert len(found(hosted)) == 1
    await foreign.put(hosted.peer, content, SignatureType.REJECT)
    assert found(hosted) == []


async def test_either_filter_is_enough(group: Federation) -> None:
    hosted, _, _ = await listed(group, publication(DIRECTORY, FOREIGN, "Straat"))
    assert len(found(hosted, peer_id=FOREIGN)) == len(found(hosted, service_name="STRAAT")) == 1
    assert len(found(hosted, peer_id=OTHER, service_name="str")) == 1
    assert len(found(hosted, peer_id=FOREIGN, service_name="nothing")) == 1
    assert found(hosted, peer_id=FOREIGN[:5]) == found(hosted, service_name="x") == []


async def test_a_peer_of_which_nothing_is_known_is_listed_without_name(group: Federation) -> None:
    hosted = await group.host(DIRECTORY, directory=True)
    one = delegated_publication(DIRECTORY, OTHER, FOREIGN)
    (entry,) = await listing(hosted.peer, [one])
    assert entry["data"]["peer"] == {"id": OTHER, "name": "", "manager_address": ""}
    assert entry["data"]["delegator"] == {"peer_id": FOREIGN, "peer_name": ""}
    await hosted.peer.peers.remember(
        PeerId(OTHER), PeerName("Other"), hosted.peer.tenant.manager_address, now=group.clock.now()
    )
    (entry,) = await listing(hosted.peer, [one])
    assert entry["data"]["peer"]["name"] == "Other"


async def test_we_know_ourselves(group: Federation) -> None:
    hosted = await group.host(DIRECTORY, directory=True)
    (entry,) = await listing(hosted.peer, [publication(DIRECTORY, DIRECTORY)])
    assert entry["data"]["peer"]["manager_address"] == hosted.peer.tenant.manager_address


async def test_nothing_is_listed_as_nothing(group: Federation) -> None:
    hosted = await group.host(DIRECTORY, directory=True)
    assert await listing(hosted.peer, []) == []
