"""`klantenregister.printing`."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from klantenregister.printing import instant, print_json, print_lines, print_table, printable


def test_a_table_is_as_wide_as_what_is_in_it(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "N"), [("a", 1), ("a longer one", 22), ("", "")], empty="nothing")

    assert capsys.readouterr().out == "NAME          N\na             1\na longer one  22\n\n"


def test_a_table_without_rows_says_what_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME",), [], empty="There is nothing.")

    assert capsys.readouterr().out == "There is nothing.\n"


def test_what_a_peer_named_itself_does_not_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    evil = "\x1b]0;owned\x07Gemeente\nHASH \x9b31m"
    print_table(("NAME",), [(evil,)], empty="nothing")
    print_lines([evil])

    shown = "\ufffd]0;owned\ufffdGemeente\ufffdHASH \ufffd31m"
    assert capsys.readouterr().out == f"NAME\n{shown}\n{shown}\n"


@given(st.text())
def test_printable_text_is_printable_and_as_long(text: str) -> None:
    shown = printable(text)

    assert shown.replace("\ufffd", "").isprintable()
    assert len(shown) == len(text)
    assert shown == text or not text.isprintable()


def test_json_is_one_document_with_names_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([{"name": "Súdwest-Fryslân"}])

    printed = capsys.readouterr().out
    assert json.loads(printed) == [{"name": "Súdwest-Fryslân"}]
    assert "Súdwest-Fryslân" in printed


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "1970-01-01 00:00:00Z"),
        (1_800_000_000, "2027-01-15 08:00:00Z"),
        (10**12, "1000000000000"),
        (10**30, "1" + "0" * 30),
    ],
)
def test_an_instant_is_shown_in_utc_or_as_it_is(seconds: int, shown: str) -> None:
    assert instant(seconds) == shown
