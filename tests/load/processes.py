"""What the system tells of a program and its workers: processes, memory, and who serves which connection."""

import os
from pathlib import Path

from tests.e2e.processes import family

_FIELD_LOCAL, _FIELD_REMOTE, _FIELD_STATE, _FIELD_INODE = 1, 2, 3, 9
_LISTEN = "0A"


def rss_mb(pid: int) -> float:
    """The resident memory of a process and all that it has started, in MB."""
    return sum(_rss_kb(one) for one in family(pid)) / 1024


def served_by(pid: int, listening: int) -> set[int]:
    """The ports at the other end of the connections that this process holds of a port that it listens on."""
    return {_port(fields[_FIELD_REMOTE]) for fields in _sockets(pid, listening) if fields[_FIELD_STATE] != _LISTEN}


def listens(pid: int, port: int) -> bool:
    """Whether a process accepts connections on this port."""
    return any(fields[_FIELD_STATE] == _LISTEN for fields in _sockets(pid, port))


def is_gone(pid: int) -> bool:
    """Whether a process has ended, waited for or not."""
    try:
        return _status(pid)["State"].startswith("Z")
    except FileNotFoundError:
        return True


def _sockets(pid: int, port: int) -> list[list[str]]:
    """The lines of the system's table about what this process has open at a local port."""
    try:
        links = _open_files(pid)
    except FileNotFoundError:
        return []
    inodes = {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket")}
    lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return [fields for fields in lines if fields[_FIELD_INODE] in inodes and _port(fields[_FIELD_LOCAL]) == port]


def _rss_kb(pid: int) -> int:
    try:
        return int(_status(pid)["VmRSS"].split()[0])
    except (FileNotFoundError, KeyError):  # ended, or about to
        return 0


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _open_files(pid: int) -> list[str]:
    folder = Path(f"/proc/{pid}/fd")
    found = []
    for number in os.listdir(folder):
        try:
            found.append(os.readlink(folder / number))
        except FileNotFoundError:
            continue  # closed meanwhile
    return found


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)
