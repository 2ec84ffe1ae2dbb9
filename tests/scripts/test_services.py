"""scripts/services: what it refuses, and that it stops no process but its own. Starting: tests/services."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "services", tmp_path / "scripts" / "services")
    return tmp_path


@pytest.fixture
def bystander() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as process:
        yield process
        process.kill()


def _run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "scripts" / "services"), *words]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)


def _remember(checkout: Path, name: str, pid: int, since: str) -> Path:
    run = checkout / ".services" / "run"
    run.mkdir(parents=True, exist_ok=True)
    (run / name).write_text(f"{pid} {since}\n")
    return run / name


def _started_at(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


def test_stopping_when_nothing_runs_is_done_at_once(checkout: Path) -> None:
    result = _run(checkout, "stop")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_a_process_that_took_over_the_pid_is_left_alone(checkout: Path, bystander: subprocess.Popen[bytes]) -> None:
    remembered = _remember(checkout, "redis", bystander.pid, since="1")
    assert _run(checkout, "stop").returncode == 0
    assert bystander.poll() is None
    assert not remembered.exists()


@pytest.mark.parametrize("junk", ["", "what\n", "999999999 1\n"])
def test_a_pid_file_that_says_nothing_is_removed(checkout: Path, junk: str) -> None:
    remembered = _remember(checkout, "redis", 1, since="1")
    remembered.write_text(junk)
    result = _run(checkout, "stop")
    assert (result.returncode, result.stdout) == (0, "")
    assert not remembered.exists()


def test_what_was_started_here_is_stopped(checkout: Path, bystander: subprocess.Popen[bytes]) -> None:
    remembered = _remember(checkout, "mongodb", bystander.pid, since=_started_at(bystander.pid))
    stopping = subprocess.Popen([str(checkout / "scripts" / "services"), "stop"], stdout=subprocess.PIPE, text=True)
    bystander.wait(timeout=10)  # reaps it, as init would for a server that was left behind
    said, _ = stopping.communicate(timeout=10)
    assert (stopping.returncode, said) == (0, "services: mongodb stopped\n")
    assert not remembered.exists()


@pytest.mark.parametrize("words", [(), ("restart",)])
def test_other_words_are_refused_with_the_usage(checkout: Path, words: tuple[str, ...]) -> None:
    result = _run(checkout, *words)
    assert result.returncode == 2
    assert "usage: scripts/services start|stop" in result.stderr
