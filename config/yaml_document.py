"""YAML text to plain values, with the line of each: strict, bounded and without surprises.

Reads the parser's events itself, so that nothing is constructed that was not asked for. A plain scalar is a boolean or
null as in YAML 1.2 and a number as in JSON. All else is text: `no`, `off`, a date, and digits that begin with a zero,
on which YAML 1.1 and 1.2 disagree and which would lose their zeros. Duplicate keys, tags and merge keys are errors.
Depth and size are bounded, also the size that aliases would grow to.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

import yaml
from pydantic import JsonValue

from config.errors import ConfigError, Location, Problem, path_text

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 200_000

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader

_CONSTANTS: Final[Mapping[str, bool | None]] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,300})")
_FLOAT = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")

_Container: TypeAlias = list[JsonValue] | dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """One document, and the line (from 1) of each value; what stands below an alias has no line of its own."""

    value: JsonValue
    lines: Mapping[Location, int]


def parse_yaml(text: str, *, name: str) -> YamlDocument:
    """Parse the one document in `text`; `name` is what problems call it. An empty document is None.

    Raises: ConfigError.
    """
    builder = _Builder(name)
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([Problem(name, _syntax_message(error))]) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise ConfigError(
            [Problem(name, "holds characters that YAML does not allow: save it as UTF-8 text")]
        ) from error
    if builder.problems:
        raise ConfigError(builder.problems)
    return YamlDocument(builder.root, builder.lines)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been met."""

    container: _Container
    location: Location
    anchor: str | None
    size: int = 1
    key: str | None = None

    def next_location(self) -> Location:
        step = len(self.container) if isinstance(self.container, list) else self.key
        assert step is not None
        return (*self.location, step)

    def add(self, value: JsonValue, size: int) -> None:
        self.size += size
        if isinstance(self.container, list):
            self.container.append(value)
        else:
            assert self.key is not None
            self.container[self.key] = value
            self.key = None


class _Builder:
    """Grows one value from events: a stack of open containers, no recursion."""

    def __init__(self, name: str) -> None:
        self.root: JsonValue = None
        self.lines: dict[Location, int] = {}
        self.problems: list[Problem] = []
        self._name = name
        self._documents = 0
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[JsonValue, int]] = {}

    def take(self, event: yaml.Event) -> None:
        """Take the next event. Raises: ConfigError, where going on makes no sense."""
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise self._refused(event, "a second document begins: put everything in one")
            case yaml.ScalarEvent() if self._expects_key():
                self._take_key(event)
            case yaml.ScalarEvent():
                self._check_tag(event)
                self._note_line(event)
                self._add(_scalar(event), 1, event.anchor)
            case yaml.CollectionStartEvent():
                self._check_tag(event)
                self._open([] if isinstance(event, yaml.SequenceStartEvent) else {}, event)
            case yaml.CollectionEndEvent():
                closed = self._stack.pop()
                self._add(closed.container, closed.size, closed.anchor)
            case yaml.AliasEvent():
                self._take_alias(event)

    def _expects_key(self) -> bool:
        return bool(self._stack) and isinstance(self._stack[-1].container, dict) and self._stack[-1].key is None

    def _here(self) -> Location:
        return self._stack[-1].next_location() if self._stack else ()

    def _take_key(self, event: yaml.ScalarEvent) -> None:
        top = self._stack[-1]
        top.key = event.value
        location, line = top.next_location(), _line(event)
        if event.value in top.container:
            first = self.lines[location]
            self._report(event, location, f"this key is there twice, first on line {first}: keep one")
        if event.value == "<<" and event.implicit[0]:
            self._report(event, location, "merge keys are not read: write the keys out")
        self.lines[location] = line

    def _note_line(self, event: yaml.Event) -> None:
        self.lines.setdefault(self._here(), _line(event))

    def _open(self, container: _Container, event: yaml.CollectionStartEvent) -> None:
        if self._expects_key():
            raise self._refused(event, "a key must be plain text")
        if len(self._stack) >= MAX_DEPTH:
            raise self._refused(event, f"nested more than {MAX_DEPTH} levels deep")
        self._note_line(event)
        self._stack.append(_Open(container, self._here(), event.anchor))

    def _take_alias(self, event: yaml.AliasEvent) -> None:
        if self._expects_key():
            raise self._refused(event, "a key must be plain text, not an alias")
        if event.anchor not in self._anchors:
            raise self._refused(event, "this alias names no value that is complete here: define the anchor above it")
        self._note_line(event)
        value, size = self._anchors[event.anchor]
        self._add(value, size, None)

    def _add(self, value: JsonValue, size: int, anchor: str | None) -> None:
        if anchor is not None:
            self._anchors[anchor] = (value, size)
        if not self._stack:
            self.root = value
            return
        top = self._stack[-1]
        top.add(value, size)
        if top.size > MAX_VALUES:
            raise ConfigError([Problem(self._name, f"holds more than {MAX_VALUES} values, aliases counted in full")])

    def _check_tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag is not None:
            self._report(event, self._here(), "tags (words that begin with !) are not read: quote the value instead")

    def _report(self, event: yaml.Event, location: Location, message: str) -> None:
        self.problems.append(Problem(path_text(location), message, f"line {_line(event)}"))

    def _refused(self, event: yaml.Event, message: str) -> ConfigError:
        return ConfigError(
            [*self.problems, Problem(path_text(self._outer()) or self._name, message, f"line {_line(event)}")]
        )

    def _outer(self) -> Location:
        return self._stack[-1].location if self._stack else ()


def _scalar(event: yaml.ScalarEvent) -> JsonValue:
    text: str = event.value
    if not event.implicit[0]:
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(event: yaml.Event) -> int:
    mark = event.start_mark
    assert mark is not None
    line: int = mark.line
    return line + 1


def _syntax_message(error: yaml.MarkedYAMLError) -> str:
    """One line of our own words around the parser's; the text itself, which may hold a secret, is not repeated."""
    mark = error.problem_mark or error.context_mark
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    found = " ".join((error.problem or error.context or "unreadable").split())[:200]
    return f"{place}not YAML: {found}. Check indentation, colons and quotes there"
