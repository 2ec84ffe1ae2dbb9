"""`klantenregister.gathering`: figures that cross from one worker to another."""

import asyncio

import pytest

from klantenregister.figures import Figure, FigureKind, Merge
from klantenregister.gathering import Gathered, gather_figures, parse_figures, render_figures, tell_figures
from storage.memory_cache import MemoryCache
from tests.gateway.harness import eventually

LABELS = (("component", "inway"),)


def served(number: float) -> Figure:
    return Figure("served", "Served.", FigureKind.COUNTER, number, LABELS, Merge.SUM)


def open_now(number: float) -> Figure:
    return Figure("open", "Open.", FigureKind.GAUGE, number, LABELS, Merge.SUM)


KNOWN = Figure("known", "Known.", FigureKind.GAUGE, 7)


def test_only_what_each_did_is_told() -> None:
    assert parse_figures(render_figures(1, "a", [served(2), KNOWN, open_now(3)])) == (1, "a", (served(2), open_now(3)))


@pytest.mark.parametrize("message", [b"", b"{}", b"[1]", b'[1, "a", 2]', b'[1, "a", [{}]]', b'["x", "a", []]'])
def test_what_are_no_figures_is_refused(message: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_figures(message)


def test_a_later_message_replaces_the_one_before_and_workers_are_added_up() -> None:
    gathered = Gathered()
    for number, life, figures in ((1, "a", [served(2)]), (1, "a", [served(5)]), (2, "b", [served(10)])):
        gathered.take(render_figures(number, life, figures))

    assert set(gathered.beside([served(100), KNOWN])) == {served(115), KNOWN}


def test_a_counter_does_not_go_down_when_a_worker_is_replaced() -> None:
    gathered = Gathered()
    for life, figures in (("a", [served(5), open_now(4)]), ("b", [served(1), open_now(1)]), ("c", [served(2)])):
        gathered.take(render_figures(1, life, figures))

    assert set(gathered.beside([])) == {served(8)}


async def test_what_one_tells_the_other_hears_though_somebody_talks_nonsense() -> None:
    channels, gathered = MemoryCache(), Gathered()
    async with asyncio.TaskGroup() as tasks:
        hearing = tasks.create_task(gather_figures(channels, gathered))
        await asyncio.sleep(0)
        await channels.publish("figures", b"nonsense")
        telling = tasks.create_task(tell_figures(channels, 1, lambda: [served(3)]))
        await eventually(lambda: gathered.beside([served(1)]) == (served(4),))
        telling.cancel()
        await channels.close()
        await hearing
