"""Storage and cache URLs: which back end, and where. Opening it is the composition root's work."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class SqliteUrl:
    """A SQLite file."""

    path: Path


@dataclass(frozen=True, slots=True)
class MemoryUrl:
    """Memory, which forgets everything when the program ends."""


StorageUrl: TypeAlias = SqliteUrl | MemoryUrl
CacheUrl: TypeAlias = MemoryUrl

_SQLITE = "sqlite:///"


def parse_storage_url(text: str) -> StorageUrl:
    """Read `sqlite:///relative.db`, `sqlite:////absolute.db` or `memory:`. Raises: ValueError."""
    if text == "memory:":
        return MemoryUrl()
    if _scheme(text) == "sqlite":
        return SqliteUrl(_sqlite_path(text))
    raise ValueError(f"storage {_shown(text)} is not supported: use sqlite:///path/to/file.db or memory:")


def parse_cache_url(text: str) -> CacheUrl:
    """Read `memory:`. Raises: ValueError."""
    if text == "memory:":
        return MemoryUrl()
    raise ValueError(f"cache {_shown(text)} is not supported: use memory:")


def _sqlite_path(text: str) -> Path:
    if not text.startswith(_SQLITE):
        raise ValueError("a sqlite URL has three slashes before a relative path, four before an absolute one")
    path = text.removeprefix(_SQLITE)
    if not path or path.endswith("/") or path.startswith(":"):
        raise ValueError("a sqlite URL names a file, as in sqlite:///data/klantenregister.db")
    if any(sign in path for sign in "?#\0"):
        raise ValueError("a sqlite URL holds a path alone: no '?', no '#'")
    return Path(path)


def _scheme(text: str) -> str:
    return text.partition(":")[0]


def _shown(text: str) -> str:
    # Never the rest: it may hold a password.
    scheme = _scheme(text)
    return f"scheme {scheme!r}" if ":" in text and scheme.isascii() and len(scheme) <= 20 else "without a known scheme"
