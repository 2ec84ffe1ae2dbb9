"""Where the servers of `make services` are: the one place in the tests that knows an address."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

_DEFAULTS = {
    "redis": "redis://127.0.0.1:16379/0",
    "mongodb": "mongodb://127.0.0.1:27117/",
    "couchdb": "http://127.0.0.1:15984/",
}

SERVICE_URLS: Final[Mapping[str, str]] = MappingProxyType(
    {name: os.environ.get(f"KR_TEST_{name.upper()}_URL", url) for name, url in _DEFAULTS.items()}
)
"""URL by service name; each can be pointed elsewhere with `KR_TEST_<NAME>_URL`."""
