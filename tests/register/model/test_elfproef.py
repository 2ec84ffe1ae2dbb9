import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.model.elfproef import is_digits, passes_elfproef


@pytest.mark.parametrize("value", ["123456782", "999990019", "111222333", "823288444", "950428139"])
def test_valid_numbers_pass(value: str) -> None:
    assert passes_elfproef(value)


@pytest.mark.parametrize(
    "value",
    ["123456789", "000000000", "", "12345678", "0123456782", "12345678a", " 23456782", "١٢٣٤٥٦٧٨٢", "12345678²"],
)
def test_others_do_not(value: str) -> None:
    assert not passes_elfproef(value)


@given(st.integers(min_value=1, max_value=99_999_999))
def test_each_eight_digits_have_at_most_one_last_digit(prefix: int) -> None:
    valid = [digit for digit in range(10) if passes_elfproef(f"{prefix:08d}{digit}")]
    weighted = sum(weight * int(digit) for weight, digit in zip(range(9, 1, -1), f"{prefix:08d}", strict=True)) % 11
    assert valid == ([weighted] if weighted < 10 else [])


@given(st.text(max_size=12))
def test_digits_are_ascii_digits_only(text: str) -> None:
    assert is_digits(text) == (text != "" and set(text) <= set("0123456789"))
