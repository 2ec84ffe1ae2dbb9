"""The eleven test for BSN and RSIN (REGISTER.md section 4.2)."""

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def is_digits(value: str) -> bool:
    """Whether `value` is one or more ASCII digits."""
    return value.isascii() and value.isdigit()


def passes_elfproef(value: str) -> bool:
    """Whether `value` is a nine-digit number that can be a BSN or RSIN.

    Nine zeros pass the sum but are nobody's number, and are refused.
    """
    if len(value) != len(_WEIGHTS) or not is_digits(value) or value == "000000000":
        return False
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, value, strict=True)) % 11 == 0
