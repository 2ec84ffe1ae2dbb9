"""`klantenregister accounts`, against a running installation."""

import io
import json
import sys

import pytest

from tests.klantenregister.running import Place, command, dialogue, serving

PASSWORD = "correct horse battery staple"
Capture = pytest.CaptureFixture[str]


def typed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put `content` on a standard input that is no terminal."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


async def test_an_account_is_added_listed_and_removed(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(place.settings()):

        async def accounts(*words: str, code: int = 0) -> str:
            assert await command("accounts", *words, "--config", place.config) == code
            printed = capsys.readouterr()
            assert PASSWORD not in printed.out + printed.err
            return printed.out if code == 0 else printed.err

        assert await accounts("list") == "There are no accounts: nobody can sign in yet.\n"
        assert json.loads(await accounts("list", "--json")) == []

        typed(monkeypatch, f"{PASSWORD}\r\n".encode())
        assert await accounts("add", "beheer") == "account beheer with role admin can sign in\n"
        typed(monkeypatch, f"{PASSWORD}\n".encode())
        added = json.loads(await accounts("add", "kijker", "--role", "viewer", "--json"))
        assert (added["name"], added["role"]) == ("kijker", "viewer")
        typed(monkeypatch, PASSWORD.encode())
        assert "already" in await accounts("add", "beheer", code=1)

        rows = [line.split()[:2] for line in (await accounts("list")).splitlines()]
        assert rows == [["NAME", "ROLE"], ["beheer", "admin"], ["kijker", "viewer"]]
        assert await accounts("remove", "kijker") == "account kijker is removed\n"
        assert json.loads(await accounts("remove", "beheer", "--json")) == {"removed": "beheer"}
        assert "no account beheer" in await accounts("remove", "beheer", code=1)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("beheer", b"short\n", "12 to 1024 characters"),
        ("beheer", b"", "12 to 1024 characters"),
        ("beheer", b"\xff\xfe not a text at all \xff\n", "no password could be read"),
        ("with:colon", f"{PASSWORD}\n".encode(), "no colon"),
        ("", f"{PASSWORD}\n".encode(), "1 to 100 printable"),
        ("esc\x1b[31m", f"{PASSWORD}\n".encode(), "printable"),
    ],
)
async def test_what_makes_no_account_is_told(
    place: Place, capsys: Capture, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, told: str
) -> None:
    async with serving(place.settings()):
        typed(monkeypatch, content)
        assert await command("accounts", "add", name, "--config", place.config) == 1
        printed = capsys.readouterr()
        assert told in printed.err
        assert PASSWORD not in printed.err
        assert await command("accounts", "list", "--config", place.config, "--json") == 0
        assert json.loads(capsys.readouterr().out) == []


async def test_on_a_terminal_the_password_is_asked_twice_and_not_shown(place: Place) -> None:
    words = ["accounts", "add", "beheer", "--config", str(place.config)]
    async with serving(place.settings()):
        code, shown = await dialogue(words, ("Password: ", f"{PASSWORD}\n"), ("Again: ", "something else\n"))
        assert (code, "the two passwords differ: nothing was made" in shown) == (1, True), shown
        code, shown = await dialogue(words, ("Password: ", "\x04"))
        assert (code, "nothing was made" in shown, "Traceback" in shown) == (1, True, False), shown
        code, shown = await dialogue(words, ("Password: ", f"{PASSWORD}\n"), ("Again: ", f"{PASSWORD}\n"))
        assert (code, "account beheer with role admin can sign in" in shown) == (0, True), shown
        assert PASSWORD not in shown


async def test_a_role_that_does_not_exist_is_wrong_usage(place: Place, capsys: Capture) -> None:
    place.settings()

    assert await command("accounts", "add", "beheer", "--role", "king", "--config", place.config) == 2
    assert "admin" in capsys.readouterr().err
