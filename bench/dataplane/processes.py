"""Programs of the bench as trees of processes: start, pin to cores, count their CPU and memory, stop."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.site import REPOSITORY

PATIENCE_S = 60.0
_NANOSECONDS = 1e9
_TICKS = os.sysconf("SC_CLK_TCK")
_PORTS = range(14_000, 20_000)
"""Below those that the system gives to outgoing connections, of which a bench makes very many."""
_STOP_S = 10.0


class BenchFailed(Exception):
    """What the bench needs is not as it must be; the message says what, and where to look."""


@dataclass(frozen=True, slots=True)
class Program:
    """A running program: the process that was started and all that it starts itself."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    def pids(self) -> list[int]:
        """Every process of the tree."""
        found, waiting = [], [self.process.pid]
        while waiting:
            pid = waiting.pop()
            found.append(pid)
            for task in _tasks(pid):
                with contextlib.suppress(OSError):
                    children = Path(f"/proc/{pid}/task/{task}/children").read_text(encoding="ascii")
                    waiting += [int(child) for child in children.split()]
        return found

    def cpu_s(self) -> float:
        """CPU seconds that the living processes of the tree have used, user and system."""
        spent = 0
        for pid in self.pids():
            for task in _tasks(pid):
                with contextlib.suppress(OSError):
                    spent += int(Path(f"/proc/{pid}/task/{task}/schedstat").read_text(encoding="ascii").split()[0])
        return spent / _NANOSECONDS

    def memory_mb(self) -> float:
        """Resident memory of the tree; what its processes share is counted for each."""
        return sum(_resident_kb(pid) for pid in self.pids()) / 1024

    def pin(self, cores: set[int]) -> None:
        """Confine every thread of the tree to `cores`."""
        for pid in self.pids():
            for task in _tasks(pid):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(task, cores)

    def end_of_log(self) -> str:
        """The last lines that it wrote."""
        return "\n".join(self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])


@contextlib.contextmanager
def started(
    name: str,
    command: Sequence[str],
    log: Path,
    *,
    cwd: Path = REPOSITORY,
    is_ready: Callable[[], bool] = lambda: True,
    environ: Mapping[str, str] | None = None,
) -> Iterator[Program]:
    """Run a program in a process group of its own until the block ends. Raises: BenchFailed."""
    begin = time.monotonic()
    with log.open("ab") as file:
        process = subprocess.Popen(  # noqa: S603 - the programs of the bench
            command, cwd=cwd, stdout=file, stderr=file, start_new_session=True, env={**os.environ, **(environ or {})}
        )
    program = Program(name, process, log)
    try:
        while not is_ready():
            if process.poll() is not None or time.monotonic() - begin > PATIENCE_S:
                raise BenchFailed(f"{name} did not start; the end of its log:\n{program.end_of_log()}")
            time.sleep(0.005)
        yield program
    finally:
        _stop(process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True, slots=True)
class MachineCpu:
    """CPU seconds of the whole machine since it started: at work, and taken by its host."""

    busy_s: float
    stolen_s: float

    @classmethod
    def read(cls) -> "MachineCpu":
        """As it is now."""
        line = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0]
        user, nice, system, _, _, interrupts, soft_interrupts, stolen = (int(one) for one in line.split()[1:9])
        return cls((user + nice + system + interrupts + soft_interrupts) / _TICKS, stolen / _TICKS)


def tool(name: str) -> str:
    """The path of an installed program. Raises: BenchFailed."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if path is None:
        raise BenchFailed(f"{name} is not installed")
    return path


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    found: list[int] = []
    start = os.getpid() * 31 % len(_PORTS)
    for port in (*_PORTS[start:], *_PORTS[:start]):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                found.append(port)
        if len(found) == count:
            return found
    raise BenchFailed("every port is taken")


def is_listening(port: int) -> bool:
    """Whether somebody accepts connections on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _tasks(pid: int) -> list[int]:
    try:
        return [int(task) for task in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return []


def _resident_kb(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    return 0
