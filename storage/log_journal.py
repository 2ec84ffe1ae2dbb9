"""The journal of a log file: where rows are durable first, one after the other, until many go into the tables at once.

To commit a few rows to an SQLite file costs several pages each time; to append them to a file that is there already,
at full length, costs the disk one write.

Theory of operation. The journal `x.db-recent` has frames: a head, then rows as `log_rows` renders them. It is written
from its beginning, until it is full or there is time; then its rows go into the tables of `x.db`, and it is written
from its beginning again, under another generation: what is left of the one before no longer counts. Every frame has a
checksum, so that one that was not written whole is none.

Who reads, reads the journal first and the tables then: what was moved in between is seen in both, and told apart by the
number of the row. Who writes it has claimed it, and removes it at its end; the journal of a writer that was
killed is moved by the next one, or by whoever deletes old rows.

The log writer's process imports this: nothing here imports more than it has to, so that it stays small.
"""

import fcntl
import os
import struct
import time
from zlib import crc32

from storage.errors import StoreUnavailable

FULL_BYTES = 128 * 1024
"""About two thousand records: to move them takes some milliseconds, in which those of the moment wait."""

_HEAD = struct.Struct("<IIQQI")
"""Length of the rows in bytes, how many they are, generation, number of the first, checksum over all of it."""
_CHECKED = struct.Struct("<IIQQ")
_MODE = 0o600
_GENERATION_BYTES = 7
_LOOK_AGAIN_S = 0.01


class Frame:
    """Rows that were written at once: `payload` has `rows` of them, numbered from `first`."""

    __slots__ = ("end", "first", "generation", "payload", "rows")

    def __init__(self, generation: int, first: int, rows: int, payload: bytes, end: int) -> None:
        self.generation = generation
        self.first = first
        self.rows = rows
        self.payload = payload
        self.end = end
        """Where the next frame begins."""


def journal_path(path: str) -> str:
    """The journal of the log file at `path`."""
    return f"{path}-recent"


def recent(path: str) -> list[Frame]:
    """What the journal of the log file at `path` holds; nothing when there is none. Raises: OSError."""
    try:
        with open(journal_path(path), "rb") as file:
            return read_frames(file.read())
    except FileNotFoundError:
        return []


def read_frames(content: bytes) -> list[Frame]:
    """The frames of one generation from the beginning on, up to what is no frame of it."""
    frames: list[Frame] = []
    at = 0
    while len(content) - at >= _HEAD.size:
        length, rows, generation, first, checksum = _HEAD.unpack_from(content, at)
        end = at + _HEAD.size + length
        payload = content[at + _HEAD.size : end]
        if not rows or checksum != _checksum(length, rows, generation, first, payload):
            break
        if frames and generation != frames[0].generation:
            break
        frames.append(Frame(generation, first, rows, payload, end))
        at = end
    return frames


def render_frame(generation: int, first: int, rows: int, payload: bytes) -> bytes:
    """A frame as it is written."""
    length = len(payload)
    return _HEAD.pack(length, rows, generation, first, _checksum(length, rows, generation, first, payload)) + payload


def _checksum(length: int, rows: int, generation: int, first: int, payload: bytes) -> int:
    return crc32(payload, crc32(_CHECKED.pack(length, rows, generation, first)))


