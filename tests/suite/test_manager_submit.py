"""The official scenarios of the Manager: a Contract is submitted, whichever role the program has in it.

Accepted means: stored, shown to every party, signed by the program as its rules say, and that signature brought to
every other party. Refused means: the status and code of the standard, and nothing is stored.
"""

from collections.abc import Callable

import pytest

from tests.suite.contract import (
    Party,
    connection,
    contract,
    parties,
    publication,
)
from tests.suite.credential import ALGORITHMS, JsonObject
from tests.suite.group import agree
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

CONNECTION_ROLES = ("outway", "service", "on_behalf_of", "offered_for")
PUBLICATION_ROLES = ("directory", "service", "on_behalf_of")


@pytest.fixture
def cast(
    consumer: PlayedPeer, provider: PlayedPeer, delegator: PlayedPeer, owner: PlayedPeer, directory: PlayedPeer
) -> dict[str, PlayedPeer]:
    """Who plays which role in a Grant when the program does not."""
    return {
        "outway": consumer,
        "service": provider,
        "on_behalf_of": delegator,
        "offered_for": owner,
        "directory": directory,
    }


def _agree_on(
    make: Callable[..., JsonObject], roles: tuple[str, ...], played: str, program: Program, cast: dict[str, PlayedPeer]
) -> None:
    """A Contract in which the program has the role `played` comes to be agreed on by all."""
    named: dict[str, Party] = {role: program if role == played else cast[role] for role in roles}
    others = [cast[role] for role in roles if role != played]
    agree(contract(make(**named)), *others, programs=[program])


@pytest.mark.fsc("Manager-SubmitContract-1")
@pytest.mark.parametrize("role", CONNECTION_ROLES[:2])
def test_manager_submit_contract_1_connection(role: str, program: Program, cast: dict[str, PlayedPeer]) -> None:
    _agree_on(connection, CONNECTION_ROLES[:2], role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-2")
@pytest.mark.parametrize("role", PUBLICATION_ROLES[:2])
def test_manager_submit_contract_2_publication(role: str, program: Program, cast: dict[str, PlayedPeer]) -> None:
    _agree_on(publication, PUBLICATION_ROLES[:2], role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-3")
@pytest.mark.parametrize("role", PUBLICATION_ROLES)
def test_manager_submit_contract_3_delegated_publication(
    role: str, program: Program, cast: dict[str, PlayedPeer]
) -> None:
    _agree_on(publication, PUBLICATION_ROLES, role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-4")
@pytest.mark.parametrize("role", CONNECTION_ROLES[:3])
def test_manager_submit_contract_4_delegated_connection(
    role: str, program: Program, cast: dict[str, PlayedPeer]
) -> None:
    _agree_on(connection, CONNECTION_ROLES[:3], role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-5")
@pytest.mark.parametrize("role", ["outway", "service", "offered_for"])
def test_manager_submit_contract_5_connection_to_delegated_service(
    role: str, program: Program, cast: dict[str, PlayedPeer]
) -> None:
    _agree_on(connection, ("outway", "service", "offered_for"), role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-6")
@pytest.mark.parametrize("role", CONNECTION_ROLES)
def test_manager_submit_contract_6_delegated_connection_to_delegated_service(
    role: str, program: Program, cast: dict[str, PlayedPeer]
) -> None:
    _agree_on(connection, CONNECTION_ROLES, role, program, cast)


@pytest.mark.fsc("Manager-SubmitContract-7")
def test_manager_submit_contract_7_submitter_not_in_contract(
    program: Program, consumer: PlayedPeer, outsider: PlayedPeer
) -> None:
    content = contract(connection(consumer, program))

    answer = outsider.submit(content, program)

    assert answer.refusal == (422, "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT")
    assert consumer.signed_at(program, content) is None


@pytest.mark.fsc("Manager-SubmitContract-8")
@pytest.mark.parametrize("delegated", [False, True])
def test_manager_submit_contract_8_publication_beside_another_grant(
    delegated: bool, program: Program, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    publishes = publication(program, consumer, on_behalf_of=delegator if delegated else None)
    content = contract(publishes, connection(consumer, program))

    answer = consumer.submit(content, program)

    assert answer.refusal == (422, "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED")
    assert consumer.signed_at(program, content) is None


@pytest.mark.fsc("Manager-SubmitContract-9")
def test_manager_submit_contract_9_other_group(program: Program, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, program), group_id="another.group.test")

    answer = consumer.submit(content, program)

    assert answer.refusal == (422, "ERROR_CODE_INCORRECT_GROUP_ID")
    assert consumer.signed_at(program, content) is None


@pytest.mark.fsc("Manager-SubmitContract-10")
def test_manager_submit_contract_10_unsupported_hash_algorithm(program: Program, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, program), hash_algorithm="HASH_ALGORITHM_SHA3_256")

    answer = consumer.submit(content, program)

    assert answer.refusal == (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH")
    assert consumer.signed_at(program, content) is None


@pytest.mark.fsc("Manager-SubmitContract-11")
@pytest.mark.parametrize("algorithm", ALGORITHMS[:3])
def test_manager_submit_contract_11_rsa(algorithm: str, program: Program, rsa_peer: PlayedPeer) -> None:
    content = contract(connection(rsa_peer, program))

    answer = rsa_peer.submit(content, program, rsa_peer.signature("accept", content, algorithm))

    assert answer.status == 201
    assert rsa_peer.signers_at(program, content, "accept") == parties(content)


@pytest.mark.fsc("Manager-SubmitContract-12")
@pytest.mark.parametrize("algorithm", ALGORITHMS[3:])
def test_manager_submit_contract_12_ecdsa(algorithm: str, program: Program, ec_peers: dict[str, PlayedPeer]) -> None:
    peer = ec_peers[algorithm]
    content = contract(connection(peer, program))

    answer = peer.submit(content, program, peer.signature("accept", content, algorithm))

    assert answer.status == 201
    assert peer.signers_at(program, content, "accept") == parties(content)
