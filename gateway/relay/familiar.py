"""Heads that were read before. Pure.

On a connection that is kept alive one header section after the other is the same, but for the transaction id and at
times the token; so is one head after the other of the answers of a Service. llhttp reads each of them once; what comes
again byte for byte is
taken for what it was, and only what differs is looked at.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.relay.fields import AUTHORIZATION, TRANSACTION_ID, Fate, Field, lines
from gateway.relay.request import Framing

MAX_BYTES: Final = 8192
"""Of a head that is remembered."""
_REQUEST_LINE: Final = re.compile(rb"(GET|HEAD|DELETE) (/[A-Za-z0-9/._~%!$&'()*+,;=:@?-]*) HTTP/1\.1")
"""Of requests without a body, in characters of which nobody can think differently."""
_TEXT: Final = bytes(range(0x20, 0x7F))
"""What the fields that differ from one request to the next are made of."""
_VARYING: Final = frozenset({TRANSACTION_ID, AUTHORIZATION})
_LINE_END: Final = b"\r\n"
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value stands that may differ: among the fields, among those noted; and what it was."""

    fate: Fate
    field: int
    noted: int
    value: bytes


@dataclass(frozen=True, slots=True)
class FamiliarSection:
    """The header section of a request, in pieces with a hole between each two, and what was made of it."""

    line: bytes
    """The request line it came with, which says `method` and `target`."""
    method: str
    target: bytes
    pieces: tuple[bytes, ...]
    holes: tuple[Hole, ...]
    fields: list[Field]
    noted: list[tuple[Fate, bytes]]
    lines: tuple[bytes, ...]
    """What goes on of it, with the same holes."""
    host: bytes | None


@dataclass(frozen=True, slots=True)
class FamiliarRequest:
    """A request whose header section was known."""

    method: str
    framing: Framing
    noted: list[tuple[Fate, bytes]]


@dataclass(frozen=True, slots=True)
class FamiliarAnswer:
    """The head of an answer that is followed by `length` bytes of body, after which the connection stays open."""

    status: int
    fields: list[Field]
    start: bytes
    """Of what goes on."""
    names: frozenset[bytes]
    """In lower case."""
    length: int


def remember_section(data: bytes, noted: list[tuple[Fate, bytes]], framing: Framing) -> FamiliarSection | None:
    """What to remember of a request that is nothing but the head `data`; None when it is not worth it."""
    line_end = data.find(_LINE_END)
    plain = framing.upgrade is None and not framing.expects_continue and not framing.is_chunked
    begin = _REQUEST_LINE.fullmatch(data, 0, line_end)
    if not plain or len(data) > MAX_BYTES or begin is None:
        return None
    rest, fields = data[line_end:], framing.fields
    pieces, rendered, holes, done = [], [], [], 0
    for number, (name, value) in enumerate(fields):
        at = next((i for i, (fate, known) in enumerate(noted) if known is value and fate in _VARYING), None)
        if at is None:
            continue
        line = b"\r\n" + name + b": " + value + _LINE_END
        before, found, after = rest.partition(line)
        if not found or not _is_plain(value) or line in after:
            return None
        pieces.append(before + line[: -len(value) - len(_LINE_END)])
        rest = _LINE_END + after
        rendered.append(lines(fields[done:number]) + name + b": ")
        done = number + 1
        holes.append(Hole(noted[at][0], number, at, value))
    rendered = [one if i == 0 else _LINE_END + one for i, one in enumerate([*rendered, lines(fields[done:])])]
    method = begin[1].decode("ascii")
    return FamiliarSection(
        begin[0], method, begin[2], (*pieces, rest), tuple(holes), fields, noted, tuple(rendered), framing.host
    )


def read_familiar(data: bytes, known: FamiliarSection) -> FamiliarRequest | None:
    """The request that is nothing but the head `data`, when its header section is the known one; else None."""
    method, target, position = known.method, known.target, len(known.line)
    if not data.startswith(known.line) or not data.startswith(_LINE_END, position):
        position = data.find(_LINE_END)
        line = _REQUEST_LINE.fullmatch(data, 0, position)
        if line is None:
            return None
        method, target = line[1].decode("ascii"), line[2]
    pieces, holes, rendered = known.pieces, known.holes, known.lines
    fields, noted, goes_on = known.fields, known.noted, rendered[0]
    if holes:
        fields, noted = fields.copy(), noted.copy()
    for number, hole in enumerate(holes):
        if not data.startswith(pieces[number], position):
            return None
        position += len(pieces[number])
        value = hole.value
        end = position + len(value)
        if not data.startswith(_LINE_END, end):
            end = data.find(_LINE_END, position)
        if end - position != len(value) or not data.startswith(value, position):
            value = data[position:end]
            if not _is_plain(value):
                return None
            fields[hole.field] = (fields[hole.field][0], value)
            noted[hole.noted] = (hole.fate, value)
        position = end
        goes_on = goes_on + value + rendered[number + 1]
    if len(data) - position != len(pieces[-1]) or not data.endswith(pieces[-1]):
        return None
    framing = Framing(target, fields, False, False, None, known.host, goes_on)
    return FamiliarRequest(method, framing, noted)


def _is_plain(value: bytes) -> bool:
    """Whether it is text without white space at its ends, so that nobody reads it otherwise."""
    return value == value.strip(b" ") and value != b"" and not value.translate(None, _TEXT)


def head_of(data: bytes) -> bytes:
    """The head at the beginning of `data`, its end included; empty when it is not all there, or too long."""
    end = data.find(_END, 0, MAX_BYTES)
    return data[: end + len(_END)] if end > 0 else b""
