"""Runs and what follows from them: medians, ratios of one round, the table. Pure."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

NOISE = 0.12
"""The share of the machine's CPU that strangers may take before a run is made again."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one run of the load brought, CPU in microseconds for each request."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    service_us: float
    load_us: float
    strangers: float
    failed: int

    @property
    def is_quiet(self) -> bool:
        """Whether nobody else was much at work."""
        return self.strangers <= NOISE


class Measure(StrEnum):
    """What of two runs a ratio compares."""

    RATE = "requests_per_s"
    P99 = "p99_ms"
    CPU = "cpu_us"


Rounds = Mapping[str, Sequence[Run]]
"""By candidate: its run of each round, in order."""


def ratio(rounds: Rounds, candidate: str, reference: str, measure: Measure = Measure.RATE) -> float:
    """The median over the rounds of candidate / reference, each pair of the same round."""
    pairs = zip(rounds[candidate], rounds[reference], strict=True)
    return statistics.median(float(getattr(one, measure) / getattr(other, measure)) for one, other in pairs)


def median_of(runs: Sequence[Run], member: str) -> float:
    """The median of one member of the runs."""
    return statistics.median(float(getattr(run, member)) for run in runs)


HEADING = (
    f"{'':22} {'req/s':>8} {'least':>7} {'most':>7} {'ratio':>6} {'by CPU':>6} {'p50 ms':>7} {'p99 ms':>7} "
    f"{'CPU us':>7} {'service':>7} {'load':>6} {'others':>6} {'failed':>6}"
)


def table(rounds: Rounds, reference: str) -> list[str]:
    """A line for each candidate: medians, and the ratio of the rate to that of `reference`.

    "by CPU" is the same from CPU time for each request, which hardly notices strangers: how much less of it is used.
    """
    return [HEADING, *(_line(runs, name, rounds, reference) for name, runs in rounds.items())]


def _line(runs: Sequence[Run], name: str, rounds: Rounds, reference: str) -> str:
    used = ratio(rounds, reference, name, Measure.CPU) if all(run.cpu_us for run in runs) else 0.0
    against = ratio(rounds, name, reference)
    rates = [run.requests_per_s for run in runs]
    return (
        f"{name:22} {statistics.median(rates):8.0f} {min(rates):7.0f} {max(rates):7.0f} {against:6.2f} {used:6.2f} "
        f"{median_of(runs, 'p50_ms'):7.2f} {median_of(runs, 'p99_ms'):7.2f} {median_of(runs, 'cpu_us'):7.1f} "
        f"{median_of(runs, 'service_us'):7.1f} {median_of(runs, 'load_us'):6.1f} "
        f"{median_of(runs, 'strangers'):6.0%} {sum(run.failed for run in runs):6}"
    )
