"""Nothing is asked without a terminal or when the answer was given; on a terminal only a yes is a yes."""

import argparse
import io

import pytest

from klantenregister.confirming import add_yes, confirm
from klantenregister.errors import Failed

Capture = pytest.CaptureFixture[str]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def asked(monkeypatch: pytest.MonkeyPatch, text: str, *words: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    add_yes(parser)
    confirm(parser.parse_args(words), lambda: ["all that is in it"], "Sign?")


@pytest.mark.parametrize("answer", ["y\n", "YES\n", " ja \n", "j\n"])
def test_a_yes_goes_on_after_the_review(monkeypatch: pytest.MonkeyPatch, capsys: Capture, answer: str) -> None:
    asked(monkeypatch, answer)
    assert capsys.readouterr().out == "all that is in it\nSign? [y/N] "


@pytest.mark.parametrize("answer", ["", "\n", "n\n", "yeah\n"])
def test_anything_else_signs_nothing(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    with pytest.raises(Failed, match="nothing was signed"):
        asked(monkeypatch, answer)


@pytest.mark.parametrize("word", ["--yes", "--json"])
def test_nobody_is_asked_when_that_was_said(monkeypatch: pytest.MonkeyPatch, capsys: Capture, word: str) -> None:
    asked(monkeypatch, "", word)
    assert capsys.readouterr().out == ""


def test_nobody_is_asked_without_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    confirm(argparse.Namespace(yes=False, json=False), lambda: ["x"], "Sign?")
    assert capsys.readouterr().out == ""
