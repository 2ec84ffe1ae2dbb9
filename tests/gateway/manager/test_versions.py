"""Contracts of several generations side by side: matched, found, learnt from, offered; and differences said aloud."""

import asyncio
import json
import logging
from dataclasses import replace

import pytest

from certs.identity import PeerId, PeerName
from gateway.errors import InvalidRequest
from gateway.fsc.grants import DomainNameIdentification, Grant, Outway
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import parse_compact
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, ManagerAddress, TransactionId
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.fsc.versions import PeerVersion
from gateway.http.client import PeerAnswer
from gateway.manager import versions
from gateway.manager.contracts import offer
from gateway.manager.versions import VersionKeeper, told_version
from gateway.state.contracts import ContractRecord
from klantenregister.hosting import HostedPeer
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    Federation,
    accepting,
    connection,
    content_hash_of,
    delegated_connection,
    eventually,
    grant_hash_of,
    make_group,
    offering,
    signed,
)
from tests.gateway.manager.scene import ALL_GRANTS, Scene

NEW, RAW, DEVELOP, OLD = HashProfile
PAGE = "/v1/peer"


async def scene_of(group: Federation, *profiles: HashProfile) -> Scene:
    """Our Peer, which accepts everything in a Group that allows these profiles, and a foreign one."""
    rules = make_group(hash_profiles=profiles)
    hosted = await group.host(PROVIDER, group=rules, services=offering(SERVICE), accept=(accepting(*ALL_GRANTS),))
    return Scene(group, hosted, await group.foreign())


def signature(scene: Scene, content: JsonObject, profile: HashProfile) -> str:
    return signed(scene.foreign.pair, content, at=scene.group.clock.now(), over=content_hash_of(content, profile))


async def submitted(scene: Scene, profile: HashProfile) -> ContractRecord:
    """A Contract that the foreign Peer made by this profile, once it is valid here."""
    content = scene.content(profile=profile)
    answer = await scene.foreign.submit(scene.peer, content, signature(scene, content, profile))
    assert answer.status == 201, answer.text
    record = await scene.peer.contracts.get(content_hash_of(content, profile))
    assert record is not None
    assert record.state(scene.group.clock.now()) is ContractState.VALID
    return record


async def learnt(hosted: HostedPeer, peer_id: PeerId = FOREIGN) -> PeerVersion:
    known = await hosted.peer.peers.get(peer_id)
    assert known is not None
    return known.version


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [str(vars(one)["reason"]) for one in caplog.records if one.getMessage() == "peer_version_differs"]


# -- One Group, several generations


@pytest.mark.parametrize("profile", HashProfile)
@pytest.mark.parametrize("order", [tuple(HashProfile), tuple(HashProfile)[::-1]], ids=["newest first", "oldest first"])
async def test_a_contract_is_of_the_profile_its_signature_names(
    group: Federation, profile: HashProfile, order: tuple[HashProfile, ...]
) -> None:
    scene = await scene_of(group, *order)
    record = await submitted(scene, profile)
    assert record.content_hash == content_hash_of(record.parsed.raw, profile)
    ours = record.signatures[SignatureType.ACCEPT][PROVIDER]
    assert parse_compact(ours).payload["contract_content_hash"] == record.content_hash


@pytest.mark.parametrize(
    ("made_by", "asked_by"), [(NEW, NEW), (NEW, RAW), (DEVELOP, DEVELOP), (DEVELOP, OLD), (OLD, DEVELOP)]
)
async def test_a_grant_is_found_by_the_hash_of_every_allowed_profile(
    group: Federation, made_by: HashProfile, asked_by: HashProfile
) -> None:
    scene = await scene_of(group, *HashProfile)
    record = await submitted(scene, made_by)
    grant_hash = grant_hash_of(record.parsed.raw, asked_by)
    listed = await scene.foreign.get(scene.peer, f"/contracts?grant_hash={grant_hash}")
    assert [one["content"] for one in listed.json["contracts"]] == [record.parsed.raw]
    form = f"grant_type=client_credentials&scope={grant_hash}&client_id={FOREIGN}"
    token = await scene.foreign.token(scene.peer, form)
    assert token.status == 200, token.text
    payload = parse_compact(token.json["access_token"]).payload
    assert payload["gth"] == grant_hash
    assert scene.peer.contracts.valid_by_grant(grant_hash, group.clock.now()) == record


