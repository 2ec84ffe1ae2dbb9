"""That a record is durable before its caller is told: seen in the calls that the program makes to the kernel.

`strace` looks on. Each acknowledged entry must be written to the journal, that file synchronised, the answer
given, in this order. A power cut is what a disk holds that forgets all that was not synchronised.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from storage.log_journal import journal_path
from storage.sqlite_log_files import log_path
from tests.storage.child import BRIEF, WRITERS
from tests.storage.children import ROOT, entry_ids

_STRACE = shutil.which("strace")
_CALL = re.compile(r"(?P<pid>\d+) +(?:<\.\.\. \w+ resumed>)?(?P<rest>.*)")
_FILE = re.compile(r"(?P<call>\w+)\((?:\d+<(?P<open>[^>]*)>|\"(?P<named>[^\"]*)\")(?P<rest>.*)")

pytestmark = pytest.mark.skipif(_STRACE is None, reason="strace is not installed: make services")


@dataclass(frozen=True, slots=True)
class Call:
    """A call that succeeded, at the moment it returned."""

    name: str
    path: str
    data: bytes
    offset: int


@dataclass(slots=True)
class Disk:
    """Files as they are, and as they would be after a power cut."""

    present: dict[str, bytearray] = field(default_factory=dict)
    kept: dict[str, bytes] = field(default_factory=dict)

    def see(self, call: Call) -> None:
        if call.name == "pwrite64":
            file = self.present.setdefault(call.path, bytearray())
            file.extend(bytes(max(0, call.offset - len(file))))
            file[call.offset : call.offset + len(call.data)] = call.data
        elif call.name in ("fsync", "fdatasync") and call.path in self.present:
            self.kept[call.path] = bytes(self.present[call.path])
        elif call.name == "ftruncate":
            del self.present.setdefault(call.path, bytearray())[call.offset :]
        elif call.name == "unlink":
            self.present.pop(call.path, None)
            self.kept.pop(call.path, None)

    def after_power_cut(self, directory: Path) -> Path:
        directory.mkdir()
        for path, content in self.kept.items():
            if not path.endswith("-shm"):
                (directory / Path(path).name).write_bytes(content)
        return directory / "kr.db"


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[Call]:
    """What a process that appends, and its writer, asked of the kernel."""
    directory = tmp_path_factory.mktemp("traced")
    trace, path = directory / "trace", directory / "kr.db"
    assert _STRACE is not None
    command = [_STRACE, "-f", "-y", "-xx", "-s", "70000", "-o", str(trace)]
    watched = ["-e", "trace=pwrite64,write,fsync,fdatasync,ftruncate,unlink"]
    program = [sys.executable, "-m", "tests.storage.child", str(path), "brief"]
    subprocess.run([*command, *watched, *program], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, timeout=100)
    return list(read(trace))


def read(trace: Path) -> Iterator[Call]:
    begun: dict[str, str] = {}
    for line in trace.read_text().splitlines():
        matched = _CALL.fullmatch(line)
        assert matched is not None
        pid, rest = matched["pid"], matched["rest"]
        if rest.endswith(" <unfinished ...>"):
            begun[pid] = rest.removesuffix(" <unfinished ...>")
            continue
        file = _FILE.fullmatch(begun.pop(pid, "") + rest)
        if file is not None and " = -1 " not in file["rest"]:
            yield call(file["call"], decoded(file["open"] or file["named"]).decode(), file["rest"])


def call(name: str, path: str, rest: str) -> Call:
    data = re.search(r'"([^"]*)"', rest)
    numbers = re.findall(r", (\d+)", rest)
    return Call(name, path, b"" if data is None else decoded(data[1]), int(numbers[-1]) if numbers else 0)


def decoded(text: str) -> bytes:
    return bytes.fromhex(text.replace("\\x", "")) if text.startswith("\\x") else text.encode()


def acknowledged(call: Call) -> str | None:
    words = call.data.decode(errors="replace").split() if call.name == "write" else []
    return words[2] if words[:2] == ["durable", "entry"] else None


def test_an_entry_is_written_and_synchronised_before_it_is_acknowledged(calls: list[Call]) -> None:
    journal = next(one.path for one in calls if one.path.endswith(journal_path(log_path(Path("kr.db"), 0).name)))
    keys = [key for one in calls if (key := acknowledged(one)) is not None]
    assert len(keys) == WRITERS * BRIEF
    for key in keys:
        told = next(at for at, one in enumerate(calls) if acknowledged(one) == key)
        # A key that another one begins with is told apart by the key of the log that follows it: "p".
        written = next(
            at
            for at, one in enumerate(calls)
            if (one.name, one.path) == ("pwrite64", journal) and re.search(key.encode() + rb"(?!\d)", one.data)
        )
        synchronised = next(
            at for at, one in enumerate(calls) if at > written and (one.name, one.path) == ("fdatasync", journal)
        )
        answered = next(
            at for at, one in enumerate(calls) if at > synchronised and one.name == "write" and one.data == bytes(4)
        )
        assert written < synchronised < answered < told


async def test_a_power_cut_at_any_moment_takes_nothing_that_was_acknowledged(calls: list[Call], tmp_path: Path) -> None:
    disk, told = Disk(), set[str]()
    for one in calls:
        disk.see(one)
        key = acknowledged(one)
        if key is not None:
            told.add(key)
            if len(told) % 8 == 1:
                path = disk.after_power_cut(tmp_path / f"cut-{len(told)}")
                assert told <= set(await entry_ids(path))
