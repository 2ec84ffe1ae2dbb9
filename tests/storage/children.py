"""Running `tests.storage.child`, and looking at what it left."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from storage.documents import Query
from storage.log import LogQuery
from storage.sqlite_documents import SqliteDocuments
from storage.sqlite_log import SqliteLog
from tests.storage.child import CALLS, NOTES, TENANT

ROOT = Path(__file__).parents[2]


@contextmanager
def child(path: Path, way: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """The process and what it says; killed at the end."""
    command = [sys.executable, "-m", "tests.storage.child", str(path), way]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout
        finally:
            process.kill()


async def document_ids(path: Path) -> list[str]:
    store = SqliteDocuments(path)
    await store.open([NOTES])
    page = await store.for_tenant(TENANT).find(NOTES, Query(limit=10_000))
    await store.close()
    assert page.next_cursor == ""
    return [one.id for one in page.documents]


async def entry_ids(path: Path) -> list[str]:
    store = SqliteLog(path, 0)
    await store.open([CALLS])
    page = await store.for_tenant(TENANT, CALLS).find(LogQuery(limit=10_000))
    await store.close()
    assert page.next_cursor == ""
    return [one.id for one in page.entries]


def both_halves(keys: set[str]) -> set[str]:
    return {f"{key}-{half}" for key in keys for half in "ab"}


def durable_at_kill(path: Path, kind: str) -> set[str]:
    """The keys of this kind that a child was told are durable, up to the moment it was killed."""
    durable: set[str] = set()
    with child(path, "endless") as (process, said):
        while len(durable) < 100:
            word, said_kind, key = said.readline().split()
            assert word == "durable"
            if said_kind == kind:
                durable.add(key)
        process.kill()
        for line in said:
            match line.rstrip("\n").split("\t"):
                case ["durable", said_kind, key] if said_kind == kind and line.endswith("\n"):
                    durable.add(key)
    return durable


def durable_on_full_disk(path: Path, kind: str) -> set[str]:
    """The same of a child whose disk was full for a while; checks that it was refused then, served before and after."""
    durable: set[str] = set()
    refused: dict[str, str] = {}
    with child(path, "full") as (process, said):
        for line in said:
            match line.rstrip("\n").split("\t"):
                case ["durable", said_kind, key] if said_kind == kind:
                    durable.add(key)
                case ["refused", said_kind, key, cause] if said_kind == kind:
                    refused[key] = cause
        assert process.wait(10) == 0
    assert len(durable) > 10
    assert len(refused) == 8
    assert set(refused.values()) <= {"disk I/O error", "database or disk is full"}
    assert f"{kind}-after" in durable
    return durable
