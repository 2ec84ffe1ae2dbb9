"""`klantenregister demo`; tests/e2e runs it to its end."""

import asyncio
import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from klantenregister import cli
from klantenregister.commands import demo
from klantenregister.demo import Report, Say
from klantenregister.errors import Failed
from tests.e2e.federation import REPOSITORY

FOUND = Report(200, 1, "id", "$1$3$x", 1, 1, {"start": 0.1, "contract": 0.2, "request": 0.3})
NOT_FOUND = Report(200, 0, "id", "$1$3$x", 1, 1, {"start": 0.1, "contract": 0.2, "request": 0.3})


@pytest.fixture(autouse=True)
def _logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(sys, "unraisablehook", sys.unraisablehook)
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def playing(monkeypatch: pytest.MonkeyPatch, outcome: Report | Exception) -> list[Path]:
    """Let the demonstration end so; returns the directories that it is given."""
    given: list[Path] = []

    async def run_demo(directory: Path, say: Say, *, stop: asyncio.Event | None) -> Report:
        given.append(directory)
        say("a step" if stop is None else "a step, and it stays")
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    monkeypatch.setattr(demo, "run_demo", run_demo)
    return given


@pytest.mark.parametrize(
    ("words", "outcome", "code", "out", "err"),
    [
        (["--once"], FOUND, 0, "a step\n", ""),
        ([], FOUND, 0, "a step, and it stays\n", ""),
        (["--once", "--json"], FOUND, 0, f"a step\n{FOUND.as_json()}\n", ""),
        (["--once", "--json"], NOT_FOUND, 1, f"a step\n{NOT_FOUND.as_json()}\n", "--verbose to see why"),
        (["--once"], Failed("waited 30 s for the moon"), 1, "a step\n", "klantenregister: waited 30 s for the moon"),
    ],
)
def test_its_exit_code_tells_whether_the_person_was_found(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    outcome: Report | Exception,
    code: int,
    out: str,
    err: str,
) -> None:
    given = playing(monkeypatch, outcome)

    assert cli.main(["demo", *words]) == code
    printed = capsys.readouterr()
    assert printed.out == out
    assert err in printed.err
    [directory] = given
    assert not directory.exists()


def test_only_when_asked_it_shows_its_log(monkeypatch: pytest.MonkeyPatch) -> None:
    playing(monkeypatch, FOUND)
    levels = []
    for words in (["demo", "--once"], ["demo", "--once", "--verbose"]):
        cli.main(words)
        levels.append(logging.getLogger().level)

    assert levels == [logging.ERROR, logging.INFO]


@pytest.mark.parametrize(("words", "signals", "code"), [(["--once"], 1, 130), ([], 2, 130), ([], 1, 0)])
def test_it_can_be_interrupted_at_any_moment(words: list[str], signals: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "klantenregister", "demo", *words],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith("1. ")
        for _ in range(signals):
            process.send_signal(signal.SIGINT)
            # Signals that come together count as one.
            if signals > 1:
                process.stdout.readline()
        rest, errors = process.communicate(timeout=30)

    assert (process.returncode, errors) == (code, "")
    assert ("Stopping." in rest) is (code == 0)
