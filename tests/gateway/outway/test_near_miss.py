"""Grant hashes as they arrive from shells and clipboards."""

import re
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.outway.near_miss import find_near_miss, undone

HASH = "$1$3$53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg"
OTHER = "$1$3$nds_4OddusU1eews1unvi5zCX6dahWVqfMWVvKAWrFj8xda9wle4ojts9DHvsE-2JLZl3VRgIgYEJfIq2OUtBA"
KNOWN = (OTHER, HASH)


def eaten_by_a_shell(text: str) -> str:
    """What is left of `text` between double quotes: parameters that are not set are nothing (POSIX 2.6.2)."""
    return re.sub(r"\$(?:[0-9]|[A-Za-z_][A-Za-z0-9_]*)", "", text)


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (f"'{HASH}'", "without quotes"),
        (f'"{HASH}"', "without quotes"),
        (f" `{HASH}` ", "without quotes"),
        (HASH.replace("$", "\\$"), "without backslashes"),
        (quote(HASH, safe=""), "percent-encoded"),
        (quote(f"'{HASH}'"), "base64url"),
        (HASH + "==", "padding"),
        (HASH.replace("-", "+").replace("_", "/") + "=", "padding"),
        (HASH[:20], "its end is missing"),
        (HASH[:-1], "its end is missing"),
        (eaten_by_a_shell(HASH), "single quotes"),
        (eaten_by_a_shell(f"x{HASH}")[1:], "single quotes"),
        (HASH[5:17], "from the first $ on"),
        (HASH[1:], "single quotes"),
    ],
)
def test_damage_is_recognised_and_its_remedy_told(text: str, remedy: str) -> None:
    miss = find_near_miss(text, KNOWN)
    assert miss is not None
    assert miss.meant == HASH
    assert remedy in miss.remedy


@pytest.mark.parametrize("text", ["", "$1$3$", "$1$3$n", "-", "unknown", "$1$3$dW5rbm93biBoYXNo", HASH[5:9], HASH * 2])
def test_what_fits_none_or_all_is_not_guessed(text: str) -> None:
    assert find_near_miss(text, KNOWN) is None


def test_a_part_that_two_hashes_share_is_not_guessed() -> None:
    assert find_near_miss(HASH[:30], (HASH, HASH[:40])) is None


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    miss = find_near_miss(text, KNOWN)
    assert miss is None or miss.meant in KNOWN
    assert undone(undone(text)) is not None


@given(st.integers(12, len(HASH) - 1), st.sampled_from(["'", '"', " ", ""]))
def test_any_beginning_is_recognised_however_quoted(length: int, mark: str) -> None:
    miss = find_near_miss(f"{mark}{HASH[:length]}{mark}", KNOWN)
    assert miss is not None
    assert miss.meant == HASH
