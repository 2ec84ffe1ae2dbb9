"""Transaction ids and the transaction log at the Inway."""

import asyncio
from collections.abc import Sequence

import pytest

from gateway.fsc.external_contract import CONNECTION_REFERENCE
from gateway.fsc.grants import Grant
from gateway.fsc.logrecord import Direction
from gateway.txlog.log import TransactionLog
from tests.gateway.dataplane import DataPlane, HeldLog, refusal
from tests.gateway.echo import answering
from tests.gateway.material import (
    CONSUMER,
    DELEGATOR,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    connection_grant,
    delegated_grant,
    doubly_delegated_grant,
    grant_on_delegated_service,
    uuid7,
)
from tests.gateway.wire import Message, Wire

MISSING = (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")


# -- the transaction id


@pytest.mark.fsc("Inway-TransactionLog-3")
async def test_without_a_transaction_id_nothing_passes(plane: DataPlane) -> None:
    answer = await plane.ask_inway(f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode())
    assert refusal(answer, "INWAY") == (400, "MISSING_LOG_RECORD_ID")
    assert plane.service.received == []


@pytest.mark.parametrize(
    "values",
    [
        [""],
        ["1"],
        ["not-a-uuid-at-all-but-36-characters-x"],
        ["6ba7b810-9dad-41d1-80b4-00c04fd430c8"],
        ["01a20966-5068-77ca-a1b0-299c54a3a583", "01a20966-5068-77ca-a1b0-299c54a3a583"],
        ["01a20966-5068-77ca-a1b0-299c54a3a583, 01a20966-5068-77ca-a1b0-299c54a3a583"],
    ],
)
async def test_any_other_transaction_id_than_one_uuid7_is_refused(plane: DataPlane, values: Sequence[str]) -> None:
    lines = [f"Fsc-Transaction-Id: {value}\r\n".encode() for value in values]
    answer = await plane.ask_inway(f"Fsc-Authorization: Bearer {plane.token()}\r\n".encode(), *lines)
    assert refusal(answer, "INWAY") == (400, "INVALID_LOG_RECORD_ID")
    assert plane.service.received == []


async def test_the_token_is_judged_before_the_transaction_id(plane: DataPlane) -> None:
    assert refusal(await plane.ask_inway(b"Fsc-Transaction-Id: 1\r\n"), "INWAY") == MISSING


# -- the log


@pytest.mark.fsc("Inway-TransactionLog-1")
async def test_the_record_is_durable_before_the_service_sees_the_request(plane: DataPlane) -> None:
    assert isinstance(plane.provider.log, TransactionLog)
    held = HeldLog(plane.provider.log)
    plane.provider.log = held
    transaction_id = uuid7()
    records_at_the_service = []

    async def behave(request: Message, wire: Wire) -> None:
        records_at_the_service.extend(await plane.provider_records())
        await answering(b"HTTP/1.1 204 No Content\r\n\r\n")(request, wire)

    plane.service.behaviour = behave
    async with plane.inway() as wire, asyncio.TaskGroup() as tasks:
        lines = plane.authorized(transaction_id=transaction_id)
        asked = tasks.create_task(wire.ask(b"GET / HTTP/1.1\r\nHost: inway\r\n", lines, b"\r\n"))
        await held.waiting.wait()
        assert plane.service.connections == 0
        held.release.set()
        assert (await asked).status == 204
    assert [record.transaction_id for record in records_at_the_service] == [transaction_id]


@pytest.mark.fsc("Inway-TransactionLog-6")
async def test_a_log_that_cannot_be_written_stops_the_request(plane: DataPlane) -> None:
    plane.provider_log.available = False
    assert refusal(await plane.ask_inway(plane.authorized()), "INWAY") == (500, "TRANSACTION_LOG_WRITE_ERROR")
    assert plane.service.connections == 0


@pytest.mark.fsc("Inway-TransactionLog-2")
@pytest.mark.fsc("Inway-Incoming-Request-1")
@pytest.mark.fsc("Inway-Incoming-Request-5")
async def test_token_and_transaction_id_reach_the_service(plane: DataPlane) -> None:
    token, transaction_id = plane.token(), uuid7()
    answer = await plane.ask_inway(plane.authorized(token, transaction_id), start=b"GET /path?query HTTP/1.1")
    assert (answer.status, answer.body) == (200, b"ok")
    (received,) = plane.service.received
    assert (received.head.method, received.head.target) == ("GET", "/path?query")
    assert received.head.all("Fsc-Authorization") == [f"Bearer {token}"]
    assert received.head.all("Fsc-Transaction-Id") == [transaction_id]


async def test_the_record_names_both_peers_service_and_grant(plane: DataPlane) -> None:
    transaction_id = uuid7()
    await plane.ask_inway(plane.authorized(transaction_id=transaction_id))
    (record,) = await plane.provider_records()
    assert record.to_json() == {
        "transaction_id": transaction_id,
        "direction": Direction.INCOMING.value,
        "grant_hash": plane.grant_hash,
        "source": {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER},
        "destination": {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER},
        "service_name": ECHO,
        "created_at": plane.clock.now(),
    }


SOURCE = {"type": "SOURCE_TYPE_SOURCE", "outway_peer_id": CONSUMER}
DELEGATED_SOURCE = {
    "type": "SOURCE_TYPE_DELEGATED_SOURCE",
    "outway_peer_id": CONSUMER,
    "delegator_peer_id": DELEGATOR,
}
DESTINATION = {"type": "DESTINATION_TYPE_DESTINATION", "service_peer_id": PROVIDER}
DELEGATED_DESTINATION = {
    "type": "DESTINATION_TYPE_DELEGATED_DESTINATION",
    "service_peer_id": PROVIDER,
    "delegator_peer_id": SERVICE_DELEGATOR,
}


@pytest.mark.fsc("Inway-TransactionLog-4")
@pytest.mark.fsc("Inway-TransactionLog-5")
@pytest.mark.parametrize(
    ("grant", "source", "destination"),
    [
        (delegated_grant(), DELEGATED_SOURCE, DESTINATION),
        (grant_on_delegated_service(), SOURCE, DELEGATED_DESTINATION),
        (doubly_delegated_grant(), DELEGATED_SOURCE, DELEGATED_DESTINATION),
    ],
)
async def test_the_record_names_the_delegators(
    plane: DataPlane, grant: Grant, source: dict[str, str], destination: dict[str, str]
) -> None:
    record = await plane.add_contract(grant)
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    (logged,) = await plane.provider_records()
    assert (logged.to_json()["source"], logged.to_json()["destination"]) == (source, destination)


async def test_the_record_has_the_reference_to_an_external_contract_and_no_other_property(plane: DataPlane) -> None:
    reference = {"reference": "2026-1", "delegator_id": "1", "delegator_name": "Stichting"}
    record = await plane.add_contract(connection_grant(properties={CONNECTION_REFERENCE: reference, "other": "secret"}))
    assert (await plane.ask_inway(plane.authorized(plane.token(record)))).status == 200
    (logged,) = await plane.provider_records()
    assert logged.additional_data == {CONNECTION_REFERENCE: reference}
