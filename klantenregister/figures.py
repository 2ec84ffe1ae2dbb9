"""What a process tells about itself in numbers, as plain data that can cross to another process. Pure.

Of several workers one answers `/metrics`: it adds up what each of them counted, and tells once what all of them know.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]


class FigureKind(StrEnum):
    """A counter never goes down while its process runs."""

    COUNTER = "counter"
    GAUGE = "gauge"


class Merge(StrEnum):
    """What becomes of the same figure of several processes: `SUM` of what each did, `FIRST` of what all know alike."""

    SUM = "sum"
    FIRST = "first"


@dataclass(frozen=True, slots=True)
class Figure:
    """One value. Labels name tenants, components and states of this installation: never a person, never a secret."""

    name: str
    help: str
    kind: FigureKind
    value: float
    labels: Labels = ()
    merge: Merge = Merge.FIRST


def merged(*processes: Iterable[Figure]) -> tuple[Figure, ...]:
    """The figures of these processes as those of one; where all know alike, the first is believed."""
    known: dict[tuple[str, Labels], Figure] = {}
    for figures in processes:
        for one in figures:
            before = known.setdefault((one.name, one.labels), one)
            if before is not one and one.merge is Merge.SUM:
                known[one.name, one.labels] = replace(one, value=before.value + one.value)
    return tuple(known.values())
