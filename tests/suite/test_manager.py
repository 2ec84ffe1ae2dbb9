"""The official scenarios of the Manager, but for submitting and signing: lists, access tokens, keys, port."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.e2e.federation import eventually
from tests.suite.contract import (
    PUBLISHED,
    SERVICE,
    connection,
    content_hash,
    contract,
    grant_hash,
    parties,
    publication,
)
from tests.suite.credential import JsonObject, thumbprint_of
from tests.suite.group import Group, agree
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Answer, Listener, call, new_transaction_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

PROPERTIES = {
    "purpose": "test",
    "nested": {"numbers": [1, 2.5, 1e-7, -0.0, 9007199254740991], "\ufb33": "naïef ☃", "😀": None},
}
"""What canonical JSON can get wrong: numbers, and names that sort otherwise as UTF-16 than as code points."""


# -- Listing Contracts and Services


@pytest.mark.fsc("Manager-Contracts-1")
def test_manager_contracts_1_lists_those_of_the_caller(program: Program, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, program))
    agree(content, consumer, programs=[program])

    listed = consumer.get(program, "/contracts", limit="1000")

    [one] = [one for one in listed["contracts"] if one["content"] == content]
    assert set(one["signatures"]["accept"]) == parties(content)
    signed = consumer.verified(one["signatures"]["accept"][program.peer_id], program)
    assert (signed.peer_id, signed.payload["type"]) == (program.peer_id, "accept")
    assert signed.payload["contract_content_hash"] == content_hash(content)
    assert [set(one["signatures"][kind]) for kind in ("reject", "revoke")] == [set(), set()]


@pytest.mark.fsc("Manager-Contracts-2")
def test_manager_contracts_2_never_lists_those_of_others(
    program: Program, consumer: PlayedPeer, outsider: PlayedPeer
) -> None:
    content = contract(connection(consumer, program))
    agree(content, consumer, programs=[program])

    assert outsider.get(program, "/contracts", limit="1000")["contracts"] == []
    assert outsider.get(program, "/contracts", grant_hash=grant_hash(content))["contracts"] == []


def _listed(peer: PlayedPeer, program: Program, name: str) -> list[JsonObject]:
    services = peer.get(program, "/services", service_name=name)["services"]
    return [one["data"] for one in services if one["data"]["name"] == name]


def _check_published(
    program: Program, provider: PlayedPeer, outsider: PlayedPeer, name: str, *,
    on_behalf_of: PlayedPeer | None = None, properties: JsonObject | None = None,
) -> None:  # fmt: skip
    """A Service is listed for every Peer with all that is known of it, and no longer once its Contract is revoked."""
    content = contract(publication(program, provider, name=name, on_behalf_of=on_behalf_of, properties=properties))
    assert _listed(outsider, program, name) == []
    agree(content, *filter(None, (provider, on_behalf_of)), programs=[program])

    [listed] = _listed(outsider, program, name)

    kind = "SERVICE_TYPE_SERVICE" if on_behalf_of is None else "SERVICE_TYPE_DELEGATED_SERVICE"
    expected: JsonObject = {
        "type": kind,
        "name": name,
        "protocol": "PROTOCOL_TCP_HTTP_1.1",
        "peer": {"id": provider.peer_id, "name": "Gemeente provider", "manager_address": provider.manager_url},
    }
    if on_behalf_of is not None:
        expected["delegator"] = {"peer_id": on_behalf_of.peer_id, "peer_name": f"Gemeente {on_behalf_of.name}"}
    if properties is not None:
        expected["properties"] = properties
    assert listed == expected
    assert provider.put("revoke", content, program).status == 201
    assert _listed(outsider, program, name) == []


@pytest.mark.fsc("Manager-Services-1")
def test_manager_services_1_published(program: Program, provider: PlayedPeer, outsider: PlayedPeer) -> None:
    _check_published(program, provider, outsider, "listed-1")


@pytest.mark.fsc("Manager-Services-2")
def test_manager_services_2_delegated(
    program: Program, provider: PlayedPeer, outsider: PlayedPeer, owner: PlayedPeer
) -> None:
    _check_published(program, provider, outsider, "listed-2", on_behalf_of=owner)


@pytest.mark.fsc("Manager-Services-3")
def test_manager_services_3_with_properties(program: Program, provider: PlayedPeer, outsider: PlayedPeer) -> None:
    _check_published(program, provider, outsider, "listed-3", properties=PROPERTIES)


@pytest.mark.fsc("Manager-Services-4")
def test_manager_services_4_delegated_with_properties(
    program: Program, provider: PlayedPeer, outsider: PlayedPeer, owner: PlayedPeer
) -> None:
    _check_published(program, provider, outsider, "listed-4", on_behalf_of=owner, properties=PROPERTIES)


# -- Access tokens


def _check_token(program: Program, consumer: PlayedPeer, content: JsonObject, **particular: object) -> None:
    """The consumer gets a token that says exactly what the Contract says, and nothing else."""
    began = int(time.time())
    answer = consumer.ask_token(program, grant_hash(content))

    assert answer.status == 200, answer.body
    said = answer.json()
    assert said["token_type"].lower() == "bearer"
    token = consumer.verified(said["access_token"], program)
    assert token.peer_id == program.peer_id
    assert token.header["typ"] == "JWT"
    claims = token.payload
    assert began < claims.pop("exp") <= time.time() + 3600
    assert claims.pop("nbf") <= time.time()
    assert claims == {
        "gth": grant_hash(content),
        "gid": content["group_id"],
        "sub": consumer.peer_id,
        "iss": program.peer_id,
        "svc": SERVICE,
        "aud": program.inway_url,
        "cnf": {"x5t#S256": consumer.credential.thumbprint},
        "add": {},
        **particular,
    }


def _oauth_refusal(answer: Answer) -> tuple[int, str]:
    """Status and error of a refused token request, in the form of RFC 6749."""
    said = answer.json()
    assert set(said) <= {"error", "error_description", "error_uri"}
    assert said["error_description"]
    return answer.status, said["error"]


@pytest.fixture(scope="module")
def agreed(program: Program, consumer: PlayedPeer) -> JsonObject:
    """A valid Contract by which the consumer may use the Service."""
    content = contract(connection(consumer, program))
    agree(content, consumer, programs=[program])
    return content


@pytest.mark.fsc("Manager-GetToken-1")
def test_manager_get_token_1_valid_contract(program: Program, consumer: PlayedPeer, agreed: JsonObject) -> None:
    _check_token(program, consumer, agreed)


@pytest.mark.fsc("Manager-GetToken-2")
def test_manager_get_token_2_no_valid_contract(
    program: Program, consumer: PlayedPeer, owner: PlayedPeer, outsider: PlayedPeer, agreed: JsonObject
) -> None:
    unknown = contract(connection(consumer, program))
    assert _oauth_refusal(consumer.ask_token(program, grant_hash(unknown))) == (400, "invalid_scope")
    proposed = contract(connection(consumer, program, offered_for=owner))
    assert consumer.submit(proposed, program).status == 201
    assert _oauth_refusal(consumer.ask_token(program, grant_hash(proposed))) == (400, "invalid_grant")
    assert _oauth_refusal(outsider.ask_token(program, grant_hash(agreed))) == (400, "unauthorized_client")


@pytest.mark.fsc("Manager-GetToken-3")
def test_manager_get_token_3_revoked_contract(program: Program, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, program))
    agree(content, consumer, programs=[program])
    assert consumer.ask_token(program, grant_hash(content)).status == 200

    assert consumer.put("revoke", content, program).status == 201

    assert _oauth_refusal(consumer.ask_token(program, grant_hash(content))) == (400, "invalid_grant")


@pytest.mark.fsc("Manager-GetToken-4")
@pytest.mark.parametrize("scope", ["nonsense", "$1$3$", "$1$3$not*base64url", "1$3$AAAA"])
def test_manager_get_token_4_malformed_grant_hash(scope: str, program: Program, consumer: PlayedPeer) -> None:
    assert _oauth_refusal(consumer.ask_token(program, scope)) == (400, "invalid_scope")


@pytest.mark.fsc("Manager-GetToken-5")
def test_manager_get_token_5_other_grant_type(program: Program, consumer: PlayedPeer, agreed: JsonObject) -> None:
    answer = consumer.ask_token(program, grant_hash(agreed), grant_type="authorization_code")

    assert _oauth_refusal(answer) == (400, "unsupported_grant_type")


@pytest.mark.fsc("Manager-GetToken-6")
def test_manager_get_token_6_delegated_connection(
    program: Program, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    content = contract(connection(consumer, program, on_behalf_of=delegator))
    agree(content, consumer, delegator, programs=[program])

    _check_token(program, consumer, content, act={"sub": delegator.peer_id})


@pytest.mark.fsc("Manager-GetToken-7")
def test_manager_get_token_7_delegated_service(program: Program, consumer: PlayedPeer, owner: PlayedPeer) -> None:
    content = contract(connection(consumer, program, offered_for=owner))
    agree(content, consumer, owner, programs=[program])

    _check_token(program, consumer, content, pdi=owner.peer_id)


@pytest.mark.fsc("Manager-GetToken-8")
def test_manager_get_token_8_no_client_id(program: Program, consumer: PlayedPeer, agreed: JsonObject) -> None:
    answer = consumer.ask_token(program, grant_hash(agreed), client_id="")

    assert _oauth_refusal(answer) == (400, "invalid_request")


@pytest.mark.fsc("Manager-GetToken-9")
def test_manager_get_token_9_client_id_of_another_peer(
    program: Program, consumer: PlayedPeer, outsider: PlayedPeer, agreed: JsonObject
) -> None:
    answer = consumer.ask_token(program, grant_hash(agreed), client_id=outsider.peer_id)
    stolen = outsider.ask_token(program, grant_hash(agreed), client_id=consumer.peer_id)

    assert _oauth_refusal(answer) == _oauth_refusal(stolen) == (400, "invalid_client")


@pytest.mark.fsc("Manager-GetToken-10")
def test_manager_get_token_10_properties(program: Program, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, program, properties=PROPERTIES))
    agree(content, consumer, programs=[program])

    _check_token(program, consumer, content, prp=PROPERTIES)


@pytest.mark.fsc("Manager-GetToken-11")
def test_manager_get_token_11_properties_of_a_delegated_grant(
    program: Program, consumer: PlayedPeer, delegator: PlayedPeer, owner: PlayedPeer
) -> None:
    content = contract(connection(consumer, program, on_behalf_of=delegator, offered_for=owner, properties=PROPERTIES))
    agree(content, consumer, delegator, owner, programs=[program])

    _check_token(program, consumer, content, act={"sub": delegator.peer_id}, pdi=owner.peer_id, prp=PROPERTIES)


def test_a_renewed_certificate_gets_a_token_while_its_key_is_the_same(
    group: Group, program: Program, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    """The Contract names the key of the Outway, the token the certificate: FSC Core, Certificate renewal."""
    same_key = group.issue("consumer", consumer.peer_id, key=consumer.credential.private_key)
    new_key = group.issue("consumer", consumer.peer_id)

    renewed = consumer.ask_token(program, grant_hash(agreed), credential=same_key)
    other = consumer.ask_token(program, grant_hash(agreed), credential=new_key)

    claims = consumer.verified(renewed.json()["access_token"], program).payload
    assert claims["cnf"] == {"x5t#S256": same_key.thumbprint}
    assert _oauth_refusal(other) == (400, "unauthorized_client")


# -- Who there is, with which keys, where, and what was logged


@pytest.mark.fsc("Manager-PeerInfo-1")
def test_manager_peer_info_1(program: Program, outsider: PlayedPeer) -> None:
    assert outsider.get(program, "/peer") == {
        "peer_id": program.peer_id,
        "peer_name": "Gemeente tested",
        "fsc_version": "2.0.0",
        "enabled_extensions": {"EXTENSION_DELEGATION": "1.0.0", "EXTENSION_TRANSACTION_LOGGING": "1.0.0"},
    }


@pytest.mark.fsc("Manager-Peers-1")
def test_manager_peers_1_announced(group: Group, program: Program, outsider: PlayedPeer) -> None:
    newcomer = group.play("newcomer")
    assert outsider.get(program, "/peers", peer_id=newcomer.peer_id)["peers"] == []

    newcomer.announce(program)

    expected = {"id": newcomer.peer_id, "name": "Gemeente newcomer", "manager_address": newcomer.manager_url}
    for query in ({}, {"peer_id": newcomer.peer_id}, {"peer_name": "NEWCOMER"}):
        listed = outsider.get(program, "/peers", **query)["peers"]
        assert [one for one in listed if one["id"] == newcomer.peer_id] == [expected]


@pytest.mark.fsc("Manager-TransactionLogRecord-1")
def test_manager_transaction_log_record_1_shows_only_what_names_the_caller(
    program: Program, service: Listener, consumer: PlayedPeer, delegator: PlayedPeer, owner: PlayedPeer,
    outsider: PlayedPeer,
) -> None:  # fmt: skip
    content = contract(connection(consumer, program, on_behalf_of=delegator, offered_for=owner))
    agree(content, consumer, delegator, owner, programs=[program])
    transaction_id = new_transaction_id()
    token = consumer.token(program, grant_hash(content))
    assert consumer.through(program, token, transaction_id=transaction_id).status == 200

    for party in (consumer, delegator, owner):
        [record] = party.records(program, transaction_id)
        assert record["grant_hash"] == grant_hash(content)
    assert outsider.records(program, transaction_id) == []
    assert outsider.get(program, "/logs")["records"] == []


@pytest.mark.fsc("Manager-Port-1")
def test_manager_port_1(standard_ports: tuple[Program, str], outsider: PlayedPeer) -> None:
    program, address = standard_ports

    answer = call(outsider.credential, "GET", f"{program.manager_url}/v1/peer", address=address)

    assert program.manager_url.endswith(":8443")
    assert (answer.status, answer.peer_id) == (200, program.peer_id)


def test_an_address_with_another_port_is_refused(standard_ports: tuple[Program, str], outsider: PlayedPeer) -> None:
    program, address = standard_ports
    headers = {"Fsc-Manager-Address": "https://manager.outsider.localhost:9443"}

    answer = call(outsider.credential, "PUT", f"{program.manager_url}/v1/announce", headers=headers, address=address)

    assert answer.refusal == (400, "ERROR_CODE_INVALID_REQUEST")
    listed = call(outsider.credential, "GET", f"{program.manager_url}/v1/peers", address=address)
    assert listed.json()["peers"] == []


@pytest.mark.fsc("Manager-JSONWebKeySet-1")
def test_manager_json_web_key_set_1(program: Program, consumer: PlayedPeer, agreed: JsonObject) -> None:
    keys = {key["x5t#S256"]: key for key in consumer.get(program, "/.well-known/jwks.json")["keys"]}

    signatures = consumer.signed_at(program, agreed)
    assert signatures is not None
    for jws in (signatures["accept"][program.peer_id], consumer.token(program, grant_hash(agreed))):
        signed = consumer.verified(jws, program)
        key = keys[signed.header["x5t#S256"]]
        assert {"kty": "EC", "use": "sig", "alg": signed.header["alg"]}.items() <= key.items()
        assert key["x5t#s256"] == key["x5t#S256"] == thumbprint_of(program.credential.certificate)
        point = program.credential.jwk()
        assert {name: key[name] for name in ("crv", "x", "y")} == {name: point[name] for name in ("crv", "x", "y")}
        assert base64.b64decode(key["x5c"][0]) == program.credential.certificate.public_bytes(Encoding.DER)


# -- What the program says of its own accord, to a Directory that is played


def test_the_program_announces_itself(program: Program, directory: PlayedPeer) -> None:
    known = eventually("the program to announce itself", lambda: directory.announced.get(program.peer_id))

    assert known["manager_address"] == program.manager_url


def test_the_program_publishes_its_service(program: Program, directory: PlayedPeer) -> None:
    def offered() -> JsonObject | None:
        grants = {id(one): one.content["grants"][0]["data"] for one in directory.contracts.values()}
        wanted = publication(directory, program, name=PUBLISHED)
        return next((one.content for one in directory.contracts.values() if grants[id(one)] == wanted), None)

    content = eventually("the publication to be offered", offered)
    assert directory.holds(content, "accept") == {program.peer_id}

    assert directory.put("accept", content, program).status == 201

    assert directory.signers_at(program, content, "accept") == parties(content)
