"""`klantenregister.supervisor` with processes that do next to nothing; tests/e2e/test_workers.py has the program."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from klantenregister.supervisor import pause_before_start
from tests.e2e.federation import REPOSITORY, eventually

WORKER = """
import asyncio, os, signal, socket, sys
sys.path.insert(0, {repository!r})
from klantenregister.frames import FrameProtocol, Kind, parse_message, parse_start, render_message

folder, descriptor = sys.argv[1], int(sys.argv[2])
loop = asyncio.new_event_loop()

def note(text):
    with open(folder + "/notes", "a") as notes:
        notes.write(text + "\\n")

def heard(frame):
    if frame.kind == Kind.START:
        start = parse_start(frame.payload)
        globals()["number"] = start.number
        note(f"start {{start.number}} {{os.getpid()}} first={{start.is_first}} settings={{start.settings.decode()}}")
        begin(start)
    elif frame.kind == Kind.MESSAGE:
        note(f"message to {{number}}: {{parse_message(frame.payload)[1].decode()}}")
    else:
        note(f"{{Kind(frame.kind).name}} to {{number}} {{frame.payload.decode()}}")

def begin(start):
    {begin}

def serve(start):
    if start.number == 0 and not start.settings:
        frames.send(Kind.SETTINGS, b"the settings")
    frames.send(Kind.SERVING, b"1")

def cut():
    note(f"cut {{number}}")
    loop.stop()

frames = FrameProtocol(heard, cut)
loop.add_signal_handler(signal.SIGTERM, lambda: {at_sigterm})
loop.add_signal_handler(signal.SIGHUP, lambda: note(f"hangup {{number}}"))
loop.add_signal_handler(signal.SIGUSR1, lambda: frames.send(Kind.MESSAGE, render_message("c", b"hello")))
loop.run_until_complete(loop.create_unix_connection(lambda: frames, sock=socket.socket(fileno=descriptor)))
loop.run_forever()
"""

RUN = """
import asyncio, sys
sys.path.insert(0, {repository!r})
from klantenregister.logging import log_to_stderr
from klantenregister.supervisor import Supervisor

log_to_stderr()

async def run():
    return await Supervisor((sys.executable, {worker!r}, {folder!r}), 2).run()

