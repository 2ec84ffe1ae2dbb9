"""What the roles ask of the transaction log; `gateway.txlog` does it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from certs.identity import PeerId
from gateway.errors import TransactionLogWriteError
from gateway.fsc.claims import Claims
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import TransactionId
from storage.log import EntryWriter

WriteDone: TypeAlias = Callable[[TransactionLogWriteError | None], None]
"""Called once, on the event loop: with None when the record is durable, with the refusal when it is not."""


@dataclass(frozen=True, slots=True)
class PreparedRecord:
    """What all records of one access token in one direction share; made by `prepare` of the log that writes them."""

    write: EntryWriter


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

    def prepare(self, claims: Claims, direction: Direction) -> PreparedRecord:
        """Render, once per token, what its records share. The claims have been checked (FSC Logging, Log record)."""
        ...

    def write(self, prepared: PreparedRecord, transaction_id: TransactionId, now: int, done: WriteDone) -> None:
        """Write a record and tell `done`, perhaps before returning; never raises.

        Units: `now` is Unix seconds. Durability: `done(None)` means that the record survives a power cut.
        """
        ...

    async def find(self, wanted: RecordFilter) -> tuple[list[LogRecord], str]:
        """One page and the cursor of the next ("" at the end). Raises: StoreUnavailable, InvalidCursor."""
        ...
