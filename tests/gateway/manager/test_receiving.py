"""Contracts and signatures that others bring: the scenarios of the standard, and every check in its order."""

import asyncio
import base64
import json

import pytest

from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import Algorithm, encode_base64url
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from gateway.fsc.state import ContractState
from storage.documents import Query
from tests.gateway.harness import (
    CONSUMER,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    connection,
    content_hash_of,
    delegated_connection,
    delegated_publication,
    grant_hash_of,
    key_pair,
    make_content,
    make_group,
    publication,
    signed,
)
from tests.gateway.manager.scene import Scene

KINDS = tuple(SignatureType)


def unsigned(header: JsonObject, payload: JsonObject, signature: bytes = b"signature") -> str:
    """A JWS with any header."""
    parts = (json.dumps(header).encode(), json.dumps(payload).encode(), signature)
    return ".".join(encode_base64url(part) for part in parts)


def payload_of(content: JsonObject, kind: SignatureType, at: int) -> JsonObject:
    return {"contract_content_hash": content_hash_of(content), "type": kind.value, "signed_at": at}


# -- POST /contracts: what is taken


@pytest.mark.fsc("Manager-SubmitContract-1")
@pytest.mark.fsc("Manager-SubmitContract-12")
async def test_a_contract_is_stored_with_the_signature_of_its_submitter(scene: Scene) -> None:
    content = scene.content()
    answer = await scene.foreign.submit(scene.peer, content)
    assert (answer.status, answer.text) == (201, "")
    assert await scene.signers(content, SignatureType.ACCEPT) == {FOREIGN}
    assert await scene.state(content) is ContractState.PROPOSED


@pytest.mark.fsc("Manager-SubmitContract-2")
async def test_a_publication_is_taken(agreeable: Scene) -> None:
    content = agreeable.content(publication(PROVIDER, FOREIGN))
    assert (await agreeable.foreign.submit(agreeable.peer, content)).status == 201
    assert await agreeable.state(content) is ContractState.VALID


@pytest.mark.fsc("Manager-SubmitContract-3")
async def test_a_delegated_publication_is_taken(scene: Scene) -> None:
    content = scene.content(delegated_publication(PROVIDER, OTHER, FOREIGN))
    assert (await scene.foreign.submit(scene.peer, content)).status == 201


@pytest.mark.fsc("Manager-SubmitContract-4")
async def test_a_delegated_connection_is_taken(scene: Scene) -> None:
    content = scene.content(delegated_connection(scene.foreign.pair, OTHER, PROVIDER, on_behalf_of=FOREIGN))
    assert (await scene.foreign.submit(scene.peer, content)).status == 201


@pytest.mark.fsc("Manager-SubmitContract-5")
async def test_a_connection_to_a_delegated_service_is_taken(scene: Scene) -> None:
    content = scene.content(connection(scene.foreign.pair, FOREIGN, PROVIDER, delegator=OTHER))
    assert (await scene.foreign.submit(scene.peer, content)).status == 201


@pytest.mark.fsc("Manager-SubmitContract-6")
async def test_a_delegated_connection_to_a_delegated_service_is_taken(scene: Scene) -> None:
    grant = delegated_connection(scene.foreign.pair, OTHER, PROVIDER, on_behalf_of=FOREIGN, delegator=CONSUMER)
    content = scene.content(grant)
    assert (await scene.foreign.submit(scene.peer, content)).status == 201


@pytest.mark.fsc("Manager-SubmitContract-11")
async def test_an_rsa_key_signs_with_each_of_its_algorithms(group: Federation) -> None:
    hosted = await group.host()
    foreign = await group.foreign(pair=key_pair(FOREIGN, algorithm="rsa"))
    for algorithm in (Algorithm.RS256, Algorithm.RS384, Algorithm.RS512):
        content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
        payload = SignaturePayload(content_hash_of(content), SignatureType.ACCEPT, group.clock.now())
        jws = sign_contract(payload, foreign.pair.private_key, foreign.pair.thumbprint, algorithm)
        assert (await foreign.submit(hosted.peer, content, jws)).status == 201


