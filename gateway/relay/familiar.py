"""Heads that were read before. Pure.

On a connection that is kept alive one header section after the other is the same, but for the transaction id; so is one
head after the other of the answers of a Service. llhttp reads each of them once; what comes again byte for byte is
taken for what it was, and only what differs is looked at.
"""

import re
from dataclasses import dataclass
from typing import Final

from gateway.relay.fields import TRANSACTION_ID, Fate, Field, lines
from gateway.relay.request import Framing

MAX_BYTES: Final = 8192
"""Of a head that is remembered."""
_REQUEST_LINE: Final = re.compile(rb"(GET|HEAD|DELETE) (/[A-Za-z0-9/._~%!$&'()*+,;=:@?-]*) HTTP/1\.1")
"""Of requests without a body, in characters of which nobody can think differently."""
_UUID: Final = re.compile(rb"[0-9a-fA-F-]{36}")
_UUID_LENGTH: Final = 36
_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class FamiliarSection:
    """The header section of a request: the bytes before and after its transaction id, and what was made of them."""

    before: bytes
    after: bytes
    length: int
    fields: list[Field]
    noted: list[tuple[Fate, bytes]]
    place: int | None
    """Of the transaction id among the fields; None when there is none, and nothing may differ."""
    noted_place: int
    lines_before: bytes
    lines_after: bytes
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
    reason: str
    fields: list[Field]
    lines: bytes
    names: frozenset[bytes]
    """In lower case."""
    length: int


def remember_section(data: bytes, noted: list[tuple[Fate, bytes]], framing: Framing) -> FamiliarSection | None:
    """What to remember of a request that is nothing but the head `data`; None when it is not worth it."""
    line_end = data.find(b"\r\n")
    plain = framing.upgrade is None and not framing.expects_continue and not framing.is_chunked
    if not plain or len(data) > MAX_BYTES or not _REQUEST_LINE.fullmatch(data, 0, line_end):
        return None
    section = data[line_end:]
    fields = framing.fields
    place = next((number for number, (fate, _) in enumerate(noted) if fate is TRANSACTION_ID), None)
    if place is None:
        return FamiliarSection(section, b"", len(section), fields, noted, None, 0, lines(fields), b"", framing.host)
    value = noted[place][1]
    at = section.find(value)
    among_fields = next((number for number, pair in enumerate(fields) if pair[1] is value), None)
    if not _UUID.fullmatch(value) or section.count(value) != 1 or among_fields is None:
        return None
    name = fields[among_fields][0]
    return FamiliarSection(
        section[:at],
        section[at + _UUID_LENGTH :],
        len(section),
        fields,
        noted,
        among_fields,
        place,
        lines(fields[:among_fields]) + name + b": ",
        b"\r\n" + lines(fields[among_fields + 1 :]),
        framing.host,
    )


def read_familiar(data: bytes, known: FamiliarSection) -> FamiliarRequest | None:
    """The request that is nothing but the head `data`, when its header section is the known one; else None."""
    line_end = data.find(b"\r\n")
    if len(data) - line_end != known.length or not data.startswith(known.before, line_end):
        return None
    start = line_end + len(known.before)
    line = _REQUEST_LINE.fullmatch(data, 0, line_end)
    if line is None:
        return None
    target = line[2]
    fields, noted, rendered = known.fields, known.noted, known.lines_before
    if known.place is not None:
        value = data[start : start + _UUID_LENGTH]
        if not data.endswith(known.after) or not _UUID.fullmatch(value):
            return None
        fields, noted = fields.copy(), noted.copy()
        fields[known.place] = (fields[known.place][0], value)
        noted[known.noted_place] = (TRANSACTION_ID, value)
        rendered = rendered + value + known.lines_after
    framing = Framing(target, fields, False, False, None, known.host, rendered)
    return FamiliarRequest(line[1].decode("ascii"), framing, noted)


def head_of(data: bytes) -> bytes:
    """The head at the beginning of `data`, its end included; empty when it is not all there, or too long."""
    end = data.find(_END, 0, MAX_BYTES)
    return data[: end + len(_END)] if end > 0 else b""
