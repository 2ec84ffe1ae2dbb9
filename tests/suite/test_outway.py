"""The official scenarios of the Outway: the program consumes a Service of a Peer that the test plays."""

import time

import pytest
from cryptography import x509

from tests.e2e.federation import eventually, free_port
from tests.suite.contract import SERVICE, connection, contract, grant_hash
from tests.suite.credential import JsonObject, peer_id_of, thumbprint_of
from tests.suite.group import agree
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Answer, Reply, Request, new_transaction_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


@pytest.fixture
def provided(provider: PlayedPeer) -> PlayedPeer:
    """The provider, whose Inway has not been called yet and answers what it is; its Manager issues tokens."""
    provider.inway.received.clear()
    provider.inway.answer = lambda _: Reply.of({"inway": provider.name})
    provider.token_answer = provider.issue_token
    return provider


@pytest.fixture
def agreed(program: Program, provided: PlayedPeer) -> JsonObject:
    """A new valid Contract by which the program may use the Service of the provider."""
    content = contract(connection(program, provided))
    agree(content, provided, programs=[program])
    return content


def _check_refused(answer: Answer, status: int, code: str, provider: PlayedPeer) -> None:
    assert answer.refusal == (status, code)
    assert answer.json()["domain"] == "ERROR_DOMAIN_OUTWAY"
    assert provider.inway.received == []


@pytest.mark.fsc("Outway-IncomingRequest-1")
def test_outway_incoming_request_1_is_proxied(program: Program, provided: PlayedPeer, agreed: JsonObject) -> None:
    answered = Reply(418, b"short and stout", {"X-Service": SERVICE})
    provided.inway.answer = lambda _: answered

    answer = program.application("/some/path?q=%20a+b", Fsc_Grant_Hash=grant_hash(agreed), X_Own="kept")

    assert (answer.status, answer.body, answer.headers["X-Service"]) == (418, b"short and stout", SERVICE)
    [request] = provided.inway.received
    assert (request.method, request.path, request.headers["X-Own"]) == ("GET", "/some/path?q=%20a+b", "kept")
    assert request.caller == program.peer_id
    assert request.leaf is not None
    scheme, _, token = request.headers["Fsc-Authorization"].partition(" ")
    claims = provided.issued[token]
    assert (scheme, claims["gth"], claims["sub"]) == ("Bearer", grant_hash(agreed), program.peer_id)
    assert claims["cnf"] == {"x5t#S256": thumbprint_of(request.leaf)}


@pytest.mark.fsc("Outway-IncomingRequest-2")
def test_outway_incoming_request_2_no_contract(program: Program, provided: PlayedPeer) -> None:
    unknown = contract(connection(program, provided))

    answer = program.application(Fsc_Grant_Hash=grant_hash(unknown))

    _check_refused(answer, 400, "UNKNOWN_GRANT_HASH_IN_HEADER", provided)


@pytest.mark.fsc("Outway-IncomingRequest-2")
def test_outway_incoming_request_2_token_is_refused(program: Program, provided: PlayedPeer, agreed: JsonObject) -> None:
    provided.token_answer = lambda form, client: Reply.of(
        {"error": "invalid_grant", "error_description": "told by the Manager of the provider"}, 400
    )

    answer = program.application(Fsc_Grant_Hash=grant_hash(agreed))

    _check_refused(answer, 502, "ERROR_CODE_TOKEN_REQUEST_FAILED", provided)
    assert "invalid_grant" in answer.json()["message"]
    assert "told by the Manager of the provider" in answer.json()["message"]


@pytest.mark.fsc("Outway-IncomingRequest-2")
@pytest.mark.parametrize(
    "wrong",
    [
        {"gid": "another.group.test"},
        {"iss": "00000009999999999000"},
        {"gth": "$1$3$AAAA"},
        {"svc": "another"},
        {"cnf": {"x5t#S256": "A" * 43}},
        {"exp": 1},
    ],
    ids=lambda wrong: str(*wrong),
)
def test_outway_incoming_request_2_token_is_not_what_was_asked_for(
    wrong: JsonObject, program: Program, provided: PlayedPeer, agreed: JsonObject
) -> None:
    def mistaken(form: dict[str, str], client: x509.Certificate) -> Reply:
        return provided.token_reply({**provided.claims(form, client), **wrong})

    provided.token_answer = mistaken

    answer = program.application(Fsc_Grant_Hash=grant_hash(agreed))

    _check_refused(answer, 502, "ERROR_CODE_TOKEN_REQUEST_FAILED", provided)


@pytest.mark.fsc("Outway-IncomingRequest-3")
def test_outway_incoming_request_3_inway_does_not_answer(
    program: Program, provided: PlayedPeer, agreed: JsonObject
) -> None:
    def elsewhere(form: dict[str, str], client: x509.Certificate) -> Reply:
        claims = provided.claims(form, client)
        return provided.token_reply({**claims, "aud": f"https://inway.provider.localhost:{free_port()}"})

    provided.token_answer = elsewhere

    answer = program.application(Fsc_Grant_Hash=grant_hash(agreed))

    _check_refused(answer, 502, "ERROR_CODE_INWAY_UNREACHABLE", provided)