async def test_the_same_contract_again_changes_nothing(scene: Scene) -> None:
    content = scene.content()
    jws = signed(scene.foreign.pair, content, at=scene.group.clock.now())
    assert (await scene.foreign.submit(scene.peer, content, jws)).status == 201
    before = await scene.peer.contracts.get(content_hash_of(content))
    assert (await scene.foreign.submit(scene.peer, content, jws)).status == 201
    assert (await scene.foreign.put(scene.peer, content, SignatureType.ACCEPT, jws)).status == 201
    assert await scene.peer.contracts.get(content_hash_of(content)) == before


async def test_a_submitter_is_known_from_then_on(scene: Scene) -> None:
    await scene.foreign.submit(scene.peer, scene.content())
    known = await scene.peer.peers.get(FOREIGN)
    assert known is not None
    assert (known.name, known.manager_address) == (f"Peer {FOREIGN}", scene.foreign.address)


async def test_a_refused_submitter_is_not_remembered(scene: Scene) -> None:
    assert (await scene.foreign.submit(scene.peer, scene.content(), "not.a.jws")).status == 422
    assert await scene.peer.peers.get(FOREIGN) is None


async def test_many_deliveries_of_one_contract_at_once_make_one_contract(scene: Scene) -> None:
    content = scene.content()
    answers = await asyncio.gather(*(scene.foreign.submit(scene.peer, content) for _ in range(8)))
    assert {answer.status for answer in answers} == {201}
    records, _ = await scene.peer.contracts.page(Query())
    assert len(records) == 1


# -- POST /contracts: what is refused, in the order of FSC.md 3


async def _refusal(scene: Scene, content: JsonObject, signature: str | None = None) -> tuple[int, str]:
    answer = await scene.foreign.submit(scene.peer, content, signature)
    assert await scene.peer.contracts.page(Query()) == ([], "")
    return answer.refusal


@pytest.mark.fsc("Manager-SubmitContract-7")
async def test_a_submitter_outside_the_contract_is_refused(scene: Scene) -> None:
    content = scene.content(connection(scene.foreign.pair, OTHER, PROVIDER))
    assert await _refusal(scene, content) == (422, "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT")


async def test_a_contract_that_is_not_for_us_is_refused(scene: Scene) -> None:
    content = scene.content(connection(scene.foreign.pair, FOREIGN, OTHER))
    assert await _refusal(scene, content) == (422, "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT")


@pytest.mark.fsc("Manager-SubmitContract-8")
async def test_a_publication_beside_a_connection_is_refused(scene: Scene) -> None:
    content = scene.content(publication(PROVIDER, FOREIGN), scene.connection())
    assert await _refusal(scene, content) == (422, "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED")


@pytest.mark.fsc("Manager-SubmitContract-9")
async def test_a_contract_of_another_group_is_refused(scene: Scene) -> None:
    content = scene.content(group_id="another.group")
    assert await _refusal(scene, content) == (422, "ERROR_CODE_INCORRECT_GROUP_ID")


