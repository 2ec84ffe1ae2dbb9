"""The document suite on every embedded back end."""

from pathlib import Path

import pytest

from storage.documents import DocumentStore
from storage.memory import MemoryDocuments
from storage.sqlite_documents import SqliteDocuments
from tests.conformance.documents import DocumentStoreSuite
from tests.conformance.samples import DocumentBackend


class MemoryBackend:
    """One object is the place; all handles are that object."""

    def __init__(self) -> None:
        self._store = MemoryDocuments()

    def handle(self) -> DocumentStore:
        return self._store

    def break_down(self) -> None:
        self._store.available = False

    def mend(self) -> None:
        self._store.available = True


class SqliteBackend:
    """A file is the place; it breaks by being moved away, as when its disk is unmounted."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._away = path.with_name("away")

    def handle(self) -> DocumentStore:
        return SqliteDocuments(self._path)

    def break_down(self) -> None:
        self._path.rename(self._away)

    def mend(self) -> None:
        self._away.rename(self._path)


class TestMemoryDocuments(DocumentStoreSuite):
    @pytest.fixture
    def backend(self) -> DocumentBackend:
        return MemoryBackend()


@pytest.mark.store("sqlite")
class TestSqliteDocuments(DocumentStoreSuite):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> DocumentBackend:
        return SqliteBackend(tmp_path / "data" / "documents.db")
