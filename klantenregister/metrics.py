"""`/metrics`: the figures of this installation and of this process, in the text format of Prometheus.

Nothing is kept for it: figures are read when somebody asks.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from klantenregister.figures import Figure, FigureKind

FiguresNow = Callable[[], Awaitable[Iterable[Figure]]]


def metrics_route(figures_now: FiguresNow) -> web.RouteDef:
    """`GET /metrics`; `figures_now` is asked each time."""
    process = CollectorRegistry()
    GCCollector(registry=process)
    PlatformCollector(registry=process)
    ProcessCollector(registry=process)

    async def metrics(_: web.Request) -> web.Response:
        body = generate_latest(process) + render(await figures_now())
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    return web.get("/metrics", metrics)


def render(figures: Iterable[Figure]) -> bytes:
    """The figures as text, those of one name together."""
    registry = CollectorRegistry()
    registry.register(_Given(figures))
    return generate_latest(registry)


class _Given(Collector):
    """What was read already, as the library wants it."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = tuple(figures)

    def collect(self) -> Iterator[Metric]:
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for one in self._figures:
            if one.name not in families:
                family = CounterMetricFamily if one.kind is FigureKind.COUNTER else GaugeMetricFamily
                families[one.name] = family(one.name, one.help, labels=[name for name, _ in one.labels])
            families[one.name].add_metric([value for _, value in one.labels], one.value)
        yield from families.values()
