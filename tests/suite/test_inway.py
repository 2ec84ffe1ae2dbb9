"""The official scenarios of the Inway.

Denied means: the status and code of the standard, and the Service is not called.
"""

import http.client
import time

import pytest

from certs.authority import DevelopmentAuthority
from clock import SystemClock
from tests.e2e.federation import eventually
from tests.suite.contract import SERVICE, connection, contract, grant_hash
from tests.suite.credential import JsonObject
from tests.suite.group import ACCEPT_ALL, Group, agree, offering
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Answer, Listener, Reply, Request, call, new_transaction_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TOKEN_TTL_S = 8
"""Short, so that a test can wait until a token has expired."""


@pytest.fixture(scope="module")
def short_lived(group: Group, upstream: Listener) -> Program:
    """A program whose tokens do not live long."""
    tenant = {"services": offering(upstream.port), "accept": ACCEPT_ALL}
    program = group.prepare("short", tenant=tenant, token_ttl_seconds=TOKEN_TTL_S)
    program.process.start()
    return program


@pytest.fixture(scope="module")
def agreed(program: Program, consumer: PlayedPeer) -> JsonObject:
    """A valid Contract by which the consumer may use the Service."""
    content = contract(connection(consumer, program))
    agree(content, consumer, programs=[program])
    return content


def _check_denied(answer: Answer, status: int, code: str, service: Listener) -> None:
    assert answer.refusal == (status, code)
    assert answer.json()["domain"] == "ERROR_DOMAIN_INWAY"
    assert (answer.headers["WWW-Authenticate"] == "Bearer") is (status == 401)
    assert service.received == []


