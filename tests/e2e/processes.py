"""A program is several processes: itself, its workers, the writers of their logs."""

import resource
from pathlib import Path


def family(pid: int) -> list[int]:
    """A process and all that it has started, itself first."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def fill_disk(pid: int) -> None:
    """From now on no file of the family can grow: its disk is full, as far as it can tell."""
    _limit_files(pid, 0)


def make_room(pid: int) -> None:
    """The files of the family can grow again."""
    _limit_files(pid, resource.RLIM_INFINITY)


def _limit_files(pid: int, size: int) -> None:
    for one in family(pid):
        resource.prlimit(one, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
