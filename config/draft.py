"""A configuration that is being put together: plain values, where each came from, and what is wrong so far.

Values are never changed in place, because an alias in the file may stand for one value in two places.
"""

from collections.abc import Mapping

from pydantic import JsonValue

from config.errors import Location, Problem, path_text


class Draft:
    """Plain values on their way to becoming Settings."""

    def __init__(self, value: JsonValue, lines: Mapping[Location, int]) -> None:
        self.value = value
        self.problems: list[Problem] = []
        self._reported: set[Location] = set()
        self._origins = {location: f"line {line}" for location, line in lines.items()}

    def at(self, location: Location) -> JsonValue:
        """Get the value at `location`; None when there is none."""
        value = self.value
        for step in location:
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def replace(self, location: Location, value: JsonValue, origin: str) -> None:
        """Put `value` at `location`, making the sections on the way there."""
        if isinstance(self.at(location), dict | list):
            depth = len(location)
            self._origins = {known: text for known, text in self._origins.items() if known[:depth] != location}
        self.value = _with(self.value, location, value)
        self._origins[location] = origin

    def remove(self, location: Location) -> None:
        """Take away the key at `location`, if it is there."""
        *parents, key = location
        mapping = self.at(tuple(parents))
        if isinstance(mapping, dict) and key in mapping:
            kept = {name: value for name, value in mapping.items() if name != key}
            self.value = _with(self.value, tuple(parents), kept)

    def origin_of(self, location: Location) -> str:
        """Tell where the value came from, or the nearest thing around it; empty when nobody knows."""
        for length in range(len(location), -1, -1):
            if location[:length] in self._origins:
                return self._origins[location[:length]]
        return ""

    def is_reported(self, location: Location) -> bool:
        """Tell whether a problem with exactly this place is known."""
        return location in self._reported

    def report(self, location: Location, message: str) -> None:
        """Note a problem with the value at `location`."""
        self._reported.add(location)
        self.problems.append(Problem(path_text(location), message, self.origin_of(location)))


def _with(value: JsonValue, location: Location, new: JsonValue) -> JsonValue:
    """Copy `value` with `new` at `location`; what is not on the way there is shared."""
    if not location:
        return new
    step, rest = location[0], location[1:]
    if isinstance(step, int):
        assert isinstance(value, list)
        return [*value[:step], _with(value[step], rest, new), *value[step + 1 :]]
    mapping = value if isinstance(value, dict) else {}
    return {**mapping, step: _with(mapping.get(step), rest, new)}
