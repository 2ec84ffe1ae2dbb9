"""Which back ends the configuration means: the only place that names one."""

import logging
from dataclasses import dataclass, field, replace

from certs.identity import PeerId
from clock import Clock
from config.settings import Settings, TransactionLogMode, TransactionLogSettings
from gateway.admin import accounts
from gateway.state import announced, contract_store, own_certificates, peers
from gateway.state.transactions import TransactionRecords
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from gateway.txlog.off import NoTransactionLog
from gateway.txlog.retention import Retention
from klantenregister import crl_cache
from klantenregister.errors import Failed, WrongUsage
from register.app import COLLECTIONS as REGISTER_COLLECTIONS
from storage.documents import DocumentStore
from storage.errors import StoreError
from storage.log import LogStore
from storage.memory import MemoryDocuments, MemoryLog
from storage.sqlite_documents import SqliteDocuments
from storage.sqlite_log import SqliteLog
from storage.urls import MemoryUrl, StorageUrl, parse_cache_url, parse_storage_url

_log = logging.getLogger(__name__)

COLLECTIONS = (
    *contract_store.COLLECTIONS,
    *peers.COLLECTIONS,
    *own_certificates.COLLECTIONS,
    *announced.COLLECTIONS,
    *accounts.COLLECTIONS,
    *crl_cache.COLLECTIONS,
    *REGISTER_COLLECTIONS,
)


@dataclass(frozen=True, slots=True)
class Stores:
    """The back ends of one process, open."""

    documents: DocumentStore
    logs: LogStore
    transaction_log: TransactionLogSettings = field(default_factory=TransactionLogSettings)

    def transactions(self, peer_id: PeerId) -> TransactionRecords:
        """The transaction log of a tenant."""
        log = TransactionLog(self.logs.for_tenant(peer_id, TRANSACTIONS))
        return NoTransactionLog(log) if self.transaction_log.mode is TransactionLogMode.OFF else log

    def retention(self, peer_id: PeerId, clock: Clock) -> Retention | None:
        """What deletes the old records of a tenant; None: they are kept for ever."""
        days = self.transaction_log.retention_days
        return None if days is None else Retention(self.logs.for_tenant(peer_id, TRANSACTIONS), days, clock)

    async def close(self) -> None:
        """Finish what was accepted and let go."""
        await self.logs.close()
        await self.documents.close()

    async def ping(self) -> None:
        """Raise StoreUnavailable when either cannot serve now."""
        await self.documents.ping()
        await self.logs.ping()


async def open_stores(settings: Settings, *, worker: int = 0, is_shared: bool = False) -> Stores:
    """Open what `storage` names, making the data directory where needed; each `worker` has a log of its own.

    Raises: WrongUsage, Failed.
    """
    try:
        parse_cache_url(settings.cache.get_secret_value())
        url = parse_storage_url(settings.storage.get_secret_value())
    except ValueError as error:
        raise WrongUsage(f"this version does not serve it: {error}") from error
    if is_shared and isinstance(url, MemoryUrl):
        raise WrongUsage("storage: what is in memory is of one process alone: choose another, or leave out --workers")
    is_logging = settings.transaction_log.mode is not TransactionLogMode.OFF
    stores = replace(_chosen(url, worker, is_logging=is_logging), transaction_log=settings.transaction_log)
    if not is_logging:
        _log.warning("transactions_are_not_logged", extra={"key": "transaction_log.mode"})
    try:
        await stores.documents.open(COLLECTIONS)
        await stores.logs.open((TRANSACTIONS,))
    except StoreError as error:
        await stores.close()
        raise Failed(f"storage: {error}") from error
    return stores


def _chosen(url: StorageUrl, worker: int, *, is_logging: bool) -> Stores:
    if isinstance(url, MemoryUrl):
        return Stores(MemoryDocuments(), MemoryLog())
    try:
        url.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Failed(f"storage: cannot make the directory {url.path.parent}: {error.strerror}") from error
    return Stores(SqliteDocuments(url.path), SqliteLog(url.path, worker=worker, is_written=is_logging))
