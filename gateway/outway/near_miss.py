"""A Grant hash that arrived damaged: what it was, and what damaged it. Pure.

A hash begins `$1$3$`: a shell takes that for variables when it stands in double quotes, and people copy half of it,
with the quotes around it, percent-encoded or in another base64 spelling. What is meant is then still plain.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import unquote

_MIN_PART = 8
_SPELLED_ALIKE = str.maketrans("+/", "-_")


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The hash that was meant, and how to send it."""

    meant: str
    remedy: str


def find_near_miss(text: str, known: Iterable[str]) -> NearMiss | None:
    """Which of the `known` hashes `text` was before it was damaged; None when none, or more than one, fits.

    Shape: `text` is none of `known`.
    """
    hashes = tuple(known)
    for repaired, remedy in _repairs(text):
        if repaired in hashes:
            return NearMiss(repaired, remedy)
    return _part_of(undone(text), hashes)


def undone(text: str) -> str:
    """`text` without quotes, white space, escapes, percent-encoding and padding, in the base64url alphabet."""
    bare = unquote(text).strip().strip("'\"`").strip().replace("\\", "")
    return bare.rstrip("=").translate(_SPELLED_ALIKE)


def _repairs(text: str) -> Iterable[tuple[str, str]]:
    bare = text.strip().strip("'\"`").strip()
    yield bare, "send it without quotes"
    yield bare.replace("\\", ""), "send it without backslashes: between single quotes a shell needs none"
    yield unquote(bare), "send it as it is, not percent-encoded"
    yield undone(text), "send it in base64url without padding: - and _, no + / ="


def _part_of(text: str, hashes: tuple[str, ...]) -> NearMiss | None:
    if len(text) < _MIN_PART:
        return None
    for fits, remedy in _PARTS:
        fitting = [one for one in hashes if fits(one, text)]
        if len(fitting) == 1:
            return NearMiss(fitting[0], remedy)
    return None


_PARTS: tuple[tuple[Callable[[str, str], bool], str], ...] = (
    (str.startswith, "send all of it: its end is missing"),
    (
        str.endswith,
        "write it between single quotes: between double quotes a shell takes what follows each $ for a variable",
    ),
    (
        lambda known, text: known.rpartition("$")[2].startswith(text),
        "send all of it, from the first $ on: `klantenregister contracts show` has it",
    ),
)
