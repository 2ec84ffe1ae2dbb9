"""Without FSC Logging nothing is written, nothing waits, and what was written before can be read."""

from gateway.errors import TransactionLogWriteError
from gateway.fsc.logrecord import Direction
from gateway.fsc.names import TransactionId
from gateway.state.transactions import RecordFilter, TransactionRecords
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from gateway.txlog.off import NoTransactionLog
from storage.memory import MemoryLog
from tests.gateway.harness import PROVIDER
from tests.gateway.txlog.test_log import AT, CLAIMS, record


async def test_nothing_is_written_and_what_is_there_is_found() -> None:
    store = MemoryLog()
    await store.open((TRANSACTIONS,))
    before = TransactionLog(store.for_tenant(PROVIDER, TRANSACTIONS))
    await before.append(record(1))
    off: TransactionRecords = NoTransactionLog(before)
    told: list[TransactionLogWriteError | None] = []
    await off.append(record(2))
    prepared = off.prepare(CLAIMS, Direction.INCOMING)
    off.write(prepared, TransactionId("x"), AT, told.append)
    prepared.write(AT, "x", lambda error: told.append(None if error is None else TransactionLogWriteError("")))
    assert told == [None, None]
    assert await off.find(RecordFilter()) == ([record(1)], "")


async def test_it_lets_requests_pass_though_the_store_is_gone() -> None:
    store = MemoryLog()
    await store.open((TRANSACTIONS,))
    off = NoTransactionLog(TransactionLog(store.for_tenant(PROVIDER, TRANSACTIONS)))
    store.available = False
    told: list[TransactionLogWriteError | None] = []
    off.write(off.prepare(CLAIMS, Direction.OUTGOING), TransactionId("x"), AT, told.append)
    assert told == [None]
