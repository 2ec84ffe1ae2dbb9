"""Asking a person before something is signed: on a terminal only, and never when the answer was given with `--yes`."""

import argparse
import sys
from collections.abc import Callable, Iterable

from klantenregister.errors import Failed
from klantenregister.printing import print_lines


def add_yes(parser: argparse.ArgumentParser) -> None:
    """The option that answers beforehand."""
    parser.add_argument("--yes", action="store_true", help="do not ask for confirmation on a terminal")


def confirm(arguments: argparse.Namespace, review: Callable[[], Iterable[str]], question: str) -> None:
    """Show what is about to be signed, and ask. Raises: Failed when the answer is not yes."""
    if not sys.stdin.isatty() or arguments.yes or arguments.json:
        return
    print_lines(review())
    if not _agrees(f"{question} [y/N] "):
        raise Failed("nothing was signed")


def _agrees(question: str) -> bool:
    try:
        return input(question).strip().lower() in ("y", "yes", "j", "ja")
    except (EOFError, UnicodeDecodeError):
        return False
