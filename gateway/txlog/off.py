"""The transaction log of a Group without FSC Logging: nothing is written, what is there can be read.

Standard: FSC Logging is an extension, which a Group may leave out.
"""

from gateway.fsc.claims import Claims
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import TransactionId
from gateway.state.transactions import PreparedRecord, RecordFilter, TransactionRecords, WriteDone
from storage.log import Done


class NoTransactionLog:
    """In the place of the transaction log of one tenant."""

    def __init__(self, written_before: TransactionRecords) -> None:
        self._written_before = written_before

    async def append(self, record: LogRecord) -> None:
        """Write nothing."""

    def prepare(self, claims: Claims, direction: Direction) -> PreparedRecord:
        """Render nothing."""
        return _NOTHING

    def write(self, prepared: PreparedRecord, transaction_id: TransactionId, now: int, done: WriteDone) -> None:
        """Write nothing and go on at once."""
        done(None)

    async def find(self, wanted: RecordFilter) -> tuple[list[LogRecord], str]:
        """One page of what was written before. Raises: StoreUnavailable, InvalidCursor."""
        return await self._written_before.find(wanted)


def _write_nothing(_at_ms: int, _transaction_id: str, done: Done) -> None:
    done(None)


_NOTHING = PreparedRecord(_write_nothing)