@pytest.mark.fsc("Inway-Incoming-Request-1")
def test_inway_incoming_request_1_valid_token(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    service.answer = lambda _: Reply(418, b"short and stout", {"X-Service": "echo"})

    answer = consumer.through(program, consumer.token(program, grant_hash(agreed)), "/some/path?q=%20a+b")

    assert answer.peer_id == program.peer_id
    assert (answer.status, answer.body, answer.headers["X-Service"]) == (418, b"short and stout", "echo")
    [request] = service.received
    assert (request.method, request.path) == ("GET", "/some/path?q=%20a+b")


@pytest.mark.fsc("Inway-Incoming-Request-2")
def test_inway_incoming_request_2_no_token(program: Program, service: Listener, consumer: PlayedPeer) -> None:
    answer = consumer.through(program, None)

    _check_denied(answer, 401, "ERROR_CODE_ACCESS_TOKEN_MISSING", service)


@pytest.mark.fsc("Inway-Incoming-Request-3")
def test_inway_incoming_request_3_token_bound_to_another_certificate(
    group: Group, program: Program, service: Listener, consumer: PlayedPeer, outsider: PlayedPeer, agreed: JsonObject
) -> None:
    token = consumer.token(program, grant_hash(agreed))
    another = group.issue("consumer", consumer.peer_id)

    for credential in (another, outsider.credential):
        answer = consumer.through(program, token, credential=credential)

        _check_denied(answer, 401, "ERROR_CODE_ACCESS_TOKEN_INVALID", service)
    assert consumer.through(program, token).status == 200


@pytest.mark.fsc("Inway-Incoming-Request-4")
def test_inway_incoming_request_4_untrusted_certificate(
    group: Group, program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    token = consumer.token(program, grant_hash(agreed))
    stranger = DevelopmentAuthority.create("another group", now=SystemClock().now())
    untrusted = group.issue("consumer", consumer.peer_id, authority=stranger)

    with pytest.raises((OSError, http.client.HTTPException)):
        consumer.through(program, token, credential=untrusted)

    assert service.received == []


@pytest.mark.fsc("Inway-Incoming-Request-5")
def test_inway_incoming_request_5_token_reaches_the_service(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    token = consumer.token(program, grant_hash(agreed))

    assert consumer.through(program, token).status == 200

    [request] = service.received
    assert request.headers.get_all("Fsc-Authorization") == [f"Bearer {token}"]


@pytest.mark.fsc("Inway-TransactionLog-1")
def test_inway_transaction_log_1_record_before_the_service_is_called(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    transaction_id = new_transaction_id()

    def look(_: Request) -> Reply:
        return Reply.of(consumer.records(program, transaction_id))

    service.answer = look
    began = int(time.time())

    answer = consumer.through(program, consumer.token(program, grant_hash(agreed)), transaction_id=transaction_id)

    [record] = answer.json()
    assert began <= record.pop("created_at") <= time.time()
    assert record == {
        "transaction_id": transaction_id,
        "direction": "DIRECTION_INCOMING",
        "grant_hash": grant_hash(agreed),
        "source": {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": consumer.peer_id},
        "destination": {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": program.peer_id},
        "service_name": SERVICE,
    }


@pytest.mark.fsc("Inway-TransactionLog-2")
def test_inway_transaction_log_2_id_reaches_the_service(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    transaction_id = new_transaction_id()

    consumer.through(program, consumer.token(program, grant_hash(agreed)), transaction_id=transaction_id)

    [request] = service.received
    assert request.headers.get_all("Fsc-Transaction-Id") == [transaction_id]


@pytest.mark.fsc("Inway-TransactionLog-3")
def test_inway_transaction_log_3_no_id(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    token = consumer.token(program, grant_hash(agreed))

    _check_denied(consumer.through(program, token, transaction_id=None), 400, "MISSING_LOG_RECORD_ID", service)
    _check_denied(consumer.through(program, token, transaction_id="not-a-uuid"), 400, "INVALID_LOG_RECORD_ID", service)


def _logged(program: Program, consumer: PlayedPeer, content: JsonObject, *readers: PlayedPeer) -> JsonObject:
    """The record of one request under this Contract, as each of the readers is shown it."""
    transaction_id = new_transaction_id()
    token = consumer.token(program, grant_hash(content))
    assert consumer.through(program, token, transaction_id=transaction_id).status == 200
    [record] = consumer.records(program, transaction_id)
    for reader in readers:
        assert reader.records(program, transaction_id) == [record]
    return record


@pytest.mark.fsc("Inway-TransactionLog-4")
def test_inway_transaction_log_4_delegated_source(
    program: Program, service: Listener, consumer: PlayedPeer, delegator: PlayedPeer
) -> None:
    content = contract(connection(consumer, program, on_behalf_of=delegator))
    agree(content, consumer, delegator, programs=[program])

    record = _logged(program, consumer, content, delegator)

    assert record["source"] == {
        "type": "SOURCE_TYPE_DELEGATED_SOURCE",
        "outway_peer_id": consumer.peer_id,
        "delegator_peer_id": delegator.peer_id,
    }
    assert record["destination"] == {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": program.peer_id}


@pytest.mark.fsc("Inway-TransactionLog-5")
def test_inway_transaction_log_5_delegated_destination(
    program: Program, service: Listener, consumer: PlayedPeer, owner: PlayedPeer
) -> None:
    content = contract(connection(consumer, program, offered_for=owner))
    agree(content, consumer, owner, programs=[program])

    record = _logged(program, consumer, content, owner)

    assert record["source"] == {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": consumer.peer_id}
    assert record["destination"] == {
        "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
        "service_peer_id": program.peer_id,
        "delegator_peer_id": owner.peer_id,
    }


@pytest.mark.fsc("Inway-TransactionLog-6")
def test_inway_transaction_log_6_log_is_out_of_order(
    program: Program, service: Listener, consumer: PlayedPeer, agreed: JsonObject
) -> None:
    token = consumer.token(program, grant_hash(agreed))

    with program.without_log():
        answer = consumer.through(program, token)

        _check_denied(answer, 500, "TRANSACTION_LOG_WRITE_ERROR", service)

    def works() -> bool | None:
        return True if consumer.through(program, token).status == 200 else None

    assert eventually("the log to be in order again", works)
    assert service.received != []


@pytest.mark.fsc("Inway-Port-1")
def test_inway_port_1(standard_ports: tuple[Program, str], service: Listener, consumer: PlayedPeer) -> None:
    program, address = standard_ports

    answer = call(consumer.credential, "GET", f"{program.inway_url}/", address=address)

    assert program.process.ports["inway"] in (443, 8443)
    assert answer.peer_id == program.peer_id
    _check_denied(answer, 401, "ERROR_CODE_ACCESS_TOKEN_MISSING", service)


@pytest.mark.fsc("Inway-Incoming-Request-6")
def test_inway_incoming_request_6_expired_token(short_lived: Program, service: Listener, consumer: PlayedPeer) -> None:
    content = contract(connection(consumer, short_lived))
    agree(content, consumer, programs=[short_lived])
    token = consumer.token(short_lived, grant_hash(content))
    expires_at = consumer.verified(token, short_lived).payload["exp"]
    assert consumer.through(short_lived, token).status == 200
    service.received.clear()

    time.sleep(max(0.0, expires_at - time.time()))

    _check_denied(consumer.through(short_lived, token), 401, "ERROR_CODE_ACCESS_TOKEN_EXPIRED", service)
