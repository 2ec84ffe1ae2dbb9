"""`klantenregister.stores`: which back end a configuration means, and how it says that it has none."""

import os
import sqlite3
from pathlib import Path

import pytest

from certs.identity import PeerId
from clock import FixedClock
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from gateway.txlog.off import NoTransactionLog
from klantenregister.errors import Failed, WrongUsage
from klantenregister.stores import COLLECTIONS, open_stores
from storage.errors import StoreUnavailable
from storage.log import LogEntry, LogQuery
from storage.memory import MemoryDocuments, MemoryLog
from storage.sqlite_documents import SqliteDocuments
from tests.config.samples import document, load
from tests.storage.child import children_of

PEER_ID = PeerId("00000001823288444000")


@pytest.mark.parametrize(
    ("key", "url"),
    [
        ("storage", "mongodb://admin:s3cret@db.example.test/klanten"),
        ("storage", "couchdb+https://admin:s3cret@db.example.test/klanten"),
        ("cache", "redis://:s3cret@cache.example.test:6379/0"),
    ],
)
async def test_a_back_end_that_is_not_served_is_wrong_usage_and_its_password_not_repeated(
    tmp_path: Path, key: str, url: str
) -> None:
    settings = load(tmp_path, {**document(), key: url})

    with pytest.raises(WrongUsage) as refused:
        await open_stores(settings)

    assert key in str(refused.value)
    assert "s3cret" not in str(refused.value)
    assert "s3cret" not in repr(refused.value)


async def test_memory_is_opened(tmp_path: Path) -> None:
    stores = await open_stores(load(tmp_path, document(storage="memory:")))

    assert isinstance(stores.documents, MemoryDocuments)
    await stores.ping()
    await stores.close()
    with pytest.raises(StoreUnavailable):
        await stores.ping()


async def test_transactions_are_logged_for_ever_unless_told_otherwise(tmp_path: Path) -> None:
    stores = await open_stores(load(tmp_path, document(storage="memory:")))
    assert isinstance(stores.transactions(PEER_ID), TransactionLog)
    assert stores.retention(PEER_ID, FixedClock(0)) is None
    await stores.close()


async def test_a_log_that_is_off_has_no_writer_and_is_read_all_the_same(tmp_path: Path) -> None:
    record = LogEntry("", 1, dict.fromkeys(TRANSACTIONS.keys, "x"))
    others = set(children_of(os.getpid()))
    on = await open_stores(load(tmp_path, document()))
    assert len(set(children_of(os.getpid())) - others) == 1
    await on.logs.for_tenant(PEER_ID, TRANSACTIONS).append([record])
    await on.close()

    off = await open_stores(load(tmp_path, document(transaction_log={"mode": "off"})))

    assert set(children_of(os.getpid())) <= others
    await off.ping()
    page = await off.logs.for_tenant(PEER_ID, TRANSACTIONS).find(LogQuery())
    assert page.entries == (record,)
    await off.close()


async def test_a_log_that_is_off_is_told_aloud(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = load(tmp_path, document(storage="memory:", transaction_log={"mode": "off", "retention_days": 1}))
    stores = await open_stores(settings)
    assert isinstance(stores.transactions(PEER_ID), NoTransactionLog)
    assert stores.retention(PEER_ID, FixedClock(0)) is not None
    assert [record.message for record in caplog.records] == ["transactions_are_not_logged"]
    await stores.close()


async def test_ping_asks_the_log_too(tmp_path: Path) -> None:
    stores = await open_stores(load(tmp_path, document(storage="memory:")))
    assert isinstance(stores.logs, MemoryLog)
    stores.logs.available = False

    with pytest.raises(StoreUnavailable):
        await stores.ping()
    await stores.close()


async def test_a_sqlite_file_and_its_directory_are_made_for_the_owner_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, document(storage="sqlite:///data/deeper/register.db"))
    stores = await open_stores(settings)
    body = {"password": "x", "role": "admin", "created_at": 1}
    accounts = next(one for one in COLLECTIONS if one.name == "accounts")
    await stores.documents.for_tenant("tenant").put(accounts, "beheer", body, expected=None)
    await stores.close()

    file = tmp_path / "data" / "deeper" / "register.db"
    assert file.stat().st_mode & 0o077 == 0
    assert file.parent.stat().st_mode & 0o077 == 0
    again = await open_stores(settings)
    assert isinstance(again.documents, SqliteDocuments)
    kept = await again.documents.for_tenant("tenant").get(accounts, "beheer")
    assert kept is not None
    assert kept.body == body
    await again.close()


async def test_a_directory_that_cannot_be_made_fails_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")

    with pytest.raises(Failed, match=r"storage: cannot make the directory .*/data/deeper: Not a directory"):
        await open_stores(load(tmp_path, document(storage="sqlite:///data/deeper/register.db")))


async def test_a_file_of_another_program_fails(tmp_path: Path) -> None:
    (tmp_path / "register.db").write_text("this is no database, whatever its name says" * 100)

    with pytest.raises(Failed, match=r"storage: .*register\.db: it is not a database"):
        await open_stores(load(tmp_path, document(storage="sqlite:///register.db")))


async def test_a_file_of_a_newer_version_fails_and_is_left_alone(tmp_path: Path) -> None:
    settings = load(tmp_path, document(storage="sqlite:///register.db"))
    await (await open_stores(settings)).close()
    with sqlite3.connect(tmp_path / "register.db") as connection:
        connection.execute("PRAGMA user_version = 1000000")
    connection.close()

    with pytest.raises(Failed, match=r"storage: .*register\.db"):
        await open_stores(settings)


def test_no_two_collections_have_one_name() -> None:
    names = [one.name for one in COLLECTIONS]

    assert len(set(names)) == len(names)
