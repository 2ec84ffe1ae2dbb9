"""The world of the register's tests, on each store that is part of the program itself."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from storage.documents import DocumentStore
from storage.memory import MemoryDocuments
from storage.sqlite_documents import SqliteDocuments
from tests.register.world import World, open_world


@pytest.fixture
async def world() -> AsyncIterator[World]:
    """A register in memory."""
    opened = await open_world(MemoryDocuments())
    yield opened
    await opened.store.close()


@pytest.fixture(params=["memory", "sqlite"])
async def any_world(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[World]:
    """A register on each store."""
    store: DocumentStore = MemoryDocuments() if request.param == "memory" else SqliteDocuments(tmp_path / "register.db")
    opened = await open_world(store)
    yield opened
    await opened.store.close()
