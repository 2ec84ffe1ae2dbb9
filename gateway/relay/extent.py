"""Where the body of a message ends, told by its length or its chunks alone. Pure.

Standard: RFC 9112 sections 6.2 (Content-Length) and 7.1 (chunked).

It reads no more of a body than that, next to llhttp, which reads all of it: two readers, written apart, have to agree
on where a message ends before what follows is taken for the next one.
"""

import re
from typing import Final

from gateway.errors import InvalidRequest

_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,16})[;\r\t ]")
_LINE_END: Final = b"\r\n"
_MAX_SIZE_BYTES: Final = 24
"""How much of a line is kept that is not whole: its chunk size, and what follows that."""


class CountedBody:
    """A body of `length` bytes, of which there is at least one."""

    __slots__ = ("_due",)

    def __init__(self, length: int) -> None:
        self._due = length

    @property
    def is_whole(self) -> bool:
        """Whether all of it has come."""
        return not self._due

    def end_in(self, data: bytes, start: int) -> int:
        """Where it ends in `data`, of which it begins or goes on at `start`; the end of `data` if not there."""
        taken = min(self._due, len(data) - start)
        self._due -= taken
        return start + taken


class ChunkedBody:
    """A body in chunks, and its trailers."""

    __slots__ = ("_due", "_is_last", "_line", "is_whole")

    def __init__(self) -> None:
        self._due = 0
        """Of a chunk and the line end behind it."""
        self._line = b""
        """What came of a line that is not whole; of a long one, the beginning."""
        self._is_last = False
        """Whether the last chunk has been: trailers follow."""
        self.is_whole = False
        """Whether all of it has come."""

    def end_in(self, data: bytes, start: int) -> int:
        """Where it ends in `data`, of which it begins or goes on at `start`; the end of `data` if not there.

        Raises: InvalidRequest when a chunk does not say its size.
        """
        position, length = start, len(data)
        while not self.is_whole:
            if self._due:
                taken = min(self._due, length - position)
                self._due -= taken
                position += taken
            found = data.find(b"\n", position)
            line_end = length if found < 0 else found + 1
            self._line = (self._line + data[position : min(line_end, position + _MAX_SIZE_BYTES)])[:_MAX_SIZE_BYTES]
            position = line_end
            if found < 0:
                break
            self._read_line()
        return position

    def _read_line(self) -> None:
        line, self._line = self._line, b""
        if self._is_last:
            self.is_whole = line == _LINE_END
            return
        size = _SIZE.match(line)
        if size is None:
            raise InvalidRequest("a chunk does not say its size in hexadecimal digits")
        chunk = int(size[1], 16)
        self._is_last = not chunk
        if chunk:
            self._due = chunk + len(_LINE_END)
