"""Runs a series: starts what it needs, verifies each candidate once, and loads them in turn."""

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bench.dataplane import plan, rivals
from bench.dataplane.federation import INWAY_HOST, Federation
from bench.dataplane.figures import Run, ratio, table
from bench.dataplane.plan import Series, Setting
from bench.dataplane.processes import Program
from bench.dataplane.tokens import Tokens
from bench.dataplane.verify import verify
from bench.dataplane.wrk import Candidate, Load, Wrk
from bench.site import CONSUMER

MANY_TOKENS = 10_000
_WARM_UP_S = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure."""

    rounds: int
    seconds: int
    repeats: float = 1.0
    """Runs that may be made again for noise, as a part of the runs of a series."""

    def rounds_of(self, series: Series) -> int:
        """The rounds of one series."""
        return max(1, round(self.rounds * series.weight))


@dataclass(frozen=True, slots=True)
class Group:
    """A federation whose Contract is valid, with the token that its Manager gave."""

    federation: Federation
    tokens: Tokens


@dataclass(slots=True)
class Result:
    """The runs of one series."""

    series: Series
    rounds: dict[str, list[Run]] = field(default_factory=dict)

    def figures(self) -> dict[str, float]:
        """The ratios, by name."""
        return {
            figure.name: ratio(self.rounds, figure.candidate, figure.reference, figure.measure)
            for figure in self.series.figures
        }

    def report(self) -> list[str]:
        """Title, table and ratios."""
        ratios = [f"  {name} = {value:.2f}" for name, value in self.figures().items()]
        return [f"{self.series.title}:", *table(self.rounds, self.series.candidates[0]), *ratios, ""]


def say(text: str) -> None:
    """Progress."""
    sys.stderr.write(f"bench: {text}\n")
    sys.stderr.flush()


def run_setting(group: Group, setting: Setting, wanted: list[Series], wrk: Wrk, pace: Pace) -> Iterator[Result]:
    """The series of one setting, with every candidate of them started once."""
    needed = {name for series in wanted for name in series.candidates}
    with candidates_of(group, setting, needed) as candidates:
        for name, candidate in candidates.items():
            _warm_up(candidate, MANY_TOKENS if name == plan.MANY else 1, wrk, setting)
        for series in wanted:
            say(f"{setting}: {series.title}")
            yield _run_series(series, candidates, wrk, pace)


def _warm_up(candidate: Candidate, tokens: int, wrk: Wrk, setting: Setting) -> None:
    """Load it until one run has sent each of its tokens: a run begins with the first."""
    seconds = _WARM_UP_S
    while wrk.run(candidate, Load(), seconds=seconds, is_pinned=setting.is_pinned).requests_per_s * seconds < tokens:
        seconds *= 2


def _run_series(series: Series, candidates: dict[str, Candidate], wrk: Wrk, pace: Pace) -> Result:
    result = Result(series, {name: [] for name in series.candidates})
    rounds = pace.rounds_of(series)
    repeats = int(rounds * len(series.candidates) * pace.repeats)
    for _ in range(rounds):
        for name in series.candidates:
            run = wrk.run(candidates[name], series.load, seconds=pace.seconds, is_pinned=series.setting.is_pinned)
            while not run.is_quiet and repeats:
                repeats -= 1
                run = wrk.run(candidates[name], series.load, seconds=pace.seconds, is_pinned=series.setting.is_pinned)
            result.rounds[name].append(run)
    return result


@contextlib.contextmanager
def candidates_of(group: Group, setting: Setting, needed: set[str]) -> Iterator[dict[str, Candidate]]:
    """Start what serves the candidates called `needed`, and see that each is as strict as it must be."""
    federation, one = group.federation, group.tokens.write_one()
    found: dict[str, Candidate] = {}
    workers = setting.workers

    def add(name: str, program: Program, port: int, tokens: Path = one) -> None:
        if name in needed:
            if name != plan.NGINX:
                say(f"{setting}: {name} refuses what it must")
                verify(name, federation, port, group.tokens)
            found[name] = _candidate(federation, name, program, port, tokens)

    with contextlib.ExitStack() as running:
        if needed & {plan.HAPROXY, plan.CACHED}:
            haproxy = running.enter_context(rivals.haproxy(federation, f"haproxy-{setting}", threads=workers))
            add(plan.HAPROXY, haproxy.program, haproxy.ports["full"])
            add(plan.CACHED, haproxy.program, haproxy.ports["cached"])
        if plan.NGINX in needed:
            nginx = running.enter_context(rivals.nginx(federation, f"nginx-{setting}", threads=workers))
            add(plan.NGINX, nginx.program, nginx.ports["mtls"])
        for name, count, is_logging in (
            (plan.INWAY, workers, False),
            (plan.LOGGING, workers, True),
            (plan.ONE_WORKER, 1, False),
        ):
            if name in needed or (name == plan.INWAY and plan.MANY in needed):
                variant = running.enter_context(
                    federation.variant(f"{name}-{setting}", workers=count, is_logging=is_logging)
                )
                add(name, variant.program, variant.ports["inway"])
                if name == plan.INWAY and plan.MANY in needed:
                    add(plan.MANY, variant.program, variant.ports["inway"], group.tokens.write_many(MANY_TOKENS))
        yield found


def _candidate(federation: Federation, name: str, program: Program, port: int, tokens: Path) -> Candidate:
    stem = federation.pki / CONSUMER.slug
    environ = {
        "BENCH_TOKENS": str(tokens),
        "BENCH_CERTIFICATE": f"{stem}.pem",
        "BENCH_KEY": f"{stem}.key",
    }
    return Candidate(name, f"https://{INWAY_HOST}:{port}", [program], environ)
