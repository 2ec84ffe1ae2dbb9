"""Which back ends the configuration means: the only place that names one."""

from dataclasses import dataclass

from config.settings import Settings
from gateway.admin import accounts
from gateway.state import announced, contract_store, own_certificates, peers
from gateway.txlog.log import TRANSACTIONS
from klantenregister.errors import Failed, WrongUsage
from register.app import COLLECTIONS as REGISTER_COLLECTIONS
from storage.documents import DocumentStore
from storage.errors import StoreError
from storage.log import LogStore
from storage.memory import MemoryDocuments, MemoryLog
from storage.sqlite_documents import SqliteDocuments
from storage.sqlite_log import SqliteLog
from storage.urls import MemoryUrl, StorageUrl, parse_cache_url, parse_storage_url

COLLECTIONS = (
    *contract_store.COLLECTIONS,
    *peers.COLLECTIONS,
    *own_certificates.COLLECTIONS,
    *announced.COLLECTIONS,
    *accounts.COLLECTIONS,
    *REGISTER_COLLECTIONS,
)


@dataclass(frozen=True, slots=True)
class Stores:
    """The back ends of one process, open."""

    documents: DocumentStore
    logs: LogStore

    async def close(self) -> None:
        """Finish what was accepted and let go."""
        await self.logs.close()
        await self.documents.close()

    async def ping(self) -> None:
        """Raise StoreUnavailable when either cannot serve now."""
        await self.documents.ping()
        await self.logs.ping()


async def open_stores(settings: Settings) -> Stores:
    """Open what `storage` names, making the data directory where needed. Raises: WrongUsage, Failed."""
    try:
        parse_cache_url(settings.cache.get_secret_value())
        url = parse_storage_url(settings.storage.get_secret_value())
    except ValueError as error:
        raise WrongUsage(f"this version does not serve it: {error}") from error
    stores = _chosen(url)
    try:
        await stores.documents.open(COLLECTIONS)
        await stores.logs.open((TRANSACTIONS,))
    except StoreError as error:
        await stores.close()
        raise Failed(f"storage: {error}") from error
    return stores


def _chosen(url: StorageUrl) -> Stores:
    if isinstance(url, MemoryUrl):
        return Stores(MemoryDocuments(), MemoryLog())
    try:
        url.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise Failed(f"storage: cannot make the directory {url.path.parent}: {error.strerror}") from error
    return Stores(SqliteDocuments(url.path), SqliteLog(url.path, worker=0))
