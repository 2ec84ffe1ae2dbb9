"""`make bench-manager`: how far the Manager is from the bare signature, and whether 10,000 Contracts slow it down.

The program runs on one core, the load on the other. Rounds alternate with the yardstick (`bench.bare`), and a figure
is the median over the rounds. "of bare" is the CPU time of the bare signature operation divided by the CPU time that
the whole program used for a request: what strangers do to the machine touches both alike. "by rate" is the same from
requests per second of wall-clock time, which is what a client sees.
"""

import argparse
import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bare import Bare, measure_bare
from bench.contracts import seed
from bench.site import PROVIDER, REPOSITORY, KeyKind, Program, Site, serving

FEW, MANY = 100, 10_000
PROGRAM_CORE, LOAD_CORE = 0, 1
TARGET = 0.60
_SETTLE_S = 30.0
_PATIENCE_S = 60.0
"""Longer than any run or preparation takes: a connection that the program forgot would be waited for without end."""
_UPKEEP_S = 16.0
"""A little more than the pause between two rounds of the program's own upkeep."""


@dataclass(frozen=True, slots=True)
class Round:
    """One run of one kind of request."""

    requests: int
    seconds: float
    cpu_s: float
    p50_ms: float
    p99_ms: float

    @property
    def cpu_us(self) -> float:
        """CPU microseconds of the program for one request."""
        return 1e6 * self.cpu_s / self.requests

    @property
    def rate(self) -> float:
        """Requests in a second."""
        return self.requests / self.seconds


class LoadProcess:
    """The load generator, and what it is told."""

    def __init__(self, process: "subprocess.Popen[str]", program: Program) -> None:
        self._process = process
        self._program = program
        self._submitted = 0
        self._answer()

    def prepare(self, bodies: int) -> None:
        """Make Contracts to submit."""
        self._ask(bodies=bodies)

    def run(self, kind: str, seconds: float) -> Round:
        """One run; for submissions it ends when what they made the program owe has been delivered too."""
        cpu_s = self._program.cpu_s()
        said = self._ask(requests=kind, seconds=seconds)
        failed = {status: count for status, count in said["statuses"].items() if status[0] != "2"}
        if failed:
            raise RuntimeError(f"{kind}: answers {failed}: {said['sample']}")
        requests = sum(said["statuses"].values())
        if kind == "submit":
            self._submitted += requests
            self._settle()
        return Round(requests, said["seconds"], self._program.cpu_s() - cpu_s, said["p50_ms"], said["p99_ms"])

    def _settle(self) -> None:
        give_up_at = time.monotonic() + _SETTLE_S
        while self._ask(requests="delivered")["delivered"] < self._submitted:
            if time.monotonic() > give_up_at:
                raise RuntimeError(f"not every accept signature was delivered within {_SETTLE_S:g} s")
            time.sleep(0.02)

    def _ask(self, **command: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], _PATIENCE_S)[0]:
            raise RuntimeError(f"the load generator said nothing for {_PATIENCE_S:g} s: see serve.log of the program")
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the load generator ended")
        answer: dict[str, Any] = json.loads(line)
        return answer


@dataclass(frozen=True, slots=True)
class Measured:
    """One program with its load, ready to be measured."""

    site: Site
    program: Program
    load: LoadProcess


