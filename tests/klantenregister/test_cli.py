"""`klantenregister.cli`: exit codes, and that nobody sees a traceback."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

import pytest

from klantenregister import __version__, cli
from klantenregister.commands import config_schema
from klantenregister.errors import CommandError, Failed, WrongUsage
from tests.e2e.federation import REPOSITORY
from tests.klantenregister.running import Place


def ending_with(outcome: BaseException | int, monkeypatch: pytest.MonkeyPatch) -> int:
    """The exit code of a command that ends so."""

    def run(_: argparse.Namespace) -> int:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    monkeypatch.setattr(config_schema, "run", run)
    return cli.main(["config-schema"])


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (0, 0, ""),
        (1, 1, ""),
        (Failed("it could not be done"), 1, "klantenregister: it could not be done\n"),
        (WrongUsage("first line\nsecond line"), 2, "klantenregister: first line\nsecond line\n"),
        (CommandError("something else"), 1, "klantenregister: something else\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_a_command_ends_is_its_exit_code(
    outcome: BaseException | int,
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ending_with(outcome, monkeypatch) == code
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("words", [["no-such-command"], [], ["--no-such-option"]])
def test_what_is_no_command_is_wrong_usage_and_lists_all(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(words)

    assert ended.value.code == 2
    assert "usage: klantenregister" in capsys.readouterr().err
    with pytest.raises(SystemExit) as helped:
        cli.main(["--help"])
    assert helped.value.code == 0
    told = capsys.readouterr().out
    assert all(f"    {name}" in told for name in cli.COMMANDS)


def test_the_version_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out == f"klantenregister {__version__}\n"


def test_without_words_of_its_own_it_takes_those_of_the_process(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["klantenregister", "config-schema"])

    assert cli.main() == 0
    assert "Configuration of klantenregister" in capsys.readouterr().out


def test_every_command_has_a_module_and_every_module_a_command() -> None:
    modules = {path.stem for path in (REPOSITORY / "klantenregister" / "commands").glob("*.py")} - {"__init__"}

    assert {name.replace("-", "_") for name in cli.COMMANDS} == modules


def test_a_chosen_command_loads_no_other_module() -> None:
    program = (
        "import sys; from klantenregister import cli; cli.main(['config-schema']); "
        "print(sorted(name for name in sys.modules if name.startswith('klantenregister.commands.')), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stderr.strip() == "['klantenregister.commands.config_schema']"


@pytest.mark.parametrize("how_much", ["more than a buffer", "a line"])
def test_a_reader_that_stops_reading_is_no_traceback(place: Place, how_much: str) -> None:
    words = ["check-config", str(place.write())] if how_much == "a line" else ["config-schema"]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "klantenregister", *words],
            cwd=REPOSITORY,
            stdout=writing,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUNBUFFERED": ""},
            timeout=60,
            check=False,
        )
    finally:
        os.close(writing)

    assert (done.returncode, done.stderr) == (1, b"")


def test_a_configuration_that_is_not_there_is_wrong_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["peers", "--config", str(tmp_path / "nothing.yaml")]) == 2
    assert "nothing.yaml" in capsys.readouterr().err
