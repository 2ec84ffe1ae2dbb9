"""Nothing can be written to the transaction log: nothing takes place, and it does again once there is room."""

import asyncio
import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.federation import Program
from tests.e2e.processes import fill_disk, make_room
from tests.load.scene import IS_SOAK, Scene, memory_mb
from tests.load.traffic import Outcome, Traffic, summary, traffic

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

FULL_FOR_S = 60 if IS_SOAK else 1
ENOUGH = 100
"""So many refusals in a row: there is no room left, not for the smallest batch either."""
MAX_GROWTH_MB = 20
DISK_MB = 64
_CAP_SYS_ADMIN = 21


class Ended:
    """No file of the program and what it started can grow: its disk is full, as far as they can tell."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def fill(self) -> None:
        assert self._program.process is not None
        fill_disk(self._program.process.pid)

    def make_room(self) -> None:
        assert self._program.process is not None
        make_room(self._program.process.pid)


class Disk:
    """A disk of its own for the data of a program, which really gets full."""

    def __init__(self, mounted: Path) -> None:
        self._filler = mounted / "filler"

    def fill(self) -> None:
        with self._filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"\0" * 4096):
                pass

    def make_room(self) -> None:
        self._filler.unlink()


def _may_mount() -> bool:
    lines = Path("/proc/self/status").read_text().splitlines()
    [mask] = [int(line.split()[1], 16) for line in lines if line.startswith("CapEff")]
    return os.geteuid() == 0 and bool(mask >> _CAP_SYS_ADMIN & 1)


# Who may not mount still has the other way.
CASES = [("inway", "limit"), ("outway", "limit"), *([("inway", "disk")] if _may_mount() else [])]


@pytest.mark.parametrize(("role", "means"), CASES, ids=lambda one: one)
async def test_what_cannot_be_logged_does_not_take_place(scene: Scene, role: str, means: str) -> None:
    program = scene.provider if role == "inway" else scene.consumer
    with contextlib.ExitStack() as stack:
        store = stack.enter_context(_own_disk(program)) if means == "disk" else Ended(program)
        door = await scene.inway() if role == "inway" else scene.outway()
        async with traffic(door, 8) as met:
            await met.wait_for_more(100)
            used_mb = memory_mb(program)
            await asyncio.to_thread(store.fill)
            await met.wait_until(lambda: _refused_in_a_row(met), ENOUGH)
            full_at = time.monotonic()
            await asyncio.sleep(FULL_FOR_S)
            await met.wait_until(lambda: _refused_in_a_row(met), 2 * ENOUGH)
            grown_mb = memory_mb(program) - used_mb
            room_at = time.monotonic()
            await asyncio.to_thread(store.make_room)
            await met.wait_for_more(100)

        refused = met.of(Outcome.REFUSED)
        assert {(one.status, one.code) for one in refused} == {(500, "TRANSACTION_LOG_WRITE_ERROR")}
        assert scene.seen_of(refused) == set()
        meanwhile = [one for one in met.attempts if one.began_at > full_at and one.ended_at < room_at]
        assert len(meanwhile) > ENOUGH
        assert {one.outcome for one in meanwhile} == {Outcome.REFUSED}
        assert summary(one for one in met.failures if one.outcome is not Outcome.REFUSED) == {}
        assert grown_mb < MAX_GROWTH_MB
        assert scene.unlogged(program, met.attempts) == set()


def _refused_in_a_row(met: Traffic) -> int:
    """How many refusals there were since the last answer."""
    count = 0
    for one in reversed(met.attempts):
        if one.outcome is not Outcome.REFUSED:
            break
        count += 1
    return count


@contextlib.contextmanager
def _own_disk(program: Program) -> Iterator[Disk]:
    """Move the data of a program to a small disk, and back."""
    data = program.directory / program.member.slug
    kept = data.with_name(f"{data.name}-kept")
    program.stop()
    data.rename(kept)
    data.mkdir(mode=0o700)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m,mode=0700", "none", str(data)], check=True)
    try:
        shutil.copytree(kept, data, dirs_exist_ok=True)
        program.start()
        yield Disk(data)
    finally:
        program.stop()
        shutil.rmtree(kept)
        shutil.copytree(data, kept)
        subprocess.run(["umount", str(data)], check=True)
        data.rmdir()
        kept.rename(data)
        program.start()