@contextlib.contextmanager
def measured(folder: Path, kind: KeyKind, count: int, profile: Path | None = None) -> Iterator[Measured]:
    """A new installation with `count` Contracts in its store, running, and its load."""
    site = Site.make(folder, kind)
    hashes = seed(site, count)
    plan = folder / "plan.json"
    plan.write_text(
        json.dumps({"folder": str(folder), "kind": kind, "ports": site.ports, "grant_hashes": hashes}), encoding="utf-8"
    )
    with serving(site, core=PROGRAM_CORE, profile=profile) as program:
        load = subprocess.Popen(  # noqa: S603 - our own program
            ["taskset", "-c", str(LOAD_CORE), sys.executable, "-m", "bench.load", str(plan)],  # noqa: S607
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            yield Measured(site, program, LoadProcess(load, program))
        finally:
            load.terminate()
            load.communicate()


def against_bare(folder: Path, kind: KeyKind, *, rounds: int, seconds: float) -> list[dict[str, Any]]:
    """`/token` and the submission of Contracts, each against the signature operation it cannot do without."""
    with measured(folder, kind, FEW) as one:
        key = one.site.pair(PROVIDER).private_key
        bare: list[Bare] = []
        runs: dict[str, list[Round]] = {"token": [], "submit": []}
        one.load.prepare(bodies=int(rounds * seconds * 2_000))
        for name in runs:
            one.load.run(name, seconds / 3)
        for _ in range(rounds):
            for name, done in runs.items():
                bare.append(measure_bare(key, core=PROGRAM_CORE))
                done.append(one.load.run(name, seconds))
    sign_s = statistics.median(one.sign_s for one in bare)
    verify_s = statistics.median(one.verify_s for one in bare)
    costs = {"token": sign_s, "submit": sign_s + verify_s}
    return [{"key": kind, "work": name, **_compared(done, costs[name])} for name, done in runs.items()]


def _compared(done: list[Round], bare_s: float) -> dict[str, float]:
    cpu_us, rate = statistics.median(one.cpu_us for one in done), statistics.median(one.rate for one in done)
    return {
        "bare_us": 1e6 * bare_s,
        "cpu_us": cpu_us,
        "of_bare": 1e6 * bare_s / cpu_us,
        "rate": rate,
        "by_rate": rate * bare_s,
        "p50_ms": statistics.median(one.p50_ms for one in done),
        "p99_ms": statistics.median(one.p99_ms for one in done),
    }


def growth(folder: Path, *, rounds: int, seconds: float) -> dict[str, Any]:
    """The same requests to a store with few and with many Contracts, in turn; and what many cost at rest."""
    with (
        measured(folder / "few", KeyKind.EC_P256, FEW) as few,
        measured(folder / "many", KeyKind.EC_P256, MANY) as many,
    ):
        at_rest = _at_rest({"few": few, "many": many})
        works = ("token", "lookup", "list", "list-deep", "submit")
        for one in (few, many):
            one.load.prepare(bodies=int(rounds * seconds * 2_500))
        table = []
        for work in works:
            runs: dict[str, list[Round]] = {"few": [], "many": []}
            for _ in range(rounds):
                runs["few"].append(few.load.run(work, seconds))
                runs["many"].append(many.load.run(work, seconds))
            cpu_us = {name: statistics.median(one.cpu_us for one in done) for name, done in runs.items()}
            p99_ms = {name: statistics.median(one.p99_ms for one in done) for name, done in runs.items()}
            table.append({"work": work, "cpu_us": cpu_us, "p99_ms": p99_ms, "ratio": cpu_us["many"] / cpu_us["few"]})
        return {"contracts": {"few": FEW, "many": MANY}, "work": table, "at_rest": at_rest}


def _at_rest(programs: dict[str, Measured]) -> dict[str, dict[str, float]]:
    before = {name: one.program.cpu_s() for name, one in programs.items()}
    time.sleep(_UPKEEP_S)
    return {
        name: {
            "start_s": one.program.start_s,
            "memory_mb": one.program.memory_mb(),
            "upkeep_ms_per_s": 1000 * (one.program.cpu_s() - before[name]) / _UPKEEP_S,
        }
        for name, one in programs.items()
    }


def profiled(folder: Path, kind: KeyKind, work: str, count: int, seconds: float, target: Path) -> None:
    """Leave the figures of cProfile about one kind of request."""
    with measured(folder, kind, count, target) as one:
        one.load.prepare(bodies=int(seconds * 2_000))
        one.load.run(work, seconds)


def main() -> int:
    """Measure and print: a table for people, and JSON as the last line."""
    parser = argparse.ArgumentParser(prog="bench.manager", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds: an impression in a minute")
    parser.add_argument("--only", choices=("bare", "growth"), help="one of the two parts")
    parser.add_argument("--profile", choices=("token", "submit", "list", "lookup", "peer"), help="cProfile of one kind")
    parser.add_argument("--profile-file", type=Path, default=Path("bench.prof"), help="where the profile goes")
    parser.add_argument("--key", choices=list(KeyKind), action="append", help="only this kind of key (repeatable)")
    arguments = parser.parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        sys.stderr.write("bench.manager: needs two cores: one for the program, one for the load\n")
        return 1
    rounds, seconds = (3, 1.0) if arguments.quick else (5, 2.0)
    kinds = [KeyKind(one) for one in arguments.key or KeyKind]
    result: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        folder = Path(scratch)
        if arguments.profile:
            profiled(folder / "one", kinds[0], arguments.profile, FEW, 5.0, arguments.profile_file.absolute())
            return 0
        if arguments.only != "growth":
            result["bare"] = [
                row for kind in kinds for row in against_bare(folder / kind, kind, rounds=rounds, seconds=seconds)
            ]
            _print_bare(result["bare"])
        if arguments.only != "bare":
            result["growth"] = growth(folder, rounds=rounds, seconds=seconds / 2)
            _print_growth(result["growth"])
    print(json.dumps(result))
    return 0


def _print_bare(rows: list[dict[str, Any]]) -> None:
    print("key       work     bare us   cpu us  of bare   req/s  by rate  p50 ms  p99 ms")
    for row in rows:
        mark = "" if row["of_bare"] >= TARGET else "  below 60%"
        print(
            f"{row['key']:9} {row['work']:7} {row['bare_us']:8.0f} {row['cpu_us']:8.0f} {row['of_bare']:8.0%} "
            f"{row['rate']:7.0f} {row['by_rate']:8.0%} {row['p50_ms']:7.1f} {row['p99_ms']:7.1f}{mark}"
        )


def _print_growth(found: dict[str, Any]) -> None:
    few, many = found["contracts"]["few"], found["contracts"]["many"]
    print(f"\n{'work':10} {f'cpu us, {few}':>15} {f'cpu us, {many}':>15} {'ratio':>6} {'p99 ms':>8} {'p99 ms':>8}")
    for row in found["work"]:
        cpu, p99 = row["cpu_us"], row["p99_ms"]
        print(
            f"{row['work']:10} {cpu['few']:15.0f} {cpu['many']:15.0f} {row['ratio']:6.2f} "
            f"{p99['few']:8.1f} {p99['many']:8.1f}"
        )
    for name, figures in found["at_rest"].items():
        print(
            f"{found['contracts'][name]:>10} contracts: ready after {figures['start_s']:.2f} s, "
            f"{figures['memory_mb']:.0f} MB, at rest {figures['upkeep_ms_per_s']:.1f} ms CPU in a second"
        )


if __name__ == "__main__":
    sys.exit(main())