@pytest.mark.fsc("Manager-SubmitContract-10")
async def test_an_unknown_hash_algorithm_is_refused(scene: Scene) -> None:
    content = scene.content(hash_algorithm="HASH_ALGORITHM_MD5")
    assert await _refusal(scene, content) == (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")


@pytest.mark.parametrize("version", ["1.0.0", "3.0.0", None])
async def test_an_unknown_version_is_refused(scene: Scene, version: str | None) -> None:
    signature = signed(scene.foreign.pair, scene.content(), at=scene.group.clock.now())
    answer = await _refusal(scene, scene.content(fsc_version=version), signature)
    assert answer == (422, "ERROR_CODE_UNKNOWN_FSC_VERSION")


@pytest.mark.parametrize(
    "change",
    [
        {"grants": []},
        {"iv": "not-a-uuid"},
        {"created_at": 4_000_000_000},
        {"validity": {"not_before": 2, "not_after": 1}},
        {"validity": {"not_before": 1, "not_after": 2}},
    ],
    ids=["no grants", "iv", "future", "ends before it begins", "over"],
)
async def test_a_contract_against_the_rules_is_refused(scene: Scene, change: JsonObject) -> None:
    assert await _refusal(scene, scene.content(**change)) == (422, "ERROR_CODE_INVALID_CONTRACT")


async def test_a_malformed_thumbprint_is_refused(scene: Scene) -> None:
    content = scene.content()
    content["grants"][0]["data"]["outway"]["identification"]["public_key_thumbprint"] = "abc"
    assert await _refusal(scene, content) == (422, "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT")


async def test_the_iv_of_another_contract_is_refused(scene: Scene) -> None:
    content = scene.content()
    assert (await scene.foreign.submit(scene.peer, content)).status == 201
    same_iv = scene.content(iv=content["iv"].upper(), created_at=content["created_at"] - 1)
    answer = await scene.foreign.submit(scene.peer, same_iv)
    assert answer.refusal == (422, "ERROR_CODE_INVALID_CONTRACT")
    assert "iv" in answer.json["message"]
    assert await scene.state(same_iv) is None


async def test_the_first_fault_in_the_order_of_the_standard_is_the_answer(scene: Scene) -> None:
    """Every fault at once; then each is repaired in turn, and the next one shows."""
    good = scene.content()
    faults: list[tuple[JsonObject, str]] = [
        ({"created_at": "yesterday"}, "ERROR_CODE_INVALID_REQUEST"),
        ({"fsc_version": "9"}, "ERROR_CODE_UNKNOWN_FSC_VERSION"),
        ({"hash_algorithm": "X"}, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"),
        ({"group_id": "other"}, "ERROR_CODE_INCORRECT_GROUP_ID"),
        ({"grants": scene.content(connection(scene.foreign.pair, OTHER, OTHER))["grants"]}, "ERROR_CODE_SUBMITTING_"),
        (
            {"grants": scene.content(scene.connection(), publication(PROVIDER, FOREIGN))["grants"]},
            "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED",
        ),
        ({"iv": "x"}, "ERROR_CODE_INVALID_CONTRACT"),
    ]
    for number, (_, code) in enumerate(faults):
        content = {**good}
        for change, _ in reversed(faults[number:]):
            content |= change
        answer = await scene.foreign.put(
            scene.peer, content, SignatureType.ACCEPT, unsigned({"alg": "none"}, {}), url_hash="$1$1$wrong"
        )
        assert answer.code.startswith(code), answer.text
    jws_faults = [
        ("$1$1$wrong", unsigned({"alg": "none"}, {}), "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"),
        (None, unsigned({"alg": "none"}, {}), "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE"),
        (
            None,
            signed(key_pair(FOREIGN), good, SignatureType.REJECT, at=1, over="$1$1$other"),
            "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED",
        ),
        (
            None,
            signed(scene.foreign.pair, good, SignatureType.REJECT, at=1, over="$1$1$other"),
            "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH",
        ),
        (
            None,
            signed(scene.foreign.pair, good, SignatureType.REJECT, at=1),
            "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED",
        ),
    ]
    for url_hash, jws, code in jws_faults:
        answer = await scene.foreign.put(scene.peer, good, SignatureType.ACCEPT, jws, url_hash=url_hash)
        assert answer.refusal == (422, code)
    assert await scene.state(good) is None


async def test_a_1_1_group_has_one_code_for_parties(group: Federation) -> None:
    hosted = await group.host(group=make_group(hash_profiles=(HashProfile.FSC_1_1,)))
    foreign = await group.foreign()
    grant = connection(foreign.pair, OTHER, PROVIDER)
    content = make_content(grant, now=group.clock.now(), profile=HashProfile.FSC_1_1)
    jws = signed(foreign.pair, content, at=1, over=content_hash_of(content, HashProfile.FSC_1_1))
    answer = await foreign.submit(hosted.peer, content, jws)
    assert answer.refusal == (422, "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT")


# -- PUT accept, reject, revoke


@pytest.mark.fsc("Manager-AcceptContract-1")
@pytest.mark.fsc("Manager-AcceptContract-9")
@pytest.mark.fsc("Manager-RejectContract-1")
@pytest.mark.fsc("Manager-RevokeContract-1")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_signature_makes_the_contract_that_was_missed_and_is_visible(scene: Scene, kind: SignatureType) -> None:
    content = scene.content()
    jws = signed(scene.foreign.pair, content, kind, at=scene.group.clock.now())
    assert (await scene.foreign.put(scene.peer, content, kind, jws)).status == 201
    listed = (await scene.foreign.get(scene.peer, "/contracts")).json["contracts"]
    expected: JsonObject = {"accept": {}, "reject": {}, "revoke": {}}
    expected[kind] = {FOREIGN: jws}
    assert listed == [{"content": content, "signatures": expected}]


@pytest.mark.fsc("Manager-AcceptContract-8")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_rsa_key_signs_every_kind(group: Federation, kind: SignatureType) -> None:
    hosted = await group.host()
    foreign = await group.foreign(pair=key_pair(FOREIGN, algorithm="rsa"))
    content = make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=group.clock.now())
    assert (await foreign.put(hosted.peer, content, kind)).status == 201


@pytest.mark.fsc("Manager-AcceptContract-2")
@pytest.mark.fsc("Manager-RejectContract-2")
@pytest.mark.fsc("Manager-RevokeContract-2")
@pytest.mark.parametrize("kind", KINDS)
async def test_an_outsider_signs_nothing(scene: Scene, kind: SignatureType) -> None:
    content = scene.content()
    await scene.foreign.submit(scene.peer, content)
    outsider = await scene.group.foreign(OTHER)
    answer = await outsider.put(scene.peer, content, kind)
    assert answer.refusal == (422, "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT")
    for each in KINDS:
        assert OTHER not in await scene.signers(content, each)


async def _put_refusal(scene: Scene, kind: SignatureType, signature: str) -> tuple[int, str]:
    """The answer to a signature that must not be stored, on a Contract that we have."""
    content = scene.content()
    await scene.foreign.submit(scene.peer, content)
    before = await scene.peer.contracts.get(content_hash_of(content))
    answer = await scene.foreign.put(scene.peer, content, kind, signature)
    assert await scene.peer.contracts.get(content_hash_of(content)) == before
    return answer.refusal


@pytest.mark.fsc("Manager-AcceptContract-3")
@pytest.mark.fsc("Manager-RejectContract-3")
@pytest.mark.fsc("Manager-RevokeContract-3")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", ["hello", "a.b", "a.b.c.d", "..", "é.é.é", "e30.e30.e30", "A" * 9000])
async def test_what_is_no_jws_is_refused(scene: Scene, kind: SignatureType, text: str) -> None:
    assert await _put_refusal(scene, kind, text) == (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")


@pytest.mark.fsc("Manager-AcceptContract-4")
@pytest.mark.fsc("Manager-RejectContract-4")
@pytest.mark.fsc("Manager-RevokeContract-4")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_signature_over_another_content_is_refused(scene: Scene, kind: SignatureType) -> None:
    other = scene.content()
    jws = signed(scene.foreign.pair, other, kind, at=scene.group.clock.now())
    answer = await _put_refusal(scene, kind, jws)
    assert answer == (422, "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH")


@pytest.mark.fsc("Manager-AcceptContract-5")
@pytest.mark.fsc("Manager-RejectContract-5")
@pytest.mark.fsc("Manager-RevokeContract-5")
@pytest.mark.parametrize("kind", KINDS)
async def test_a_signature_of_another_kind_is_refused(scene: Scene, kind: SignatureType) -> None:
    content = scene.content()
    for wrong in (one for one in KINDS if one is not kind):
        jws = signed(scene.foreign.pair, content, wrong, at=scene.group.clock.now())
        answer = await scene.foreign.put(scene.peer, content, kind, jws)
        assert answer.refusal == (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
        assert f"type {wrong}" in answer.json["message"]
    assert await scene.state(content) is None


@pytest.mark.fsc("Manager-AcceptContract-6")
@pytest.mark.fsc("Manager-RejectContract-6")
@pytest.mark.fsc("Manager-RevokeContract-6")
@pytest.mark.parametrize("kind", KINDS)
async def test_the_hash_in_the_path_must_be_that_of_the_body(scene: Scene, kind: SignatureType) -> None:
    content, other = scene.content(), scene.content()
    answer = await scene.foreign.put(scene.peer, content, kind, url_hash=content_hash_of(other))
    assert answer.refusal == (422, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH")
    assert await scene.state(content) is None


async def test_a_path_hash_of_an_unknown_algorithm_is_refused_as_such(scene: Scene) -> None:
    answer = await scene.foreign.put(scene.peer, scene.content(), SignatureType.ACCEPT, url_hash="$2$1$abc")
    assert answer.refusal == (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")


@pytest.mark.parametrize("hashed", ["plain", "%ED%A0%80", "$1$1$%00", "%F0%9F%92%A9", "a" * 2000])
async def test_any_other_path_hash_is_refused(scene: Scene, hashed: str) -> None:
    jws = signed(scene.foreign.pair, content := scene.content(), at=1)
    answer = await scene.foreign.send(scene.peer, "PUT", f"/contracts/{hashed}/accept", content, jws)
    assert answer.refusal == (422, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH")


@pytest.mark.parametrize("dollar", ["$", "%24"])
async def test_the_dollars_of_the_path_may_be_encoded(scene: Scene, dollar: str) -> None:
    content = scene.content()
    path = f"/contracts/{content_hash_of(content).replace('$', dollar)}/accept"
    answer = await scene.foreign.send(scene.peer, "PUT", path, content, signed(scene.foreign.pair, content, at=1))
    assert answer.status == 201


@pytest.mark.fsc("Manager-AcceptContract-7")
@pytest.mark.fsc("Manager-RejectContract-7")
@pytest.mark.fsc("Manager-RevokeContract-7")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256", "EdDSA"])
async def test_other_algorithms_are_refused(scene: Scene, kind: SignatureType, algorithm: str) -> None:
    content = scene.content()
    header = {"alg": algorithm, "x5t#S256": scene.foreign.pair.thumbprint}
    jws = unsigned(header, payload_of(content, kind, 1))
    answer = await scene.foreign.put(scene.peer, content, kind, jws)
    assert answer.refusal == (422, "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE")
    assert await scene.state(content) is None


async def test_a_reject_is_final(scene: Scene) -> None:
    content = scene.content()
    await scene.foreign.put(scene.peer, content, SignatureType.REJECT)
    assert (await scene.foreign.put(scene.peer, content, SignatureType.ACCEPT)).status == 201
    assert await scene.state(content) is ContractState.REJECTED


async def test_a_revoke_ends_a_valid_contract_at_once(agreeable: Scene) -> None:
    content = agreeable.content()
    await agreeable.foreign.submit(agreeable.peer, content)
    assert agreeable.peer.contracts.valid_by_grant(grant_hash_of(content), agreeable.group.clock.now()) is not None
    assert (await agreeable.foreign.put(agreeable.peer, content, SignatureType.REVOKE)).status == 201
    assert agreeable.peer.contracts.valid_by_grant(grant_hash_of(content), agreeable.group.clock.now()) is None
    assert await agreeable.state(content) is ContractState.REVOKED


async def test_a_newer_signature_of_the_same_peer_replaces_the_older(scene: Scene) -> None:
    content, now = scene.content(), scene.group.clock.now()
    for at in (now - 10, now, now - 20):
        await scene.foreign.submit(scene.peer, content, signed(scene.foreign.pair, content, at=at))
    record = await scene.peer.contracts.get(content_hash_of(content))
    assert record is not None
    kept = json.loads(_part(record.signatures[SignatureType.ACCEPT][FOREIGN], 1))
    assert kept["signed_at"] == now


def _part(jws: str, number: int) -> bytes:
    part = jws.split(".")[number]
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
