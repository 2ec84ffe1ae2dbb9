import re
from pathlib import Path

import pytest

from storage.urls import MemoryUrl, SqliteUrl, parse_cache_url, parse_storage_url


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("memory:", MemoryUrl()),
        ("sqlite:///data/klantenregister.db", SqliteUrl(Path("data/klantenregister.db"))),
        ("sqlite:////var/lib/kr.db", SqliteUrl(Path("/var/lib/kr.db"))),
        ("sqlite:///met spatie%20é.db", SqliteUrl(Path("met spatie%20é.db"))),
    ],
)
def test_storage_urls(text: str, url: SqliteUrl | MemoryUrl) -> None:
    assert parse_storage_url(text) == url


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "without a known scheme is not supported: use sqlite:///path/to/file.db or memory:"),
        ("data/kr.db", "without a known scheme"),
        ("memory", "without a known scheme"),
        ("memory://", "scheme 'memory'"),
        ("postgres://user:geheim@host/db", "scheme 'postgres' is not supported"),
        ("mongodb://user:geheim@host/db", "scheme 'mongodb' is not supported"),
        ("couchdb+https://user:geheim@host/db", "scheme 'couchdb+https' is not supported"),
        ("geheim" * 10 + ":", "without a known scheme"),
        ("SQLITE:///x.db", "scheme 'SQLITE'"),
        ("sqlite:x.db", "three slashes"),
        ("sqlite://x.db", "three slashes"),
        ("sqlite://", "three slashes"),
        ("sqlite:///", "names a file"),
        ("sqlite:///data/", "names a file"),
        ("sqlite:///:memory:", "names a file"),
        ("sqlite:///x.db?mode=ro", "a path alone"),
        ("sqlite:///x.db#y", "a path alone"),
        ("sqlite:///x\0.db", "a path alone"),
    ],
)
def test_storage_urls_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=re.escape(reason)) as caught:
        parse_storage_url(text)
    assert "geheim" not in str(caught.value)


def test_cache_urls() -> None:
    assert parse_cache_url("memory:") == MemoryUrl()
    for text in ("", "redis://:geheim@127.0.0.1:6379/0", "sqlite:///x.db"):
        with pytest.raises(ValueError, match="is not supported: use memory:") as caught:
            parse_cache_url(text)
        assert "geheim" not in str(caught.value)
