"""The figures of all workers in one place: those that follow tell theirs, the leader keeps what it heard last.

What every worker knows alike the leader tells itself; only what each did is told. A counter never goes down: what a
worker had counted when it ended still counts once another is in its place.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Final
from uuid import uuid4

from klantenregister.figures import Figure, FigureKind, Merge, merged
from storage.cache import Channels
from storage.errors import StoreUnavailable

_log = logging.getLogger(__name__)

CHANNEL: Final = "figures"
TELL_EVERY_S: Final = 1.0


def render_figures(number: int, life: str, figures: Iterable[Figure]) -> bytes:
    """A message of the channel: what worker `number` did in this `life` of it."""
    return json.dumps([number, life, [asdict(one) for one in figures if one.merge is Merge.SUM]]).encode()


def parse_figures(message: bytes) -> tuple[int, str, tuple[Figure, ...]]:
    """Read `render_figures`. Raises: ValueError."""
    try:
        number, life, figures = json.loads(message)
        return int(number), str(life), tuple(_figure(**one) for one in figures)
    except (KeyError, TypeError) as error:
        raise ValueError("no figures of a worker") from error


def _figure(name: str, help: str, kind: str, value: float, labels: list[list[str]], merge: str) -> Figure:
    told = tuple((label, text) for label, text in labels)
    return Figure(name, help, FigureKind(kind), value, told, Merge(merge))


class Gathered:
    """What the other workers told last."""

    def __init__(self) -> None:
        self._told: dict[int, tuple[str, tuple[Figure, ...]]] = {}
        self._of_the_ended: tuple[Figure, ...] = ()

    def take(self, message: bytes) -> None:
        """Take what a worker told. Raises: ValueError."""
        number, life, figures = parse_figures(message)
        known_life, known = self._told.get(number, (life, ()))
        if known_life != life:
            ended = (one for one in known if one.kind is FigureKind.COUNTER)
            self._of_the_ended = merged(self._of_the_ended, ended)
        self._told[number] = life, figures

    def beside(self, own: Iterable[Figure]) -> tuple[Figure, ...]:
        """The figures of this process and of all others as those of one."""
        return merged(own, self._of_the_ended, *(figures for _, figures in self._told.values()))


async def tell_figures(channels: Channels, number: int, figures_now: Callable[[], Iterable[Figure]]) -> None:
    """Tell the leader what this worker did, every so often, until cancelled."""
    life = uuid4().hex
    while True:
        try:
            await channels.publish(CHANNEL, render_figures(number, life, figures_now()))
        except StoreUnavailable as error:
            _log.debug("figures_not_told", extra={"reason": str(error)})
        await asyncio.sleep(TELL_EVERY_S)


async def gather_figures(channels: Channels, gathered: Gathered) -> None:
    """Keep what the others tell, until cancelled; messages that are lost are told again."""
    while True:
        try:
            async with channels.subscribe(CHANNEL) as messages:
                async for message in messages:
                    try:
                        gathered.take(message)
                    except ValueError:
                        _log.warning("figures_not_understood")
                return  # closed
        except StoreUnavailable:
            await asyncio.sleep(TELL_EVERY_S)
