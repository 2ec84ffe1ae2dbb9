"""The transaction log: what is written is found again, by whom it concerns and by nobody else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from certs.identity import PeerId
from certs.thumbprint import CertificateThumbprint
from gateway.errors import TransactionLogWriteError
from gateway.fsc.claims import Claims
from gateway.fsc.external_contract import CONNECTION_REFERENCE
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, GroupId, ServiceName, TransactionId
from gateway.state.transactions import PreparedRecord, RecordFilter
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from storage.errors import InvalidCursor, StoreUnavailable
from storage.log import LogEntry, LogStore
from storage.memory import MemoryLog
from storage.sqlite_log import SqliteLog
from tests.gateway.harness import CONSUMER, FOREIGN, OTHER, PROVIDER, SERVICE

AT = 1_800_000_000
ROLES = ("outway_peer_id", "service_peer_id", "delegator_peer_id", "service_delegator_peer_id")
REFERENCE = {CONNECTION_REFERENCE: {"reference": "1", "delegator_id": "2", "delegator_name": "3"}}
EXTERNAL = {"delegation.connection.external_contract_reference": {"reference": "1", "delegator_id": "2"}}


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[LogStore]:
    store: LogStore = MemoryLog()
    if request.param == "sqlite":
        store = SqliteLog(tmp_path / "log.db", worker=0)
    await store.open((TRANSACTIONS,))
    yield store
    await store.close()


@pytest.fixture
def log(store: LogStore) -> TransactionLog:
    return TransactionLog(store.for_tenant(PROVIDER, TRANSACTIONS))


def record(number: int = 0, at: int = AT) -> LogRecord:
    return LogRecord(
        transaction_id=TransactionId(f"0190a2b4-0000-7000-8000-{number:012}"),
        direction=Direction.INCOMING,
        grant_hash=GrantHash("$1$3$aaaa"),
        outway_peer_id=CONSUMER,
        service_peer_id=PROVIDER,
        service_name=SERVICE,
        created_at=at,
    )


async def found(log: TransactionLog, **wanted: object) -> list[LogRecord]:
    records, _ = await log.find(RecordFilter(**wanted))  # type: ignore[arg-type]
    return records


@pytest.mark.parametrize(
    "written",
    [
        record(),
        replace(record(), direction=Direction.OUTGOING),
        replace(record(), delegator_peer_id=OTHER),
        replace(record(), service_delegator_peer_id=FOREIGN, delegator_peer_id=OTHER),
        replace(record(), additional_data=EXTERNAL),
        replace(record(), transaction_id=TransactionId("any text at all")),
    ],
    ids=["incoming", "outgoing", "delegated", "delegated twice", "additional data", "foreign id"],
)
async def test_a_record_is_found_as_it_was_written(log: TransactionLog, written: LogRecord) -> None:
    await log.append(written)
    assert await found(log) == [written]


CLAIMS = Claims(
    grant_hash=GrantHash("$1$3$aaaa"),
    group_id=GroupId("fsc.example.test"),
    outway_peer_id=CONSUMER,
    service_peer_id=PROVIDER,
    service_name=SERVICE,
    audience="https://inway.test:443",
    expires_at=AT + 600,
    not_before=AT,
    certificate_thumbprint=CertificateThumbprint("x"),
)


async def written(log: TransactionLog, prepared: PreparedRecord, number: int) -> TransactionLogWriteError | None:
    """What `write` tells of the record with this number."""
    outcome: asyncio.Future[TransactionLogWriteError | None] = asyncio.get_running_loop().create_future()
    log.write(prepared, record(number).transaction_id, AT, outcome.set_result)
    return await outcome


@pytest.mark.parametrize("direction", list(Direction))
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (CLAIMS, record()),
        (replace(CLAIMS, delegator_peer_id=OTHER), replace(record(), delegator_peer_id=OTHER)),
        (replace(CLAIMS, service_delegator_peer_id=OTHER), replace(record(), service_delegator_peer_id=OTHER)),
        (replace(CLAIMS, properties={**REFERENCE, "secret": "x"}), replace(record(), additional_data=REFERENCE)),
    ],
    ids=["plain", "delegated", "delegated service", "external contract"],
)
async def test_a_prepared_record_is_what_append_would_have_written(
    log: TransactionLog, claims: Claims, direction: Direction, expected: LogRecord
) -> None:
    prepared = log.prepare(claims, direction)
    for number in (1, 2):
        assert await written(log, prepared, number) is None
    assert await found(log, ascending=True) == [
        replace(expected, direction=direction, transaction_id=record(number).transaction_id) for number in (1, 2)
    ]


async def test_a_write_that_cannot_be_is_told_and_not_raised(store: LogStore, log: TransactionLog) -> None:
    prepared = log.prepare(CLAIMS, Direction.INCOMING)
    await store.close()
    told: list[TransactionLogWriteError | None] = []
    log.write(prepared, record().transaction_id, AT, told.append)
    (refusal,) = told
    assert isinstance(refusal, TransactionLogWriteError)
    assert isinstance(refusal.__cause__, StoreUnavailable)


async def test_a_record_of_an_earlier_version_is_read(store: LogStore, log: TransactionLog) -> None:
    """Its body was the whole record."""
    old = replace(record(), additional_data=EXTERNAL)
    keys = {
        **{name: getattr(old, name) for name in TRANSACTIONS.keys if name != "direction"},
        "direction": old.direction.value,
    }
    entry = LogEntry(f"{old.transaction_id}:{old.direction}", AT * 1000, keys, old.to_json())
    await store.for_tenant(PROVIDER, TRANSACTIONS).append([entry])
    assert await found(log) == [old]


async def test_a_transaction_id_that_is_used_again_is_logged_again(log: TransactionLog) -> None:
    for _ in range(2):
        await log.append(record())
    await log.append(replace(record(), direction=Direction.OUTGOING))
    assert len(await found(log, transaction_ids=(record().transaction_id,))) == 3


@pytest.mark.parametrize("role", ROLES)
async def test_each_party_sees_the_record_in_every_role(log: TransactionLog, role: str) -> None:
    concerned = replace(record(1), **{role: FOREIGN})  # type: ignore[arg-type]
    await log.append(concerned)
    await log.append(record(2))
    assert await found(log, visible_to=FOREIGN) == [concerned]
    assert await found(log, visible_to=PeerId("00000000000000000077")) == []
    assert concerned.is_visible_to(FOREIGN)


async def test_no_filter_shows_what_is_not_visible(log: TransactionLog) -> None:
    await log.append(record())
    for wanted in (
        {"transaction_ids": (record().transaction_id,)},
        {"grant_hashes": (record().grant_hash,)},
        {"service_names": (SERVICE,)},
        {"grant_hashes": (record().grant_hash,), "service_names": (SERVICE,)},
    ):
        assert await found(log, visible_to=FOREIGN, **wanted) == []
        assert len(await found(log, visible_to=CONSUMER, **wanted)) == 1


async def test_either_list_is_enough(log: TransactionLog) -> None:
    by_hash = replace(record(1), grant_hash=GrantHash("$1$3$b"))
    by_name = replace(record(2), service_name=ServiceName("x"))
    for one in (by_hash, by_name, record(3)):
        await log.append(one)
    assert await found(log, grant_hashes=("$1$3$b",), service_names=("x",)) == [by_name, by_hash]
    assert await found(log, grant_hashes=("$1$3$b",)) == [by_hash]


async def test_instants_are_exclusive_and_may_be_far_away(log: TransactionLog) -> None:
    records = [record(number, AT + number) for number in range(4)]
    for one in records:
        await log.append(one)
    assert await found(log, after=AT, before=AT + 3) == [records[2], records[1]]
    assert await found(log, after=2**63 - 1) == []
    assert len(await found(log, after=0, before=2**63 - 1)) == 4


@pytest.mark.parametrize("ascending", [True, False])
async def test_pages_follow_each_other(log: TransactionLog, ascending: bool) -> None:
    records = [record(number, AT + number // 2) for number in range(7)]
    for one in records:
        await log.append(one)
    seen: list[LogRecord] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        page, cursor = await log.find(RecordFilter(limit=3, cursor=cursor, ascending=ascending))
        seen, pages = [*seen, *page], pages + 1
    assert pages == 3
    assert seen == (records if ascending else records[::-1])


async def test_a_cursor_of_something_else_is_refused(log: TransactionLog) -> None:
    with pytest.raises(InvalidCursor):
        await log.find(RecordFilter(cursor="nonsense"))


async def test_a_tenant_sees_its_own_log_only(store: LogStore, log: TransactionLog) -> None:
    await log.append(record())
    assert await found(TransactionLog(store.for_tenant(CONSUMER, TRANSACTIONS)), visible_to=CONSUMER) == []


async def test_what_cannot_be_written_is_refused(store: LogStore, log: TransactionLog) -> None:
    await store.close()
    with pytest.raises(TransactionLogWriteError) as caught:
        await log.append(record())
    assert isinstance(caught.value.__cause__, StoreUnavailable)
    with pytest.raises(StoreUnavailable):
        await log.find(RecordFilter())


async def test_a_record_survives_a_restart(tmp_path: Path) -> None:
    for expected in (0, 1):
        store = SqliteLog(tmp_path / "log.db", worker=0)
        await store.open((TRANSACTIONS,))
        log = TransactionLog(store.for_tenant(PROVIDER, TRANSACTIONS))
        assert len(await found(log)) == expected
        await log.append(record())
        await store.close()
