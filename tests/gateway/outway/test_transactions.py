"""Transaction ids and the transaction log at the Outway."""

import asyncio

import pytest
from aiohttp import web

from gateway.fsc.external_contract import CONNECTION_REFERENCE
from gateway.fsc.grants import Grant
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.uuid7 import parse_uuid7
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

# -- the transaction id


@pytest.mark.fsc("Outway-TransactionLog-2")
@pytest.mark.fsc("Integration-TransactionLog-1")
async def test_a_transaction_id_is_made_logged_on_both_sides_sent_and_returned(plane: DataPlane) -> None:
    answer = await plane.ask_outway()
    (transaction_id,) = answer.head.all("Fsc-Transaction-Id")
    assert parse_uuid7(transaction_id).hex[:12] == f"{plane.clock.now_ms():012x}"
    (received,) = plane.service.received
    assert received.head.all("Fsc-Transaction-Id") == [transaction_id]
    records = [*await plane.consumer_records(), *await plane.provider_records()]
    assert [record.transaction_id for record in records] == [transaction_id] * 2
    assert [record.direction for record in records] == [Direction.OUTGOING, Direction.INCOMING]


async def test_requests_get_ids_of_their_own(plane: DataPlane) -> None:
    async with plane.outway() as wire:
        answers = [await wire.ask(b"GET / HTTP/1.1\r\nHost: klant.x\r\n\r\n") for _ in range(3)]
    assert len({answer.head.get("Fsc-Transaction-Id") for answer in answers}) == 3


async def test_the_id_of_the_application_is_taken(plane: DataPlane) -> None:
    transaction_id = uuid7()
    answer = await plane.ask_outway(f"Fsc-Transaction-Id: {transaction_id}\r\n".encode())
    assert answer.head.all("Fsc-Transaction-Id") == [transaction_id]
    assert plane.service.received[0].head.all("Fsc-Transaction-Id") == [transaction_id]


async def test_a_service_that_returns_an_id_too_does_not_double_it(plane: DataPlane) -> None:
    plane.service.behaviour = answering(
        b"HTTP/1.1 200 OK\r\nFsc-Transaction-Id: of-the-service\r\nContent-Length: 0\r\n\r\n"
    )
    transaction_id = uuid7()
    answer = await plane.ask_outway(f"Fsc-Transaction-Id: {transaction_id}\r\n".encode())
    assert answer.head.all("Fsc-Transaction-Id") == [transaction_id]


@pytest.mark.parametrize(
    "lines",
    [
        b"Fsc-Transaction-Id:\r\n",
        b"Fsc-Transaction-Id: 1\r\n",
        b"Fsc-Transaction-Id: 6ba7b810-9dad-41d1-80b4-00c04fd430c8\r\n",
        b"Fsc-Transaction-Id: 01a20966-5068-77ca-a1b0-299c54a3a583\r\n" * 2,
    ],
)
async def test_any_other_id_is_refused_and_not_returned(plane: DataPlane, lines: bytes) -> None:
    answer = await plane.ask_outway(lines)
    assert refusal(answer, "OUTWAY") == (400, "INVALID_LOG_RECORD_ID")
    assert "fsc-transaction-id" not in answer.head.names()
    assert await plane.consumer_records() == []


async def test_the_id_is_returned_with_every_refusal(plane: DataPlane) -> None:
    transaction_id = uuid7()
    line = f"Fsc-Transaction-Id: {transaction_id}\r\n".encode()
    plane.manager.answer = lambda: web.json_response({"error": "invalid_grant"}, status=400)
    answers = [
        await plane.ask_outway(line, b"Fsc-Service: a/b\r\n"),
        await plane.ask_outway(line),
    ]
    plane.manager.answer = None
    plane.consumer_log.available = False
    answers.append(await plane.ask_outway(line))
    plane.consumer_log.available = True
    plane.served_with.clear()
    answers.append(await plane.ask_outway(line))
    assert [answer.status for answer in answers] == [400, 502, 500, 502]
    assert [answer.head.all("Fsc-Transaction-Id") for answer in answers] == [[transaction_id]] * 4


# -- the log


@pytest.mark.fsc("Outway-TransactionLog-1")
async def test_the_record_is_durable_before_anything_is_sent(plane: DataPlane) -> None:
    assert isinstance(plane.consumer.log, TransactionLog)
    held = HeldLog(plane.consumer.log)
    plane.consumer.log = held
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(plane.ask_outway())
        await held.waiting.wait()
        assert await plane.provider_records() == []
        assert plane.service.connections == 0
        held.release.set()
        assert (await asked).status == 200


@pytest.mark.fsc("Outway-TransactionLog-5")
async def test_a_log_that_cannot_be_written_stops_the_request(plane: DataPlane) -> None:
    plane.consumer_log.available = False
    assert refusal(await plane.ask_outway(), "OUTWAY") == (500, "TRANSACTION_LOG_WRITE_ERROR")
    assert await plane.provider_records() == []
    assert plane.service.connections == 0


async def _outgoing_record_of(plane: DataPlane, grant: Grant) -> LogRecord:
    """What the Outway logged of a request by this grant, which the Service received."""
    record = await plane.add_contract(grant)
    answer = await plane.ask_outway(f"Fsc-Grant-Hash: {record.grant_hashes[0]}\r\n".encode())
    assert answer.status == 200
    (logged,) = await plane.consumer_records()
    assert len(plane.service.received) == 1
    assert (logged.direction, logged.grant_hash) == (Direction.OUTGOING, record.grant_hashes[0])
    assert (logged.outway_peer_id, logged.service_peer_id, logged.service_name) == (CONSUMER, PROVIDER, ECHO)
    return logged


@pytest.mark.fsc("Outway-TransactionLog-3")
@pytest.mark.fsc("Integration-ConsumeServiceAsDelegatee-1")
async def test_a_delegated_connection(plane: DataPlane) -> None:
    logged = await _outgoing_record_of(plane, delegated_grant())
    assert (logged.delegator_peer_id, logged.service_delegator_peer_id) == (DELEGATOR, None)


@pytest.mark.fsc("Outway-TransactionLog-4")
@pytest.mark.fsc("Integration-ConsumeDelegatedService-1")
async def test_a_connection_to_a_delegated_service(plane: DataPlane) -> None:
    logged = await _outgoing_record_of(plane, grant_on_delegated_service())
    assert (logged.delegator_peer_id, logged.service_delegator_peer_id) == (None, SERVICE_DELEGATOR)


@pytest.mark.fsc("Integration-ConsumeDelegatedService-2")
async def test_a_delegated_connection_to_a_delegated_service(plane: DataPlane) -> None:
    logged = await _outgoing_record_of(plane, doubly_delegated_grant())
    assert (logged.delegator_peer_id, logged.service_delegator_peer_id) == (DELEGATOR, SERVICE_DELEGATOR)


async def test_the_reference_to_an_external_contract_is_logged(plane: DataPlane) -> None:
    reference = {"reference": "2026-1", "delegator_id": "1", "delegator_name": "Stichting"}
    logged = await _outgoing_record_of(plane, connection_grant(properties={CONNECTION_REFERENCE: reference, "x": "y"}))
    assert logged.additional_data == {CONNECTION_REFERENCE: reference}
