"""What is measured: series of interleaved runs, and the figures that follow from each. Pure.

`pin`: a candidate's processes on one core, load and Service on the other. `free`: all on every core, two workers each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from bench.dataplane.figures import Measure
from bench.dataplane.wrk import Load

HAPROXY, CACHED, NGINX = "haproxy", "haproxy-cached", "nginx-mtls"
INWAY, LOGGING, MANY, ONE_WORKER = "inway", "inway-log", "inway-many-tokens", "inway-1-worker"


class Setting(StrEnum):
    """Which programs serve, and where: the key of the tokens, workers, cores."""

    PIN = "pin"
    FREE = "free"
    RSA_PIN = "rsa-pin"

    @property
    def is_pinned(self) -> bool:
        """Whether the candidate has a core of its own."""
        return self is not Setting.FREE

    @property
    def workers(self) -> int:
        """Processes or threads of each candidate."""
        return 2 if self is Setting.FREE else 1


@dataclass(frozen=True, slots=True)
class Figure:
    """A named ratio: `candidate` by `reference`."""

    name: str
    candidate: str
    reference: str = HAPROXY
    measure: Measure = Measure.RATE


@dataclass(frozen=True, slots=True)
class Series:
    """Candidates that are loaded in turn, round by round; the first is what the table compares with.

    `weight` is its share of the rounds: series that only inform have fewer.
    """

    title: str
    setting: Setting
    load: Load
    candidates: Sequence[str]
    figures: Sequence[Figure] = ()
    weight: float = 1.0

    def only(self, names: frozenset[str]) -> "Series | None":
        """This series with what is needed for the figures called `names`; None: nothing."""
        figures = [figure for figure in self.figures if figure.name in names]
        if not figures:
            return None
        needed = {one for figure in figures for one in (figure.candidate, figure.reference)}
        return replace(self, figures=figures, candidates=[one for one in self.candidates if one in needed])


_ALL = (
    Series(
        "keep-alive, ES256, one core",
        Setting.PIN,
        Load(),
        (HAPROXY, CACHED, NGINX, INWAY, MANY, LOGGING),
        (
            Figure("inway_es256_pin", INWAY),
            Figure("inway_cached_haproxy_pin", INWAY, CACHED),
            Figure("inway_log_pin", LOGGING),
            Figure("inway_many_tokens_pin", MANY, INWAY),
            Figure("inway_p99_pin", INWAY, measure=Measure.P99),
        ),
    ),
    Series(
        "1 MiB answers, one core",
        Setting.PIN,
        Load(connections=8, path="/files/large"),
        (HAPROXY, INWAY),
        (Figure("body_1mib_pin", INWAY),),
    ),
    Series(
        "100 kB uploads, one core",
        Setting.PIN,
        Load(connections=8, body_bytes=100_000),
        (HAPROXY, INWAY),
        (Figure("upload_100kb_pin", INWAY),),
    ),
    *(
        Series(
            f"{count} connection{'s' if count > 1 else ''}, one core",
            Setting.PIN,
            Load(connections=count),
            (HAPROXY, INWAY, LOGGING),
            (Figure(f"inway_{count}_connections_pin", INWAY), Figure(f"inway_log_{count}_connections_pin", LOGGING)),
            weight=0.6,
        )
        for count in (1, 8, 64, 512)
    ),
    Series(
        "keep-alive, ES256, everything on both cores",
        Setting.FREE,
        Load(),
        (HAPROXY, CACHED, NGINX, INWAY, LOGGING, ONE_WORKER),
        (
            Figure("inway_es256_free", INWAY),
            Figure("inway_cached_haproxy_free", INWAY, CACHED),
            Figure("inway_log_free", LOGGING),
            Figure("inway_2_workers_free", INWAY, ONE_WORKER),
        ),
    ),
    Series(
        "a new TLS connection for each request, everything on both cores",
        Setting.FREE,
        Load(is_closing=True),
        (HAPROXY, NGINX, INWAY),
        (Figure("handshake_free", INWAY),),
    ),
    Series(
        "keep-alive, RS512, one core",
        Setting.RSA_PIN,
        Load(),
        (HAPROXY, INWAY),
        (Figure("inway_rs512_pin", INWAY),),
    ),
)
FIGURES = tuple(figure.name for series in _ALL for figure in series.figures)


def plan(names: frozenset[str] | None) -> Iterator[Series]:
    """Every series, or what is needed for the figures called `names`."""
    for series in _ALL:
        chosen = series if names is None else series.only(names)
        if chosen is not None:
            yield chosen
