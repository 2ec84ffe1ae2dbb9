"""`python -m klantenregister.supervisor`: the parent of the worker processes, which `serve --workers N` turns into.

It reads no configuration and serves nothing: it starts workers, starts those anew that end, and passes what one of them
publishes to the others. Worker 0, the leader, is started first and alone: what is wrong with the configuration or with
an address it alone tells, and its exit code is then ours. Once it serves, the others start with the settings that it
serves by. A worker whose supervisor is gone sees the end of its pair of sockets, and stops.

This process imports little, because it stays for as long as the installation runs.
"""

import asyncio
import logging
import signal
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from klantenregister.frames import Frame, FrameProtocol, Kind, Start, render_start
from klantenregister.logging import log_stray_errors, log_to_stderr

_log = logging.getLogger(__name__)

LEADER = 0
SHORT_LIFE_S = 5.0
"""Who ended sooner after its start than this is not started again at once."""
_FIRST_PAUSE_S = 0.2
_MAX_PAUSE_S = 5.0
_DEFAULT_GRACE_S = 30.0
_MARGIN_S = 10.0
"""Over the time that a worker gives its requests: for the rest of its stopping."""


def pause_before_start(short_lives: int) -> float:
    """How long to wait before a worker is started again that ended so soon so many times in a row. Units: seconds."""
    return 0.0 if short_lives == 0 else min(_MAX_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(short_lives - 1, 10))


@dataclass(slots=True)
class _Worker:
    number: int
    process: asyncio.subprocess.Process
    frames: FrameProtocol
    started_at: float
    serves: bool = False


class Supervisor:
    """Keeps `count` processes of `command` running, each with an end of a pair of sockets."""

    def __init__(self, command: Sequence[str], count: int) -> None:
        """`command` gets the descriptor of its end as one more argument."""
        self._command = tuple(command)
        self._count = count
        self._workers: dict[int, _Worker] = {}
        self._settings = b""
        self._stop = asyncio.Event()
        self._has_begun = asyncio.Event()
        """Set when the leader serves for the first time, or never will."""
        self._exit_code = 0
        self._grace_s = _DEFAULT_GRACE_S

    async def run(self) -> int:
        """Supervise until told to stop; the exit code of the program."""
        loop = asyncio.get_running_loop()
        for told in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(told, self._told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._told_to_reload)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(LEADER))
            await self._has_begun.wait()
            if not self._stop.is_set():
                _log.info("supervising", extra={"workers": self._count})
            for number in range(1, self._count):
                tasks.create_task(self._keep(number))
        return self._exit_code

    async def _keep(self, number: int) -> None:
        """One worker after the other, until told to stop, or until the very first could not serve."""
        short_lives = 0
        while not self._stop.is_set():
            worker = await self._started(number, is_first=not self._has_begun.is_set())
            code = await worker.process.wait()
            lived_s = asyncio.get_running_loop().time() - worker.started_at
            del self._workers[number]
            worker.frames.close()
            if not self._stop.is_set():
                self._ended(worker, code)
            short_lives = short_lives + 1 if lived_s < SHORT_LIFE_S else 0
            await self._pause(pause_before_start(short_lives))
        self._has_begun.set()

    async def _started(self, number: int, *, is_first: bool) -> _Worker:
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        with theirs:
            descriptor = theirs.fileno()
            process = await asyncio.create_subprocess_exec(
                *self._command, str(descriptor), pass_fds=(descriptor,), stdin=asyncio.subprocess.DEVNULL
            )
        frames = FrameProtocol(lambda frame: self._heard(number, frame), lambda: None)
        await loop.create_unix_connection(lambda: frames, sock=ours)
        worker = self._workers[number] = _Worker(number, process, frames, loop.time())
        frames.send(Kind.START, render_start(Start(number, is_first, self._settings)))
        if self._stop.is_set():  # it was not there to be told
            process.terminate()
        return worker

    def _ended(self, worker: _Worker, code: int) -> None:
        """Nobody told it to end."""
        if not self._has_begun.is_set():  # it said why
            self._exit_code = max(code, 1)
            self._stop.set()
            return
        how = {"code": code} if code >= 0 else {"signal": signal.Signals(-code).name}
        _log.error("worker_ended", extra={"worker": worker.number, "pid": worker.process.pid, **how})
        # It may have written what it did not live to tell.
        for other in self._workers.values():
            other.frames.send(Kind.LOST)
        self._tell_completeness()

    def _heard(self, number: int, frame: Frame) -> None:
        match frame.kind:
            case Kind.MESSAGE:
                self._tell_others(number, Kind.MESSAGE, frame.payload)
            case Kind.SETTINGS:
                self._settings = frame.payload
                self._tell_others(number, Kind.SETTINGS, frame.payload)
            case Kind.SERVING:
                self._grace_s = float(frame.payload)
                self._workers[number].serves = True
                self._has_begun.set()
                self._tell_completeness()

    def _tell_others(self, number: int, kind: Kind, payload: bytes) -> None:
        for other in self._workers.values():
            if other.number != number:
                other.frames.send(kind, payload)

    def _tell_completeness(self) -> None:
        serving = sum(worker.serves for worker in self._workers.values())
        leader = self._workers.get(LEADER)
        if leader is not None:
            leader.frames.send(Kind.COMPLETE, b"1" if serving == self._count else b"0")

    def _told_to_reload(self) -> None:
        """The leader reads the configuration, for all: what it takes into use it gives to the others."""
        leader = self._workers.get(LEADER)
        if leader is not None and leader.serves:  # one that starts reads it anyway
            leader.process.send_signal(signal.SIGHUP)

    def _told_to_stop(self) -> None:
        if self._stop.is_set():
            self._cut()
            return
        self._stop.set()
        _log.info("stopping", extra={"workers": len(self._workers)})
        for worker in self._workers.values():
            _send(worker, signal.SIGTERM)
        asyncio.get_running_loop().call_later(self._grace_s + _MARGIN_S, self._cut)

    def _cut(self) -> None:
        self._exit_code = 1
        for worker in self._workers.values():
            _log.error("worker_cut", extra={"worker": worker.number})
            _send(worker, signal.SIGKILL)

    async def _pause(self, pause_s: float) -> None:
        """Wait, but not when told to stop."""
        try:
            async with asyncio.timeout(pause_s):
                await self._stop.wait()
        except TimeoutError:
            return


def _send(worker: _Worker, number: signal.Signals) -> None:
    if worker.process.returncode is None:
        worker.process.send_signal(number)


async def _supervise(command: Sequence[str], count: int) -> int:
    log_stray_errors(asyncio.get_running_loop())
    return await Supervisor(command, count).run()


def main(argv: Sequence[str]) -> int:
    """`argv`: how many workers, then the words of the `serve` that each of them runs."""
    log_to_stderr()
    command = (sys.executable, "-m", "klantenregister", "serve", *argv[1:], "--supervised")
    return asyncio.run(_supervise(command, int(argv[0])))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
