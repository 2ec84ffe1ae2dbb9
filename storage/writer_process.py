"""One process of the log writer, as the event loop sees it: started, sent batches, heard, ended.

`storage.log_writer` is what runs in it, and describes the protocol.
"""

import asyncio
import json
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from storage.errors import StoreUnavailable
from storage.log_writer import ANSWER_HEAD
from storage.sqlite_connection import SqliteFile

OnAnswer: TypeAlias = Callable[[StoreUnavailable | None], None]

_ROOT = Path(__file__).resolve().parents[1]
_PROGRAM = "import sys; sys.path.append(sys.argv.pop(1)); from storage.log_writer import main; main()"
_READ_BYTES = 2**16
_DURABLE = bytes(ANSWER_HEAD.size)
_GRACE_S = 30.0


class WriterProcess:
    """A log writer that runs; made in any thread, then used by one event loop."""

    def __init__(self, file: SqliteFile, claimed: int, *, busy_timeout_s: float) -> None:
        """Start it; blocks until it is on its way. `claimed` is the descriptor of its journal. Raises: OSError."""
        # -I and -S: nothing of the environment and no installed package changes it, nor makes it larger.
        command = [sys.executable, "-I", "-S", "-c", _PROGRAM, str(_ROOT)]
        arguments = [str(file.path.absolute()), str(file.layout), str(busy_timeout_s), str(claimed)]
        self._socket, theirs = socket.socketpair()
        try:
            self._socket.setblocking(False)
            self._process = subprocess.Popen(  # noqa: S603
                [*command, *arguments], stdin=theirs.fileno(), stdout=subprocess.DEVNULL, pass_fds=(claimed,)
            )
        except BaseException:
            self._socket.close()
            raise
        finally:
            theirs.close()
        self._unsent = b""
        self._is_blocked = False
        self._received = b""
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def listen(self, on_answer: OnAnswer, on_end: Callable[[], None]) -> None:
        """Call `on_answer` for each batch, and for its start; `on_end` once, when it speaks no more."""
        self._loop = asyncio.get_running_loop()
        self._on_answer = on_answer
        self._on_end = on_end
        self._loop.add_reader(self._socket, self._hear)

    def send(self, batch: bytes) -> None:
        """Send a message. When it cannot be sent the process has ended, and `on_end` tells."""
        self._unsent += batch
        self._send_rest()

    def hang_up(self) -> None:
        """Let it finish: it has had its last batch."""
        try:
            self._socket.shutdown(socket.SHUT_WR)
        except OSError:
            return

    def wait(self) -> None:
        """Return when it is gone, killed if it does not finish in time; blocks."""
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """Return when it is gone, at once; blocks as long as the disk keeps it."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Hear and say nothing any more."""
        if self._loop is not None and self._socket.fileno() != -1:
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket.close()

    def _send_rest(self) -> None:
        assert self._loop is not None
        try:
            sent = self._socket.send(self._unsent)
        except BlockingIOError:
            sent = 0
        except OSError:
            # The end of what it says follows, and tells.
            sent = len(self._unsent)
        self._unsent = self._unsent[sent:]
        if self._unsent:
            self._loop.add_writer(self._socket, self._send_rest)
        elif self._is_blocked:
            self._loop.remove_writer(self._socket)
        self._is_blocked = bool(self._unsent)

    def _hear(self) -> None:
        try:
            data = self._socket.recv(_READ_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._received += data
        if self._received == _DURABLE:
            self._received = b""
            self._on_answer(None)
        elif not data:
            self.close()
            self._on_end()
        elif len(self._received) > ANSWER_HEAD.size:
            self._hear_failure()

    def _hear_failure(self) -> None:
        size = ANSWER_HEAD.size + ANSWER_HEAD.unpack_from(self._received)[0]
        if len(self._received) >= size:
            reason, behind = json.loads(self._received[ANSWER_HEAD.size : size])
            self._received = self._received[size:]
            error = StoreUnavailable(reason)
            error.__cause__ = sqlite3.Error(behind)
            self._on_answer(error)
