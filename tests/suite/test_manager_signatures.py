"""The official scenarios of the Manager: a party accepts, rejects or revokes.

Refused means: the status and code of the standard, and nothing under the Contract changes.
"""

import hmac
import json
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.suite.contract import KINDS, connection, content_hash, contract, grant_hash, parties
from tests.suite.credential import ALGORITHMS, JsonObject, base64url
from tests.suite.group import check_spread
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Answer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def offered(program: Program, consumer: PlayedPeer, delegator: PlayedPeer) -> JsonObject:
    """A Contract between the consumer, the delegator and the program that the delegator has not signed."""
    content = contract(connection(consumer, program, on_behalf_of=delegator))
    assert consumer.submit(content, program).status == 201
    return content


def _check_refused(
    answer: Answer, code: str, program: Program, content: JsonObject, delegator: PlayedPeer, consumer: PlayedPeer
) -> None:
    """The signature of the delegator was refused, and nothing under the Contract changed."""
    assert answer.refusal == (422, code)
    signatures = consumer.signed_at(program, content)
    assert signatures is not None
    assert [set(signatures[kind]) for kind in KINDS] == [{consumer.peer_id, program.peer_id}, set(), set()]
    assert delegator.signed_at(program, content) == signatures


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-1"), id="Manager-AcceptContract-1"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-1"), id="Manager-RejectContract-1"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-1"), id="Manager-RevokeContract-1"),
    ],
)
def test_manager_signature_1_is_stored_and_visible(
    kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    assert delegator.put(kind, offered, program).status == 201

    for party in (consumer, delegator):
        signatures = party.signed_at(program, offered)
        assert signatures is not None
        assert signatures[kind][delegator.peer_id] == delegator.own_signature(offered, kind)
    answer = consumer.ask_token(program, grant_hash(offered))
    expected = (200, None) if kind == "accept" else (400, "invalid_grant")
    assert (answer.status, answer.json().get("error")) == expected
    accepted = parties(offered) if kind == "accept" else parties(offered) - {delegator.peer_id}
    check_spread(offered, consumer, delegator, programs=[program], kind="accept", signers=accepted)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-2"), id="Manager-AcceptContract-2"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-2"), id="Manager-RejectContract-2"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-2"), id="Manager-RevokeContract-2"),
    ],
)
def test_manager_signature_2_of_an_outsider(
    kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer, outsider: PlayedPeer
) -> None:
    answer = outsider.put(kind, offered, program)

    code = "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT"
    _check_refused(answer, code, program, offered, delegator, consumer)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-3"), id="Manager-AcceptContract-3"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-3"), id="Manager-RejectContract-3"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-3"), id="Manager-RevokeContract-3"),
    ],
)
@pytest.mark.parametrize("text", ["not a JWS", "a.b.c", "{}"])
def test_manager_signature_3_is_no_jws(
    text: str, kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    answer = delegator.put(kind, offered, program, signature=text)

    _check_refused(answer, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED", program, offered, delegator, consumer)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-4"), id="Manager-AcceptContract-4"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-4"), id="Manager-RejectContract-4"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-4"), id="Manager-RevokeContract-4"),
    ],
)
def test_manager_signature_4_is_over_another_hash(
    kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    other = contract(connection(consumer, program, on_behalf_of=delegator))

    answer = delegator.put(kind, offered, program, signature=delegator.signature(kind, other))

    code = "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH"
    _check_refused(answer, code, program, offered, delegator, consumer)
    assert consumer.signed_at(program, other) is None


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-5"), id="Manager-AcceptContract-5"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-5"), id="Manager-RejectContract-5"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-5"), id="Manager-RevokeContract-5"),
    ],
)
def test_manager_signature_5_is_of_another_type(
    kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    for other in (other for other in KINDS if other != kind):
        answer = delegator.put(kind, offered, program, signature=delegator.signature(other, offered))

        _check_refused(answer, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED", program, offered, delegator, consumer)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-6"), id="Manager-AcceptContract-6"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-6"), id="Manager-RejectContract-6"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-6"), id="Manager-RevokeContract-6"),
    ],
)
def test_manager_signature_6_with_another_hash_in_the_path(
    kind: str, program: Program, offered: JsonObject, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    other = contract(connection(consumer, program, on_behalf_of=delegator))

    answer = delegator.put(kind, offered, program, url_hash=content_hash(other))

    _check_refused(answer, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH", program, offered, delegator, consumer)


def _unsupported(peer: PlayedPeer, kind: str, content: JsonObject, algorithm: str) -> str:
    """A signature by an algorithm that nobody may accept: without a key, or with the public key as a secret."""
    payload = {"contract_content_hash": content_hash(content), "type": kind, "signed_at": int(time.time())}
    if algorithm == "PS256":
        return peer.credential.sign(payload, algorithm)
    header = {"alg": algorithm, "x5t#S256": peer.credential.thumbprint}
    signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, payload))
    public = peer.credential.certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    code = hmac.digest(public, signed.encode(), "sha256") if algorithm == "HS256" else b""
    return f"{signed}.{base64url(code)}"


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("accept", marks=pytest.mark.fsc("Manager-AcceptContract-7"), id="Manager-AcceptContract-7"),
        pytest.param("reject", marks=pytest.mark.fsc("Manager-RejectContract-7"), id="Manager-RejectContract-7"),
        pytest.param("revoke", marks=pytest.mark.fsc("Manager-RevokeContract-7"), id="Manager-RevokeContract-7"),
    ],
)
@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256"])
def test_manager_signature_7_with_an_unsupported_algorithm(
    algorithm: str, kind: str, program: Program, consumer: PlayedPeer, rsa_peer: PlayedPeer
) -> None:
    content = contract(connection(consumer, program, on_behalf_of=rsa_peer))
    assert consumer.submit(content, program).status == 201

    answer = rsa_peer.put(kind, content, program, signature=_unsupported(rsa_peer, kind, content, algorithm))

    _check_refused(answer, "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE", program, content, rsa_peer, consumer)


@pytest.mark.fsc("Manager-AcceptContract-8")
@pytest.mark.parametrize("algorithm", ALGORITHMS[:3])
def test_manager_accept_contract_8_rsa(
    algorithm: str, program: Program, consumer: PlayedPeer, rsa_peer: PlayedPeer
) -> None:
    _check_accepted_with(algorithm, program, consumer, rsa_peer)


@pytest.mark.fsc("Manager-AcceptContract-9")
@pytest.mark.parametrize("algorithm", ALGORITHMS[3:])
def test_manager_accept_contract_9_ecdsa(
    algorithm: str, program: Program, consumer: PlayedPeer, ec_peers: dict[str, PlayedPeer]
) -> None:
    _check_accepted_with(algorithm, program, consumer, ec_peers[algorithm])


def _check_accepted_with(algorithm: str, program: Program, consumer: PlayedPeer, signer: PlayedPeer) -> None:
    content = contract(connection(consumer, program, on_behalf_of=signer))
    assert consumer.submit(content, program).status == 201

    answer = signer.put("accept", content, program, signature=signer.signature("accept", content, algorithm))

    assert answer.status == 201
    assert consumer.signers_at(program, content, "accept") == parties(content)
