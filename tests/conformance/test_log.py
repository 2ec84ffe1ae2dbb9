"""The log suite on every embedded back end."""

from itertools import count
from pathlib import Path

import pytest

from storage.log import LogStore
from storage.memory import MemoryLog
from storage.sqlite_log import SqliteLog
from tests.conformance.log import LogStoreSuite
from tests.conformance.samples import LogBackend


class MemoryBackend:
    """One object is the place; all handles are that object."""

    def __init__(self) -> None:
        self._store = MemoryLog()

    def handle(self) -> LogStore:
        return self._store

    def break_down(self) -> None:
        self._store.available = False

    def mend(self) -> None:
        self._store.available = True


class SqliteBackend:
    """A directory is the place, each handle a worker; it breaks by being moved away, as when it is unmounted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._away = path.parent.with_name("away")
        self._workers = count()

    def handle(self) -> LogStore:
        return SqliteLog(self._path, next(self._workers))

    def break_down(self) -> None:
        self._path.parent.rename(self._away)

    def mend(self) -> None:
        self._away.rename(self._path.parent)


class TestMemoryLog(LogStoreSuite):
    @pytest.fixture
    def backend(self) -> LogBackend:
        return MemoryBackend()


@pytest.mark.store("sqlite")
class TestSqliteLog(LogStoreSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> LogBackend:
        return SqliteBackend(tmp_path / "data" / "documents.db")