async def test_what_is_logged_under_one_hash_of_a_grant_is_found_under_every_other(group: Federation) -> None:
    scene = await scene_of(group, *HashProfile)
    record = await submitted(scene, DEVELOP)
    by_develop, by_1_1 = [grant_hash_of(record.parsed.raw, profile) for profile in (DEVELOP, OLD)]
    for number, grant_hash in enumerate((by_develop, by_1_1, GrantHash("$1$3$AAAA"))):
        await scene.peer.log.append(
            LogRecord(
                TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
                Direction.INCOMING,
                grant_hash,
                FOREIGN,
                PROVIDER,
                SERVICE,
                group.clock.now() + number,
            )
        )
    for asked in (by_develop, by_1_1):
        answer = await scene.foreign.get(scene.peer, f"/logs?grant_hash={asked}")
        assert [one["grant_hash"] for one in answer.json["records"]] == [by_1_1, by_develop]
    assert await scene.peer.contracts.aliases_of([]) == ()
    assert await scene.peer.contracts.aliases_of(["x"]) == ("x",)


@pytest.mark.parametrize("kind", SignatureType)
async def test_a_signature_over_another_allowed_profile_counts_for_the_same_contract(
    group: Federation, kind: SignatureType
) -> None:
    scene = await scene_of(group, DEVELOP, OLD)
    record = await submitted(scene, DEVELOP)
    content = record.parsed.raw
    by_1_1 = content_hash_of(content, OLD)
    jws = signed(scene.foreign.pair, content, kind, at=group.clock.now() + 1, over=by_1_1)
    for url_hash in (by_1_1, record.content_hash):
        answer = await scene.foreign.put(scene.peer, content, kind, jws, url_hash=url_hash)
        assert answer.status == 201, answer.text
    after = await scene.peer.contracts.get(by_1_1)
    assert after is not None
    assert after.content_hash == record.content_hash
    assert after.signatures[kind][FOREIGN] == jws
    assert await scene.peer.contracts.get(record.content_hash) == after


async def test_a_contract_sent_by_two_profiles_at_once_is_one_contract(group: Federation) -> None:
    scene = await scene_of(group, DEVELOP, OLD)
    content = scene.content(profile=DEVELOP)
    jws = [signature(scene, content, profile) for profile in (DEVELOP, OLD) * 3]
    answers = await asyncio.gather(*(scene.foreign.submit(scene.peer, content, one) for one in jws))
    assert {answer.status for answer in answers} == {201}
    records = [one async for one in scene.peer.contracts.involving(FOREIGN)]
    assert [one.parsed.raw for one in records] == [content]


# -- What is refused says which versions differ, and what to do


async def test_a_hash_of_a_profile_that_is_not_allowed_is_named_with_the_remedy(
    group: Federation, caplog: pytest.LogCaptureFixture
) -> None:
    scene = await scene_of(group, DEVELOP)
    content = scene.content(profile=OLD)
    jws = signature(scene, content, OLD)
    answer, again = [await scene.foreign.submit(scene.peer, content, jws) for _ in range(2)]
    mismatch = (422, "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH")
    assert answer.refusal == again.refusal == mismatch
    message = answer.json["message"]
    assert f"{content_hash_of(content, DEVELOP)} (profile fsc-develop)" in message
    assert "by profile fsc-1.1, which this Group does not allow" in message
    assert len(warnings(caplog)) == 1
    assert [one async for one in scene.peer.contracts.involving(FOREIGN)] == []
    assert await scene.peer.peers.get(FOREIGN) is None


