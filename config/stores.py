"""Where documents and the cache live, as URLs. Pure.

Only what needs the configuration file is decided here: the kind of store, and the folder of a relative SQLite path.
A URL may hold a password: no message repeats any of it.
"""

from pathlib import Path
from typing import Final

from config.names import suggestion

_STORAGE_SCHEMES: Final = ("sqlite", "mongodb", "mongodb+srv", "couchdb+http", "couchdb+https", "memory")
_CACHE_SCHEMES: Final = ("memory", "redis", "rediss")
_SQLITE: Final = "sqlite:///"


def parse_storage(url: str, folder: Path | None) -> str:
    """Check the URL of the document store and take a relative SQLite path from `folder`.

    Shape: `sqlite:///relative`, `sqlite:////absolute`, `mongodb://host/db`, `couchdb+https://host/prefix`, `memory:`.
    Raises: ValueError.
    """
    scheme = _check_scheme(url, _STORAGE_SCHEMES)
    if scheme != "sqlite":
        return url
    path = url.removeprefix(_SQLITE)
    if path == url or not path or path.endswith("/"):
        raise ValueError("must be sqlite:/// and the path of a file (four slashes for an absolute path)")
    if ":memory:" in path:
        raise ValueError("must name a file: write memory: for a store that is lost at the end")
    return url if folder is None else f"{_SQLITE}{folder / path}"


def parse_cache(url: str) -> str:
    """Check the URL of the cache.

    Shape: `memory:`, `redis://host:port/database`, `rediss://...`.
    Raises: ValueError.
    """
    _check_scheme(url, _CACHE_SCHEMES)
    return url


def _check_scheme(url: str, known: tuple[str, ...]) -> str:
    if not url.isprintable() or " " in url:
        raise ValueError("must be a URL without white space")
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in known:
        guess = suggestion(scheme, known) if colon else f": use one of {', '.join(known)}"
        raise ValueError(f"begins with no kind of store that is known{guess}")
    if scheme == "memory" and rest:
        raise ValueError("must be just memory:")
    if scheme not in {"memory", "sqlite"} and not (rest.startswith("//") and rest.strip("/")):
        raise ValueError(f"must be {scheme}:// and a host")
    return scheme
