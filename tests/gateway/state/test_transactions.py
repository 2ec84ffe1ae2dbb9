"""What the roles ask of the transaction log is what `gateway.txlog` offers."""

from gateway.fsc.names import GrantHash
from gateway.state.transactions import RecordFilter, TransactionRecords
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from storage.memory import MemoryLog


async def test_the_transaction_log_does_what_the_roles_ask() -> None:
    store = MemoryLog()
    await store.open((TRANSACTIONS,))
    records: TransactionRecords = TransactionLog(store.for_tenant("peer", TRANSACTIONS))
    assert await records.find(RecordFilter(grant_hashes=(GrantHash("$1$3$a"),))) == ([], "")


def test_a_filter_that_says_nothing_is_the_newest_page() -> None:
    wanted = RecordFilter()
    assert (wanted.visible_to, wanted.after, wanted.before, wanted.cursor) == (None, None, None, "")
    assert (wanted.limit, wanted.ascending) == (25, False)
