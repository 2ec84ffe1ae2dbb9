"""What is wrong with a configuration: every problem at once, each with its place and its remedy."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

Location: TypeAlias = tuple[str | int, ...]
"""Where a value stands in the configuration: keys and list positions from the root."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_.-]{1,80}")
_SHOWN_KEY_CHARACTERS = 40


def path_text(location: Location) -> str:
    """Write a location as a person does: `tenants[0].services[1].name`.

    Shape: one line whatever the keys hold; a strange key is quoted and a long one cut.
    """
    text = ""
    for step in location:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step[:_SHOWN_KEY_CHARACTERS])}]"
    return text


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, on one line."""

    path: str
    """The key, as `path_text` writes it, or the name of the file when all of it is meant."""

    message: str
    """What is wrong and what to do about it; never a secret."""

    origin: str = ""
    """Where the value came from: `line 12`, or the name of an environment variable; empty when unknown."""

    def __str__(self) -> str:
        origin = f" [{self.origin}]" if self.origin else ""
        return f"{self.path}: {self.message}{origin}" if self.path else f"{self.message}{origin}"


class ConfigError(Exception):
    """The configuration cannot be used; nothing of it was applied."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))
