"""`klantenregister.metrics`: the text format, and figures that are read when somebody asks."""

from collections.abc import Iterable

from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.parser import text_string_to_metric_families

from klantenregister.figures import Figure, FigureKind
from klantenregister.metrics import metrics_route, render


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (one.name, tuple(sorted(one.labels.items()))): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }


def test_figures_of_one_name_are_one_family_in_whatever_order() -> None:
    text = render(
        [
            Figure("served", "Served.", FigureKind.COUNTER, 3, (("component", "inway"),)),
            Figure("open", "Open.", FigureKind.GAUGE, -1.5),
            Figure("served", "Served.", FigureKind.COUNTER, 4, (("component", 'a "b"\nc'),)),
        ]
    ).decode()

    assert text.count("# TYPE served_total counter") == 1
    assert samples(text) == {
        ("served_total", (("component", "inway"),)): 3,
        ("served_total", (("component", 'a "b"\nc'),)): 4,
        ("open", ()): -1.5,
    }


async def test_figures_are_read_at_each_request_and_the_process_tells_of_itself() -> None:
    asked = 0

    async def now() -> Iterable[Figure]:
        nonlocal asked
        asked += 1
        return [Figure("asked", "Asked.", FigureKind.COUNTER, asked)]

    app = web.Application()
    app.add_routes([metrics_route(now)])
    async with TestClient(TestServer(app)) as client:
        await client.get("/metrics")
        answer = await client.get("/metrics")
        assert answer.headers["Content-Type"].startswith("text/plain")
        found = samples(await answer.text())
        assert found["asked_total", ()] == 2
        assert found["process_resident_memory_bytes", ()] > 1_000_000
        assert found["process_open_fds", ()] > 2
        assert {name for name, _ in found} >= {"process_cpu_seconds_total", "python_gc_collections_total"}
