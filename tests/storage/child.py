"""A process of its own that writes to both stores and says on stdout what it was told is durable.

Usage: python -m tests.storage.child PATH (endless | full | brief)

`endless` writes until it is killed. `full` writes until the stores refuse because no file may grow beyond a limit,
then lifts the limit and writes once more. `brief` appends a few small entries to the log and ends.
"""

import asyncio
import os
import resource
import sys
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

from storage.documents import Collection, Put
from storage.errors import StoreUnavailable
from storage.log import LogEntry, LogKind
from storage.sqlite_documents import SqliteDocuments
from storage.sqlite_log import SqliteLog

NOTES = Collection("notes", ("number",), ("tags",))
CALLS = LogKind("calls", ("peer",), ("peer",))
TENANT = "t"
WRITERS = 8
FILE_LIMIT = 400_000
BRIEF = 10
TEXT = "x" * 5_000


async def main(path: Path, way: str) -> None:
    documents, log = SqliteDocuments(path), SqliteLog(path, 0)
    await documents.open([NOTES])
    await log.open([CALLS])

    async def put(key: str) -> None:
        pair = [Put(NOTES, f"{key}-{half}", {"number": 1, "tags": [half], "text": TEXT}) for half in "ab"]
        await documents.for_tenant(TENANT).put_many(pair)

    async def append(key: str) -> None:
        pair = [LogEntry(f"{key}-{half}", 1, {"peer": half}, {"text": TEXT}) for half in "ab"]
        await log.for_tenant(TENANT, CALLS).append(pair)

    async def append_few(writer: int) -> None:
        for number in range(BRIEF):
            key = f"e{writer}-{number}"
            await log.for_tenant(TENANT, CALLS).append([LogEntry(key, 1, {"peer": "p"})])
            say("durable", "entry", key)

    if way == "brief":
        await asyncio.gather(*(append_few(writer) for writer in range(WRITERS)))
    for kind, write in (("document", put), ("entry", append)):
        if way == "full":
            await write_until_full(kind, write)
    async with asyncio.TaskGroup() as tasks:
        for writer in range(WRITERS if way == "endless" else 0):
            tasks.create_task(write_forever("document", put, f"d{writer}"))
            tasks.create_task(write_forever("entry", append, f"e{writer}"))
    await documents.close()
    await log.close()


async def write_forever(kind: str, write: Callable[[str], Awaitable[None]], name: str) -> None:
    for number in count():
        await write(f"{name}-{number}")
        say("durable", kind, f"{name}-{number}")


def limit_files(size: int) -> None:
    """Of this process and of the log's writer."""
    for pid in (0, *children_of(os.getpid())):
        _, most = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, most))


def children_of(pid: int) -> list[int]:
    """The processes that one has started: the log writer is the only one."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(word) for task in tasks for word in (task / "children").read_text().split()]


async def write_until_full(kind: str, write: Callable[[str], Awaitable[None]]) -> None:
    limit_files(FILE_LIMIT)

    async def fill(writer: int) -> None:
        for number in count():
            key = f"{kind}{writer}-{number}"
            try:
                await write(key)
            except StoreUnavailable as error:
                say("refused", kind, key, str(error.__cause__))
                return
            say("durable", kind, key)

    async with asyncio.TaskGroup() as tasks:
        for writer in range(WRITERS):
            tasks.create_task(fill(writer))
    limit_files(resource.RLIM_INFINITY)
    await write(f"{kind}-after")
    say("durable", kind, f"{kind}-after")


def say(*words: str) -> None:
    os.write(sys.stdout.fileno(), ("\t".join(words) + "\n").encode())  # in one call, which tests look for


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
