"""The load: wrk with a client certificate, and what one run of it cost every program that took part."""

import json
import os
import resource
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.dataplane.figures import Run
from bench.dataplane.processes import BenchFailed, MachineCpu, Program, tool

_HERE = Path(__file__).parent
_LOAD_CORE = 1
_TOLERATED = 0.01
"""The part of requests that may fail before a run means nothing; what fails is in the table."""


@dataclass(frozen=True, slots=True)
class Load:
    """One shape of load. `body_bytes` above 0: POST; `is_closing`: a full handshake for each request."""

    connections: int = 32
    path: str = "/api/v1/items"
    body_bytes: int = 0
    is_closing: bool = False

    def seconds(self, asked: int) -> int:
        """How long a run must last: first all connections are made, at some hundreds a second."""
        return max(asked, 1 + self.connections // 100)


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something to load: where it listens, its processes, and what requests carry.

    `environ` holds BENCH_TOKENS or BENCH_HEADER, and the client certificate.
    """

    name: str
    url: str
    programs: Sequence[Program]
    environ: Mapping[str, str]


class Wrk:
    """Loads candidates: pinned, they on core 0 and load and Service on core 1; free, all on every core."""

    def __init__(self, shim: Path, service: Program) -> None:
        self._shim = shim
        self._service = service

    def run(self, candidate: Candidate, load: Load, *, seconds: int, is_pinned: bool) -> Run:
        """One run. Raises: BenchFailed when wrk itself fails."""
        self._place(candidate, is_pinned)
        machine, children = MachineCpu.read(), _children_s()
        candidate_s, service_s, begin = _spent(candidate), self._service.cpu_s(), time.monotonic()
        said = self._load(candidate, load, load.seconds(seconds), is_pinned)
        elapsed_s = time.monotonic() - begin
        candidate_s, service_s = _spent(candidate) - candidate_s, self._service.cpu_s() - service_s
        load_s, after = _children_s() - children, MachineCpu.read()
        own_s = candidate_s + service_s + load_s
        cores = os.cpu_count() or 1
        requests, failed = said["requests"], said["statuses"] + said["broken"] + said["timeouts"]
        if failed >= max(1, requests * _TOLERATED) or not requests:
            raise BenchFailed(f"{candidate.name}: {failed} of {requests} requests for {load.path} failed")
        return Run(
            requests_per_s=requests / said["duration_us"] * 1e6,
            p50_ms=said["p50_us"] / 1e3,
            p99_ms=said["p99_us"] / 1e3,
            cpu_us=candidate_s / requests * 1e6,
            service_us=service_s / requests * 1e6,
            load_us=load_s / requests * 1e6,
            strangers=max(0.0, after.busy_s - machine.busy_s - own_s + after.stolen_s - machine.stolen_s)
            / elapsed_s
            / cores,
            failed=failed,
        )

    def _place(self, candidate: Candidate, is_pinned: bool) -> None:
        everywhere = set(range(os.cpu_count() or 1))
        for program in candidate.programs:
            program.pin({0} if is_pinned else everywhere)
        self._service.pin({_LOAD_CORE} if is_pinned else everywhere)

    def _load(self, candidate: Candidate, load: Load, seconds: int, is_pinned: bool) -> dict[str, int]:
        environ = {**os.environ, **candidate.environ, "LD_PRELOAD": str(self._shim), "BENCH_PATH": load.path}
        if load.body_bytes:
            environ["BENCH_BODY"] = str(load.body_bytes)
        if load.is_closing:
            environ |= {"BENCH_CLOSE": "1", "BENCH_FULL_HANDSHAKES": "1"}
        command = ["taskset", "-c", str(_LOAD_CORE)] if is_pinned else []
        command += [tool("wrk"), "-t1", f"-c{load.connections}", f"-d{seconds}s", "--timeout", "10s"]
        command += ["-s", str(_HERE / "wrk.lua"), candidate.url + load.path]
        done = subprocess.run(  # noqa: S603 - wrk
            command, env=environ, capture_output=True, text=True, check=False, timeout=seconds + 60
        )
        last = done.stdout.strip().rsplit("\n", 1)[-1]
        if done.returncode or not last.startswith("{"):
            raise BenchFailed(f"wrk on {candidate.name} failed: {done.stdout[-500:]}{done.stderr[-500:]}")
        said: dict[str, int] = json.loads(last)
        return said


def _spent(candidate: Candidate) -> float:
    return sum(program.cpu_s() for program in candidate.programs)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
