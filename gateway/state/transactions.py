"""What the roles ask of the transaction log; `gateway.txlog` does it."""

from dataclasses import dataclass
from typing import Protocol

from certs.identity import PeerId
from gateway.fsc.logrecord import LogRecord


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which records: those that fit any of the given lists, between the instants (Unix seconds, exclusive)."""

    visible_to: PeerId | None = None
    transaction_ids: tuple[str, ...] = ()
    grant_hashes: tuple[str, ...] = ()
    service_names: tuple[str, ...] = ()
    after: int | None = None
    before: int | None = None
    ascending: bool = False
    limit: int = 25
    cursor: str = ""


class TransactionRecords(Protocol):
    """The transaction log of one tenant."""

    async def append(self, record: LogRecord) -> None:
        """Return when the record is durable. Raises: TransactionLogWriteError."""
        ...

    async def find(self, wanted: RecordFilter) -> tuple[list[LogRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: StoreUnavailable, InvalidCursor."""
        ...
