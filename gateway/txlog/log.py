"""Transaction log records on the append-only log port.

An entry is the record as keys; its body has what no key holds, which is `additional_data`. What the records of one
access token share is rendered once, by `prepare`; a request then costs the log two values, by `write`.

Durability: a record survives a power cut when `append` returns or `write` tells so; the records of the same moment
share one commit, in `storage`.
"""

from certs.identity import PeerId
from gateway.errors import TransactionLogWriteError
from gateway.fsc.claims import Claims
from gateway.fsc.external_contract import logged_reference
from gateway.fsc.jcs import JsonObject
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, ServiceName, TransactionId
from gateway.state.transactions import PreparedRecord, RecordFilter, WriteDone
from storage.errors import StoreError, StoreUnavailable
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
_VARYING = "transaction_id"
"""The one key in which the records of a token differ."""

_SECOND_MS = 1000
_MAX_MS = 2**63 - 1


class TransactionLog:
    """The transaction log of one tenant."""

    def __init__(self, log: Log) -> None:
        self._log = log

    async def append(self, record: LogRecord) -> None:
        """Return when the record is durable. Raises: TransactionLogWriteError."""
        keys = {**_shared_keys(record, record.direction), _VARYING: record.transaction_id}
        entry = LogEntry("", record.created_at * _SECOND_MS, keys, _body(record.additional_data))
        try:
            await self._log.append((entry,))
        except StoreError as error:
            raise _refusal() from error

    def prepare(self, claims: Claims, direction: Direction) -> PreparedRecord:
        """Render, once per token, what its records share."""
        body = _body(logged_reference(claims.properties))
        return PreparedRecord(self._log.writer(_shared_keys(claims, direction), body, varying=_VARYING))

    def write(self, prepared: PreparedRecord, transaction_id: TransactionId, now: int, done: WriteDone) -> None:
        """Write a record and tell `done`, perhaps before returning; never raises."""

        def settled(error: StoreUnavailable | None) -> None:
            if error is None:
                done(None)
            else:
                refusal = _refusal()
                refusal.__cause__ = error
                done(refusal)

        prepared.write(now * _SECOND_MS, transaction_id, settled)

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
        return [_record(entry) for entry in page.entries], page.next_cursor


def _refusal() -> TransactionLogWriteError:
    return TransactionLogWriteError("the transaction cannot be logged, so it is refused; try again later")


def _shared_keys(of: LogRecord | Claims, direction: Direction) -> dict[str, str | None]:
    return {
        "direction": direction.value,
        "grant_hash": of.grant_hash,
        "service_name": of.service_name,
        "outway_peer_id": of.outway_peer_id,
        "service_peer_id": of.service_peer_id,
        "delegator_peer_id": of.delegator_peer_id,
        "service_delegator_peer_id": of.service_delegator_peer_id,
    }


def _body(additional_data: JsonObject) -> JsonObject:
    """What no key holds. Earlier versions wrote the whole record into the body, with this member."""
    return {"additional_data": additional_data} if additional_data else {}


def _record(entry: LogEntry) -> LogRecord:
    """The record that `append` or `write` made an entry of: the claims in it were parsed before they were written."""
    keys = entry.keys
    return LogRecord(
        transaction_id=TransactionId(keys[_VARYING] or ""),
        direction=Direction(keys["direction"] or ""),
        grant_hash=GrantHash(keys["grant_hash"] or ""),
        outway_peer_id=PeerId(keys["outway_peer_id"] or ""),
        service_peer_id=PeerId(keys["service_peer_id"] or ""),
        service_name=ServiceName(keys["service_name"] or ""),
        created_at=entry.at_ms // _SECOND_MS,
        delegator_peer_id=_peer_id(keys["delegator_peer_id"]),
        service_delegator_peer_id=_peer_id(keys["service_delegator_peer_id"]),
        additional_data=entry.body.get("additional_data", {}),
    )


def _peer_id(text: str | None) -> PeerId | None:
    return None if text is None else PeerId(text)


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
