"""What commands print: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime


def print_json(value: object) -> None:
    """One JSON document."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Each line on its own, without what a terminal would obey: names and reasons come from other Peers."""
    for line in lines:
        sys.stdout.write(f"{printable(line)}\n")


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]], *, empty: str) -> None:
    """Columns as wide as what is in them; `empty` when there are no rows."""
    if not rows:
        print_lines([empty])
        return
    table = [tuple(headings), *(tuple(printable(str(cell)) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in table) for column in range(len(headings))]
    print_lines("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table)


def printable(text: str) -> str:
    """`text` with a replacement character for each control character."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in text)


def instant(seconds: int) -> str:
    """A Unix instant for a person: UTC, to the second; the bare number beyond what a calendar holds."""
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (OverflowError, ValueError, OSError):
        return str(seconds)