async def test_a_path_of_a_profile_that_is_not_allowed_is_named_with_the_remedy(group: Federation) -> None:
    scene = await scene_of(group, DEVELOP)
    content = scene.content(profile=OLD)
    answer = await scene.foreign.put(
        scene.peer, content, SignatureType.ACCEPT, signature(scene, content, DEVELOP), content_hash_of(content, OLD)
    )
    assert answer.refusal == (422, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH")
    assert "by profile fsc-1.1, which this Group does not allow" in answer.json["message"]


async def test_a_version_that_is_not_allowed_is_said_aloud_and_asked_about(
    group: Federation, caplog: pytest.LogCaptureFixture
) -> None:
    scene = await scene_of(group, NEW)
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    await scene.foreign.announce(scene.peer)
    keeper = VersionKeeper(scene.peer)
    await keeper.look()
    assert scene.foreign.asked(PAGE) == 1
    content = scene.content(profile=OLD)
    jws = signature(scene, content, OLD)
    answer, again = [await scene.foreign.submit(scene.peer, content, jws) for _ in range(2)]
    assert answer.refusal == again.refusal == (422, "ERROR_CODE_UNKNOWN_FSC_VERSION")
    message = answer.json["message"]
    assert "add fsc-develop (no fsc_version) or fsc-1.1 (no fsc_version) to group.hash_profiles" in message
    assert warnings(caplog) == [message]
    await keeper.look()
    assert scene.foreign.asked(PAGE) == 2


async def test_other_refusals_say_nothing_of_versions(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    scene = await scene_of(group, NEW)
    content = scene.content(group_id="fsc.other.test")
    assert (await scene.foreign.submit(scene.peer, content)).status == 422
    assert warnings(caplog) == []


# -- What other Peers speak is learnt


@pytest.mark.parametrize("profile", [NEW, DEVELOP, OLD])
async def test_the_profile_of_an_accept_is_learnt(group: Federation, profile: HashProfile) -> None:
    scene = await scene_of(group, *HashProfile)
    await submitted(scene, profile)
    assert (await learnt(scene.hosted)).hash_profile is profile


async def test_a_revoke_of_an_old_contract_teaches_nothing(group: Federation) -> None:
    scene = await scene_of(group, *HashProfile)
    old = await submitted(scene, OLD)
    await submitted(scene, NEW)
    jws = signed(scene.foreign.pair, old.parsed.raw, SignatureType.REVOKE, at=group.clock.now(), over=old.content_hash)
    url_hash = old.content_hash
    answer = await scene.foreign.put(scene.peer, old.parsed.raw, SignatureType.REVOKE, jws, url_hash=url_hash)
    assert answer.status == 201, answer.text
    assert (await learnt(scene.hosted)).hash_profile is NEW


async def test_a_peer_is_asked_when_new_once_a_day_and_when_it_announces_itself(group: Federation) -> None:
    scene = await scene_of(group, NEW)
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    keeper = VersionKeeper(scene.peer)
    counted = []
    for announces, later_s in ((True, 0), (False, 0), (False, versions.ASK_EVERY_S - 1), (False, 9_000), (True, 0)):
        group.clock.advance(later_s)
        if announces:
            await scene.foreign.announce(scene.peer)
        await keeper.look()
        counted.append(scene.foreign.asked(PAGE))
    assert counted == [1, 1, 1, 2, 3]
    known = await scene.peer.peers.get(FOREIGN)
    assert known is not None
    assert (known.version, known.told_at) == (PeerVersion(fsc_version="2.0.0"), group.clock.now())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"fsc_version": 2}',
        b'{"fsc_version": "\\u001b[2J"}',
        b'{"fsc_version": "' + b"9" * 99 + b'"}',
    ],
)
async def test_an_answer_that_cannot_be_read_is_asked_for_again_later(
    group: Federation, body: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    scene = await scene_of(group, NEW)
    await scene.foreign.announce(scene.peer)
    scene.foreign.pages[PAGE] = body
    keeper = VersionKeeper(scene.peer)
    await keeper.look()
    await keeper.look()
    assert scene.foreign.asked(PAGE) == 1
    assert await learnt(scene.hosted) == PeerVersion()
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]
    group.clock.advance(round(versions.RETRY_S * 1.1))
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    await keeper.look()
    assert await learnt(scene.hosted) == PeerVersion(fsc_version="2.0.0")


async def test_a_peer_that_is_away_keeps_nobody_else_from_being_asked(group: Federation) -> None:
    scene = await scene_of(group, NEW)
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    nowhere = ManagerAddress(f"https://{OTHER}.localhost:9")
    await scene.peer.peers.remember(OTHER, PeerName("x"), nowhere, now=group.clock.now())
    await scene.foreign.announce(scene.peer)
    await VersionKeeper(scene.peer).look()
    assert (await learnt(scene.hosted)).fsc_version == "2.0.0"
    assert await learnt(scene.hosted, OTHER) == PeerVersion()


async def test_an_answer_that_cannot_be_kept_is_asked_for_again(group: Federation) -> None:
    scene = await scene_of(group, NEW)
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    await scene.foreign.announce(scene.peer)
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    scene.foreign.pause = asyncio.Event()
    keeper = VersionKeeper(scene.peer)
    async with asyncio.TaskGroup() as tasks:
        asking = tasks.create_task(keeper.look())
        await eventually(lambda: scene.foreign.asked(PAGE) == 1)
        documents.available = False
        scene.foreign.pause.set()
        assert await asking
    documents.available = True
    await keeper.look()
    assert scene.foreign.asked(PAGE) == 2
    assert (await learnt(scene.hosted)).fsc_version == "2.0.0"


async def test_a_difference_is_said_once_and_its_end_too(group: Federation, caplog: pytest.LogCaptureFixture) -> None:
    scene = await scene_of(group, NEW)
    keeper = VersionKeeper(scene.peer)
    for told in ("3.0.0", "3.0.0", "2.0.0", "2.0.0"):
        scene.foreign.pages[PAGE] = json.dumps({"fsc_version": told}).encode()
        await scene.foreign.announce(scene.peer)
        await keeper.look()
    assert len(warnings(caplog)) == 1
    assert "speaks FSC 3.0.0" in warnings(caplog)[0]
    assert [one.getMessage() for one in caplog.records].count("peer_version_fits") == 1