sys.exit(asyncio.run(run()))
"""


class Supervised:
    """A supervisor as a process, with two workers that write down what they hear."""

    def __init__(self, folder: Path, begin: str, at_sigterm: str) -> None:
        self.notes_file = folder / "notes"
        self.notes_file.touch()
        self.log = folder / "log"
        worker = folder / "worker.py"
        values = {"repository": str(REPOSITORY), "begin": begin, "at_sigterm": at_sigterm}
        worker.write_text(textwrap.dedent(WORKER).format(**values))
        run = RUN.format(repository=str(REPOSITORY), worker=str(worker), folder=str(folder))
        with self.log.open("wb") as log:
            self.process = subprocess.Popen([sys.executable, "-c", run], stderr=log)

    @property
    def notes(self) -> list[str]:
        return self.notes_file.read_text().splitlines()

    def noted(self, *texts: str) -> None:
        eventually(f"{texts}, not only {self.notes}", lambda: all(text in self.notes for text in texts) or None)

    def starts(self) -> list[tuple[int, int]]:
        """Number and process of every worker that was started."""
        return [(int(note.split()[1]), int(note.split()[2])) for note in self.notes if note.startswith("start")]

    def pid(self, number: int) -> int:
        """The process of a worker, once it is there."""
        return eventually("the worker", lambda: dict(self.starts()).get(number))

    def serving(self) -> None:
        self.noted("COMPLETE to 0 1")

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout=30)

    def events(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@pytest.fixture
def make(tmp_path: Path) -> Iterator["Maker"]:
    maker = Maker(tmp_path)
    yield maker
    for one in maker.made:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait()
        assert "Traceback" not in one.log.read_text()


class Maker:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[Supervised] = []

    def __call__(self, begin: str = "serve(start)", at_sigterm: str = "loop.stop()") -> Supervised:
        self.made.append(Supervised(self.folder, begin, at_sigterm))
        return self.made[-1]


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_pauses_grow_and_have_a_limit() -> None:
    pauses = [pause_before_start(number) for number in range(30)]

    assert pauses[:3] == [0.0, 0.2, 0.4]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 5.0


def test_the_leader_starts_alone_and_the_others_with_its_settings(make: Maker) -> None:
    supervised = make()
    supervised.serving()
    first, second = [note.split(" ", 3) for note in supervised.notes if note.startswith("start")]

    assert (first[1], first[3]) == ("0", "first=True settings=")
    assert (second[1], second[3]) == ("1", "first=False settings=the settings")
    assert supervised.end() == 0
    assert not any(is_running(pid) for _, pid in supervised.starts())


def test_what_one_publishes_reaches_the_others_and_not_itself(make: Maker) -> None:
    supervised = make()
    supervised.serving()
    os.kill(supervised.pid(1), signal.SIGUSR1)

    supervised.noted("message to 0: hello")
    assert "message to 1: hello" not in supervised.notes


@pytest.mark.parametrize("number", [0, 1])
def test_a_worker_that_is_killed_is_started_again_and_the_others_are_told(make: Maker, number: int) -> None:
    supervised = make()
    supervised.serving()
    killed = supervised.pid(number)
    os.kill(killed, signal.SIGKILL)

    supervised.noted(f"LOST to {1 - number} ")
    eventually("another process", lambda: supervised.pid(number) != killed or None)
    again = supervised.notes[-1] if supervised.notes[-1].startswith("start") else ""
    assert "first=True" not in again
    eventually("all to serve", lambda: supervised.notes.count("COMPLETE to 0 1") == 2 or None)
    [told] = [event for event in supervised.events() if event["event"] == "worker_ended"]
    assert (told["worker"], told["signal"], told["pid"]) == (number, "SIGKILL", killed)
    assert supervised.end() == 0


@pytest.mark.parametrize("code", [1, 2])
def test_a_leader_that_cannot_start_ends_it_with_its_exit_code(make: Maker, code: int) -> None:
    supervised = make(begin=f"sys.exit({code})")

    assert supervised.process.wait(timeout=20) == code
    assert len(supervised.starts()) == 1
    assert supervised.events() == []


def test_a_leader_that_is_killed_at_the_start_ends_it_with_a_failure(make: Maker) -> None:
    supervised = make(begin="os.kill(os.getpid(), signal.SIGKILL)")

    assert supervised.process.wait(timeout=20) == 1


def test_one_that_dies_at_each_start_is_tried_again_later_and_later(make: Maker) -> None:
    supervised = make(begin="serve(start) if start.number == 0 else sys.exit(1)")
    eventually("three attempts", lambda: [number for number, _ in supervised.starts()].count(1) >= 3 or None)

    assert "COMPLETE to 0 1" not in supervised.notes
    assert supervised.end() == 0


def test_stopping_before_anything_serves_is_no_failure(make: Maker) -> None:
    supervised = make(begin="pass")
    supervised.pid(0)

    assert supervised.end(signal.SIGINT) == 0
    assert len(supervised.starts()) == 1


def test_the_signal_to_reload_is_for_the_leader(make: Maker) -> None:
    supervised = make()
    supervised.serving()
    supervised.process.send_signal(signal.SIGHUP)

    supervised.noted("hangup 0")
    assert "hangup 1" not in supervised.notes


def test_a_second_signal_cuts_those_that_do_not_stop(make: Maker) -> None:
    supervised = make(at_sigterm="note(f'not yet {number}')")
    supervised.serving()
    supervised.process.send_signal(signal.SIGTERM)
    supervised.noted("not yet 0", "not yet 1")
    assert supervised.process.poll() is None

    assert supervised.end() == 1
    assert not any(is_running(pid) for _, pid in supervised.starts())


def test_workers_whose_supervisor_is_gone_are_told_by_the_end_of_their_line(make: Maker) -> None:
    supervised = make()
    supervised.serving()
    supervised.end(signal.SIGKILL)

    supervised.noted("cut 0", "cut 1")
