"""Transaction log records on the append-only log port.

Durability: `append` returns when the record survives a power cut; concurrent appends share one commit, in `storage`.
"""

from gateway.errors import TransactionLogWriteError
from gateway.fsc.logrecord import LogRecord, parse_log_record
from gateway.state.transactions import RecordFilter
from storage.errors import StoreError
from storage.log import AnyKey, KeyIn, Log, LogCondition, LogEntry, LogKind, LogQuery

TRANSACTIONS = LogKind(
    "transactions",
    keys=(
        "transaction_id",
        "direction",
        "grant_hash",
        "service_name",
        "outway_peer_id",
        "service_peer_id",
        "delegator_peer_id",
        "service_delegator_peer_id",
    ),
    indexed=("transaction_id",),
)

_PARTIES = ("outway_peer_id", "service_peer_id", "delegator_peer_id", "service_delegator_peer_id")
_SECOND_MS = 1000
_MAX_MS = 2**63 - 1


class TransactionLog:
    """The transaction log of one tenant."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, record: LogRecord) -> None:
        """Return when the record is durable. Raises: TransactionLogWriteError."""
        keys = {
            "transaction_id": record.transaction_id,
            "direction": record.direction.value,
            "grant_hash": record.grant_hash,
            "service_name": record.service_name,
            "outway_peer_id": record.outway_peer_id,
            "service_peer_id": record.service_peer_id,
            "delegator_peer_id": record.delegator_peer_id,
            "service_delegator_peer_id": record.service_delegator_peer_id,
        }
        entry = LogEntry(
            id=f"{record.transaction_id}:{record.direction.value}",
            at_ms=record.created_at * _SECOND_MS,
            keys=keys,
            body=record.to_json(),
        )
        try:
            await self._log.append((entry,))
        except StoreError as error:
            raise TransactionLogWriteError(
                "the transaction cannot be logged, so it is refused; try again later"
            ) from error

    async def find(self, wanted: RecordFilter) -> tuple[list[LogRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: StoreUnavailable, InvalidCursor."""
        page = await self._log.find(
            LogQuery(
                where=_conditions(wanted),
                after_ms=_milliseconds(wanted.after),
                before_ms=_milliseconds(wanted.before),
                ascending=wanted.ascending,
                limit=wanted.limit,
                cursor=wanted.cursor,
            )
        )
        return [parse_log_record(entry.body) for entry in page.entries], page.next_cursor


def _milliseconds(at: int | None) -> int | None:
    return None if at is None else min(at * _SECOND_MS, _MAX_MS)


def _conditions(wanted: RecordFilter) -> tuple[LogCondition, ...]:
    conditions: list[LogCondition] = []
    if wanted.visible_to is not None:
        conditions.append(AnyKey(tuple(KeyIn(key, (wanted.visible_to,)) for key in _PARTIES)))
    if wanted.transaction_ids:
        conditions.append(KeyIn("transaction_id", wanted.transaction_ids))
    lists = (("grant_hash", wanted.grant_hashes), ("service_name", wanted.service_names))
    either = tuple(KeyIn(key, values) for key, values in lists if values)
    if either:
        conditions.append(AnyKey(either))
    return tuple(conditions)