async def test_upkeep_asks_by_itself(group: Federation) -> None:
    scene = await scene_of(group, NEW)
    scene.foreign.pages[PAGE] = b'{"fsc_version": "2.0.0"}'
    await scene.foreign.announce(scene.peer)
    async with asyncio.TaskGroup() as tasks:
        upkeep = tasks.create_task(scene.hosted.manager.upkeep.run())
        await eventually(lambda: scene.foreign.asked(PAGE) > 0)
        upkeep.cancel()


@pytest.mark.parametrize("status", [404, 500])
def test_only_an_answer_that_is_right_tells_a_version(status: int) -> None:
    with pytest.raises(InvalidRequest, match=str(status)):
        told_version(PeerAnswer(status, {}, b'{"fsc_version": "2.0.0"}'))


# -- What we offer


async def offered(hosted: HostedPeer, *grants: Grant) -> ContractRecord:
    now = hosted.peer.clock.now()
    return await offer(
        hosted.peer, grants, not_before=now, not_after=now + 3600, created_at=now, remark="", made_for="test"
    )


async def test_an_offer_is_of_the_profile_that_its_parties_speak(group: Federation) -> None:
    scene = await scene_of(group, NEW, DEVELOP, OLD)
    await submitted(scene, OLD)
    pair = scene.hosted.peer.signing_pair()
    record = await offered(scene.hosted, connection(pair, PROVIDER, FOREIGN))
    assert [one.profile for one in record.hashes] == [OLD, DEVELOP]
    assert record.content.fsc_version is None
    assert record.content_hash == content_hash_of(record.parsed.raw, OLD)
    to_stranger = await offered(scene.hosted, connection(pair, PROVIDER, OTHER))
    assert to_stranger.hashes[0].profile is NEW
    three = await offered(scene.hosted, delegated_connection(pair, PROVIDER, FOREIGN, on_behalf_of=OTHER))
    assert three.hashes[0].profile is OLD


async def test_a_foreign_peer_of_1_1_is_brought_what_it_can_verify(group: Federation) -> None:
    scene = await scene_of(group, NEW, OLD)
    await submitted(scene, OLD)
    record = await offered(scene.hosted, connection(scene.hosted.peer.signing_pair(), PROVIDER, FOREIGN))
    jws = record.signatures[SignatureType.ACCEPT][PROVIDER]
    assert parse_compact(jws).payload["contract_content_hash"] == content_hash_of(record.parsed.raw, OLD)


async def test_what_only_2_0_can_hold_is_offered_in_2_0(group: Federation) -> None:
    scene = await scene_of(group, OLD, NEW)
    await submitted(scene, OLD)
    grant = connection(scene.hosted.peer.signing_pair(), PROVIDER, FOREIGN)
    by_name = DomainNameIdentification(domain_name="outway.example.test")
    grant = grant.model_copy(update={"outway": Outway(peer_id=PROVIDER, identification=by_name)})
    assert (await offered(scene.hosted, grant)).hashes[0].profile is NEW


# -- A Group that allows more from now on


async def test_contracts_that_live_are_found_under_a_profile_that_is_added(group: Federation) -> None:
    scene = await scene_of(group, DEVELOP)
    record = await submitted(scene, DEVELOP)
    keeper = VersionKeeper(scene.peer)
    await keeper.look()
    assert await scene.peer.contracts.get(record.content_hash) == record
    scene.peer.tenant = replace(scene.peer.tenant, group=make_group(hash_profiles=(OLD, DEVELOP)))
    await keeper.look()
    after = await scene.peer.contracts.get(content_hash_of(record.parsed.raw, OLD))
    assert after is not None
    assert [one.profile for one in after.hashes] == [DEVELOP, OLD]
    assert (after.content_hash, after.signatures) == (record.content_hash, record.signatures)
    grant_hash = grant_hash_of(record.parsed.raw, OLD)
    assert scene.peer.contracts.valid_by_grant(grant_hash, group.clock.now()) == after


async def test_a_profile_that_is_taken_away_ends_no_contract(group: Federation) -> None:
    scene = await scene_of(group, DEVELOP, OLD)
    record = await submitted(scene, OLD)
    scene.peer.tenant = replace(scene.peer.tenant, group=make_group(hash_profiles=(DEVELOP,)))
    await VersionKeeper(scene.peer).look()
    assert await scene.peer.contracts.get(record.content_hash) == record
    assert scene.peer.contracts.valid_by_grant(record.grant_hashes[0], group.clock.now()) == record
