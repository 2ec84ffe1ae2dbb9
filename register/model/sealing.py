"""Which fields of a record may hold what identifies a person, and are encrypted where they are stored."""

from dataclasses import field
from typing import Any, Final

SEALED: Final = "sealed"
"""In the metadata of such a field: for what purpose; equal values of one purpose find each other."""


def sealed(purpose: str) -> Any:
    """A text field that is encrypted in the stored body, beside its blind index."""
    return field(default="", repr=False, metadata={SEALED: purpose})


def index_of(name: str) -> str:
    """Where the blind index of a sealed field stands in the body."""
    return f"{name}_index"
