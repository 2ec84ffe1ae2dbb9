"""Running `tests.load.service`: started, killed, and handed over to a successor without a moment of absence."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

from tests.e2e.federation import REPOSITORY, free_port


class Behind:
    """The Service behind the Inway; what it has seen stays, however often it is started."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._seen = folder / "seen"
        self._seen.touch()
        self._listening: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        """Listen and serve; returns when it does."""
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self._process = self._serving()

    def kill(self) -> None:
        """As a crash would: nobody listens any more."""
        assert self._listening is not None
        self._listening.close()
        self._end(signal.SIGKILL)

    def hand_over(self) -> None:
        """Let a successor serve the same listening socket, then tell the one that serves to stop."""
        successor = self._serving()
        self._end(signal.SIGTERM)
        self._process = successor

    def stop(self) -> None:
        """End it, when it runs."""
        if self._process is not None:
            self.kill()

    def seen(self) -> list[str]:
        """The transaction ids of all requests that arrived, in order."""
        return self._seen.read_text(encoding="ascii").split()

    def _serving(self) -> "subprocess.Popen[bytes]":
        assert self._listening is not None
        number = self._listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.load.service", str(number), str(self._seen)],
            cwd=REPOSITORY,
            pass_fds=(number,),
            stdout=subprocess.PIPE,
        )
        assert process.stdout is not None
        with process.stdout:
            assert process.stdout.readline() == b"ready\n"
        return process

    def _end(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        self._process.wait(timeout=30)
        self._process = None
