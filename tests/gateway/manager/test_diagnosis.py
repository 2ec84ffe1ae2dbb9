"""The order of the doctor's steps, and that what fails stops what needs it and nothing else."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from aiohttp import web

from certs.identity import PeerId
from gateway.fsc.jcs import JsonObject
from gateway.manager import diagnosis
from gateway.manager.diagnosis import Outcome, Step, diagnose
from klantenregister.hosting import HostedPeer
from tests.gateway.dataplane import DataPlane, inway_name, manager_name
from tests.gateway.dataplane import plane as plane
from tests.gateway.harness import (
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    accepting,
    authority,
    connection,
    eventually,
    federation,
    key_pair,
    make_content,
    make_group,
    offering,
    working,
)
from tests.gateway.material import ECHO, STRANGER
from tests.gateway.material import PROVIDER as ECHO_PROVIDER
from tests.gateway.material import authority as echo_authority
from tests.gateway.material import key_pair as echo_pair


def outcomes(steps: Sequence[Step], subject: str) -> list[tuple[str, Outcome]]:
    return [(step.name, step.outcome) for step in steps if step.subject == subject]


def failed(steps: Sequence[Step]) -> Step:
    (step,) = [step for step in steps if step.outcome is Outcome.FAILED]
    return step


def ended(outcome: Outcome, *names: str) -> list[tuple[str, Outcome]]:
    return [(name, outcome) for name in names]


async def ours(group: Federation, *, directory: bool = True) -> HostedPeer:
    """A Peer of ours whose certificate is as it should be, and the Directory that it is in."""
    rules = make_group()
    if directory:
        address = f"https://manager-{DIRECTORY}.localhost:{group.port}"
        rules = make_group(directories={DIRECTORY: address})
        await group.host(DIRECTORY, group=rules, directory=True)
    names = [f"{part}-{PROVIDER}.localhost" for part in ("manager", "inway")]
    pair = authority().issue(peer_id=PROVIDER, name=f"Peer {PROVIDER}", dns_names=names)
    return await group.host(PROVIDER, group=rules, key_pairs=(pair,))


# -- ourselves and the Directories


async def test_without_a_peer_we_and_the_directories_are_examined() -> None:
    async with federation() as group:
        hosted = await ours(group)
        steps = await diagnose(hosted.peer, None)
        assert failed(steps).seen == f"Directory {DIRECTORY} does not know us"
        async with working(hosted):
            directory = group.hosts.peer(DIRECTORY)
            assert directory is not None
            async with asyncio.timeout(5):
                while await directory.peers.get(PROVIDER) is None:  # noqa: ASYNC110 - the store tells nobody
                    await asyncio.sleep(0.01)
        steps = await diagnose(hosted.peer, None)
    assert all(step.outcome is not Outcome.FAILED for step in steps)
    assert outcomes(steps, "ours") == ended(Outcome.OK, "certificate", "revocation", "jwks")
    assert outcomes(steps, "our Manager") == ended(Outcome.OK, "dns", "tcp", "tls", "manager")
    assert outcomes(steps, "our Inway") == ended(Outcome.SKIPPED, "inway")
    names = ("address", "dns", "tcp", "tls", "manager", "clock", "announce", "jwks")
    assert outcomes(steps, DIRECTORY) == ended(Outcome.OK, *names)


async def test_without_a_certificate_nothing_else_is_tried() -> None:
    async with federation() as group:
        hosted = await ours(group)
        hosted.peer.tenant = replace(hosted.peer.tenant, key_pairs=())
        steps = await diagnose(hosted.peer, FOREIGN)
    certificate, rest = steps
    assert (certificate.name, certificate.outcome) == ("certificate", Outcome.FAILED)
    assert "renew our certificate" in certificate.remedy
    assert rest.outcome is Outcome.SKIPPED


async def test_a_directory_that_is_down_stops_what_needs_it() -> None:
    async with federation() as group:
        hosted = await ours(group, directory=False)
        rules = make_group(directories={DIRECTORY: f"https://{DIRECTORY}.localhost:9"})
        hosted.peer.tenant = replace(hosted.peer.tenant, group=rules)
        steps = await diagnose(hosted.peer, None)
    assert outcomes(steps, DIRECTORY) == [
        *ended(Outcome.OK, "address", "dns"),
        *ended(Outcome.FAILED, "tcp"),
        *ended(Outcome.SKIPPED, "tls", "manager", "clock", "announce", "jwks"),
    ]
    assert "nothing listens there" in failed(steps).remedy


# -- another Peer


async def test_a_peer_that_nobody_knows() -> None:
    async with federation() as group:
        hosted = await ours(group, directory=False)
        steps = await diagnose(hosted.peer, FOREIGN)
    assert outcomes(steps, FOREIGN)[:2] == [("address", Outcome.FAILED), ("dns", Outcome.SKIPPED)]
    assert [step.name for step in steps if step.outcome is Outcome.FAILED] == ["address", "contract"]


async def test_another_peer_at_its_address() -> None:
    async with federation() as group:
        hosted = await ours(group, directory=False)
        foreign = await group.foreign(FOREIGN)
        await foreign.announce(hosted.peer)
        impostor = await group.foreign(OTHER, key_pair(OTHER, host=f"{FOREIGN}.localhost"))
        port = impostor.address.rpartition(":")[2]
        foreign.address = f"https://{FOREIGN}.localhost:{port}"
        await foreign.announce(hosted.peer)
        steps = await diagnose(hosted.peer, FOREIGN)
    tls = next(step for step in steps if step.outcome is Outcome.FAILED)
    assert tls.name == "tls"
    assert f"reached Peer {OTHER} where Peer {FOREIGN} was meant" in tls.seen
    assert tls.remedy.startswith("another Peer answers there")
    assert ("manager", Outcome.SKIPPED) in outcomes(steps, FOREIGN)


async def test_a_manager_that_says_nothing_costs_no_more_than_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "STEP_S", 0.2)
    async with federation() as group:
        hosted = await ours(group, directory=False)
        foreign = await group.foreign()
        await foreign.announce(hosted.peer)
        foreign.pause = asyncio.Event()
        steps = await diagnose(hosted.peer, FOREIGN)
        foreign.pause.set()
    manager = next(step for step in steps if step.outcome is Outcome.FAILED)
    assert (manager.name, manager.seen) == ("manager", "no answer in time")
    assert manager.took_ms >= 190
    assert ("clock", Outcome.SKIPPED) in outcomes(steps, FOREIGN)


async def test_when_the_time_is_up_the_rest_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "ALL_S", 0.0)
    async with federation() as group:
        hosted = await ours(group, directory=False)
        steps = await diagnose(hosted.peer, None)
    assert {step.outcome for step in steps} == {Outcome.SKIPPED}
    assert "no time is left" in steps[0].seen


async def test_a_consumer_of_ours_is_examined_as_far_as_we_can() -> None:
    async with federation() as group:
        hosted = await ours(group, directory=False)
        rule = accepting("service_connection")
        hosted.peer.tenant = replace(hosted.peer.tenant, services=offering(SERVICE), accept=(rule,))
        foreign = await group.foreign()
        content: JsonObject = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
        assert (await foreign.submit(hosted.peer, content)).status == 201
        await eventually(lambda: bool(hosted.peer.contracts.view.valid(group.clock.now())))
        steps = await diagnose(hosted.peer, FOREIGN)
    assert outcomes(steps, f"{PROVIDER}/{SERVICE} for {FOREIGN}") == [
        ("contract", Outcome.OK),
        *ended(Outcome.SKIPPED, "token", "inway"),
    ]


# -- token, Inway and service, between two real ends


ECHO_PEER: PeerId = ECHO_PROVIDER
WHAT = f"{ECHO_PROVIDER}/{ECHO}"


async def test_the_way_to_a_service_ends_at_its_inway(plane: DataPlane) -> None:
    steps = await diagnose(plane.consumer, ECHO_PEER)
    assert outcomes(steps, WHAT) == ended(Outcome.OK, "contract", "token", "inway")
    assert plane.service.connections == 0
    assert await plane.consumer_records() == await plane.provider_records() == []


async def test_a_call_is_logged_on_both_sides(plane: DataPlane) -> None:
    steps = await diagnose(plane.consumer, ECHO_PEER, call="/path?query")
    assert outcomes(steps, WHAT) == ended(Outcome.OK, "contract", "token", "inway", "service")
    (received,) = plane.service.received
    assert (received.head.method, received.head.target) == ("GET", "/path?query")
    (ours,), (theirs,) = await plane.consumer_records(), await plane.provider_records()
    assert ours.transaction_id == theirs.transaction_id


async def test_a_service_that_is_down_is_not_the_fault_of_the_inway(plane: DataPlane) -> None:
    plane.upstream_at(9)
    steps = await diagnose(plane.consumer, ECHO_PEER, call="/")
    assert outcomes(steps, WHAT)[-2:] == [("inway", Outcome.OK), ("service", Outcome.FAILED)]
    assert "the service behind it does not" in next(step for step in steps if step.name == "service").remedy


@pytest.mark.parametrize(
    ("error", "remedy"), [("unauthorized_client", "another key"), ("invalid_grant", "is not valid at that side")]
)
async def test_a_refused_token_tells_what_was_said_and_what_to_do(plane: DataPlane, error: str, remedy: str) -> None:
    body = {"error": error, "error_description": "this is why"}
    plane.manager.answer = lambda: web.json_response(body, status=400)
    steps = await diagnose(plane.consumer, ECHO_PEER)
    token = next(step for step in steps if step.name == "token")
    assert token.outcome is Outcome.FAILED
    assert "this is why" in token.seen
    assert remedy in token.remedy
    assert outcomes(steps, WHAT)[-1] == ("inway", Outcome.SKIPPED)


async def test_an_inway_of_another_peer_is_not_the_one_that_was_meant(plane: DataPlane) -> None:
    names = [inway_name(ECHO_PROVIDER)]
    plane.served_with[names[0]] = echo_authority().issue(peer_id=STRANGER, name="Stranger", dns_names=names)
    steps = await diagnose(plane.consumer, ECHO_PEER, call="/")
    inway = next(step for step in steps if step.name == "inway" and step.subject == WHAT)
    assert inway.outcome is Outcome.FAILED
    assert inway.remedy.startswith("another Peer answers there")
    assert outcomes(steps, WHAT)[-1] == ("service", Outcome.SKIPPED)
    assert await plane.consumer_records() == []


async def test_after_a_change_of_key_the_contract_is_for_another(plane: DataPlane) -> None:
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=(echo_pair(plane.consumer.peer_id, 3),))
    steps = await diagnose(plane.consumer, ECHO_PEER)
    contract = next(step for step in steps if step.name == "contract")
    assert contract.outcome is Outcome.FAILED
    assert "for another key than ours" in contract.seen


async def test_a_server_that_does_not_serve_the_name(plane: DataPlane) -> None:
    del plane.served_with[manager_name(ECHO_PROVIDER)]
    steps = await diagnose(plane.consumer, ECHO_PEER)
    tls = next(step for step in steps if step.name == "tls" and step.subject == ECHO_PEER)
    assert tls.outcome is Outcome.FAILED
    assert tls.remedy.startswith("no Peer is served under this name there")