@pytest.mark.fsc("Outway-IncomingRequest-3")
def test_outway_incoming_request_3_inway_is_of_another_peer(
    program: Program, provided: PlayedPeer, owner: PlayedPeer, agreed: JsonObject
) -> None:
    def elsewhere(form: dict[str, str], client: x509.Certificate) -> Reply:
        return provided.token_reply({**provided.claims(form, client), "aud": owner.inway_url})

    provided.token_answer = elsewhere

    answer = program.application(Fsc_Grant_Hash=grant_hash(agreed))

    _check_refused(answer, 502, "ERROR_CODE_INWAY_UNREACHABLE", provided)
    assert owner.inway.received == []


def _record_seen_by(reader: PlayedPeer, program: Program, provider: PlayedPeer, content: JsonObject) -> JsonObject:
    """The record that is in the log of the program at the moment that its request reaches the Inway."""

    def look(request: Request) -> Reply:
        return Reply.of(reader.records(program, request.headers["Fsc-Transaction-Id"]))

    provider.inway.answer = look
    began = int(time.time())
    answer = program.application(Fsc_Grant_Hash=grant_hash(content))
    assert answer.status == 200, answer.body
    [record] = answer.json()
    assert began <= record.pop("created_at") <= time.time()
    common = {
        "transaction_id": answer.headers["Fsc-Transaction-Id"],
        "direction": "DIRECTION_OUTGOING",
        "grant_hash": grant_hash(content),
        "service_name": SERVICE,
    }
    assert {name: record[name] for name in common} == common
    assert set(record) == {*common, "source", "destination"}
    found: JsonObject = record
    return found


@pytest.mark.fsc("Outway-TransactionLog-1")
def test_outway_transaction_log_1_record_before_sending(
    program: Program, provided: PlayedPeer, agreed: JsonObject
) -> None:
    record = _record_seen_by(provided, program, provided, agreed)

    assert record["source"] == {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": program.peer_id}
    assert record["destination"] == {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": provided.peer_id}


@pytest.mark.fsc("Outway-TransactionLog-2")
def test_outway_transaction_log_2_id_is_in_the_request(
    program: Program, provided: PlayedPeer, agreed: JsonObject
) -> None:
    made = program.application(Fsc_Grant_Hash=grant_hash(agreed))
    own = new_transaction_id()
    taken = program.application(Fsc_Grant_Hash=grant_hash(agreed), Fsc_Transaction_Id=own)

    sent = [request.headers.get_all("Fsc-Transaction-Id") for request in provided.inway.received]
    assert sent == [[made.headers["Fsc-Transaction-Id"]], [own]]
    assert taken.headers["Fsc-Transaction-Id"] == own
    assert made.headers["Fsc-Transaction-Id"][14] == "7"


@pytest.mark.fsc("Outway-TransactionLog-3")
def test_outway_transaction_log_3_delegated_source(
    program: Program, provided: PlayedPeer, delegator: PlayedPeer
) -> None:
    content = contract(connection(program, provided, on_behalf_of=delegator))
    agree(content, provided, delegator, programs=[program])

    record = _record_seen_by(delegator, program, provided, content)

    assert record["source"] == {
        "type": "SOURCE_TYPE_DELEGATED_SOURCE",
        "outway_peer_id": program.peer_id,
        "delegator_peer_id": delegator.peer_id,
    }
    assert record["destination"] == {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": provided.peer_id}


@pytest.mark.fsc("Outway-TransactionLog-4")
def test_outway_transaction_log_4_delegated_destination(
    program: Program, provided: PlayedPeer, owner: PlayedPeer
) -> None:
    content = contract(connection(program, provided, offered_for=owner))
    agree(content, provided, owner, programs=[program])

    record = _record_seen_by(owner, program, provided, content)

    assert record["source"] == {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": program.peer_id}
    assert record["destination"] == {
        "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
        "service_peer_id": provided.peer_id,
        "delegator_peer_id": owner.peer_id,
    }


@pytest.mark.fsc("Outway-TransactionLog-5")
def test_outway_transaction_log_5_log_is_out_of_order(
    program: Program, provided: PlayedPeer, agreed: JsonObject
) -> None:
    with program.without_log():
        answer = program.application(Fsc_Grant_Hash=grant_hash(agreed))

        _check_refused(answer, 500, "TRANSACTION_LOG_WRITE_ERROR", provided)

    def works() -> bool | None:
        return True if program.application(Fsc_Grant_Hash=grant_hash(agreed)).status == 200 else None

    assert eventually("the log to be in order again", works)
    assert {peer_id_of(request.leaf) for request in provided.inway.received if request.leaf} == {program.peer_id}


# -- What follows from the standard, and the official suite does not ask


def test_a_contract_that_the_program_offers_is_by_the_book(program: Program, provided: PlayedPeer) -> None:
    service = f"{provided.peer_id}/{SERVICE}"
    offered = program.process.ask("contracts", "request", "--service", service)["content_hash"]
    content = eventually("the Contract to be offered", lambda: provided.contracts.get(offered)).content
    assert [item["data"] for item in content["grants"]] == [connection(program, provided)]
    assert provided.signers_at(program, content, "accept") == {program.peer_id}

    assert provided.put("accept", content, program).status == 201

    answer = program.application(Fsc_Service=service)
    assert (answer.status, answer.json()) == (200, {"inway": provided.name})
    assert provided.holds(content, "accept") == {program.peer_id, provided.peer_id}