class Journal:
    """The journal of one log file, for the process that alone writes it."""

    def __init__(self, path: str, descriptor: int) -> None:
        """`descriptor` is locked, and closed with the journal. Use `open_journal` or `open_left_journal`."""
        self._path = path
        self._descriptor = descriptor
        frames = self.frames()
        self._end = frames[-1].end if frames else 0
        self._generation = (
            frames[0].generation if frames else int.from_bytes(os.urandom(_GENERATION_BYTES), "little") or 1
        )

    @property
    def is_empty(self) -> bool:
        """Whether it holds no row."""
        return self._end == 0

    def is_in_place(self) -> bool:
        """Whether its path still leads to it."""
        return _is_at(self._path, self._descriptor)

    def has_room(self, payload_bytes: int) -> bool:
        """Whether rows of so many bytes can be appended; an empty one takes any."""
        return self.is_empty or self._end + _HEAD.size + payload_bytes <= FULL_BYTES

    def append(self, first: int, rows: int, payload: bytes) -> None:
        """Add rows; they are durable then. Raises: OSError; then none of them is there."""
        frame = render_frame(self._generation, first, rows, payload)
        try:
            _write(self._descriptor, frame, self._end)
            os.fdatasync(self._descriptor)
        except OSError:
            self._erase(self._end)
            raise
        self._end += len(frame)

    def frames(self) -> list[Frame]:
        """What it holds. Raises: OSError."""
        return read_frames(_read(self._descriptor))

    def clear(self) -> None:
        """Begin again: its rows are in the tables, and durable there."""
        self._erase(0)
        self._generation += 1
        self._end = 0
        if os.fstat(self._descriptor).st_size > 2 * FULL_BYTES:
            os.ftruncate(self._descriptor, FULL_BYTES)

    def close(self) -> None:
        """Let go of it; of an empty one nothing is left."""
        if self.is_empty and self.is_in_place():
            os.unlink(self._path)
        os.close(self._descriptor)

    def _erase(self, at: int) -> None:
        """No frame begins here any more: at once for those who read, after a power cut only perhaps, which is right."""
        try:
            os.pwrite(self._descriptor, bytes(_HEAD.size), at)
        except OSError:
            return  # then nothing was written there either, or it is moved twice


def claim_journal(path: str, *, timeout_s: float) -> int:
    """A descriptor of the journal of the log file at `path`, locked: nobody else writes that file while it is open.

    Made where absent; waits for whoever is about to end. Raises: OSError; StoreUnavailable when another one goes on.
    """
    end = time.monotonic() + timeout_s
    while (descriptor := _locked(journal_path(path), os.O_CREAT)) is None:
        if time.monotonic() > end:
            raise StoreUnavailable(f"{path}: another program writes to it: stop that one, or choose another path")
        time.sleep(_LOOK_AGAIN_S)
    return descriptor


def still_claims(path: str, descriptor: int) -> bool:
    """Whether that is the journal of the log file at `path`, and not one that was taken away."""
    return _is_at(journal_path(path), descriptor)


def open_journal(path: str, descriptor: int) -> Journal:
    """The journal that was claimed, at full length. Raises: OSError."""
    try:
        size = os.fstat(descriptor).st_size
        if size < FULL_BYTES:
            _write(descriptor, bytes(FULL_BYTES - size), size)
            os.fsync(descriptor)
        _synchronise_directory(path)
        return Journal(journal_path(path), descriptor)
    except BaseException:
        os.close(descriptor)
        raise


def open_left_journal(path: str) -> Journal | None:
    """The journal that a writer of the log file at `path` left; None when there is none, or one is writing it.

    Raises: OSError.
    """
    try:
        descriptor = _locked(journal_path(path), 0)
    except FileNotFoundError:
        return None
    return None if descriptor is None else Journal(journal_path(path), descriptor)


def _locked(path: str, flags: int) -> int | None:
    """The file at the path, locked; None when somebody else has it, or has just removed it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | flags, _MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(path, descriptor):
            return descriptor
    except BlockingIOError:
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None


def _is_at(path: str, descriptor: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> bytes:
    size = os.fstat(descriptor).st_size
    content = b""
    while len(content) < size and (part := os.pread(descriptor, size - len(content), len(content))):
        content += part
    return content


def _write(descriptor: int, data: bytes, at: int) -> None:
    while data:
        written = os.pwrite(descriptor, data, at)
        data, at = data[written:], at + written


def _synchronise_directory(path: str) -> None:
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
