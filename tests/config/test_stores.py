from pathlib import Path

import pytest

from config.stores import parse_cache, parse_storage

FOLDER = Path("/etc/kr")


@pytest.mark.parametrize(
    ("url", "parsed"),
    [
        ("sqlite:///data/kr.db", "sqlite:////etc/kr/data/kr.db"),
        ("sqlite:////var/lib/kr.db", "sqlite:////var/lib/kr.db"),
        ("mongodb://user:pw@host/db?w=majority", "mongodb://user:pw@host/db?w=majority"),
        ("mongodb+srv://host/db", "mongodb+srv://host/db"),
        ("couchdb+https://user:pw@host:5984/prefix", "couchdb+https://user:pw@host:5984/prefix"),
        ("memory:", "memory:"),
    ],
)
def test_storage(url: str, parsed: str) -> None:
    assert parse_storage(url, FOLDER) == parsed
    assert parse_storage(parsed, Path("/elsewhere")) == parsed


def test_without_a_folder_a_relative_path_stays_relative() -> None:
    assert parse_storage("sqlite:///data/kr.db", None) == "sqlite:///data/kr.db"


@pytest.mark.parametrize("url", ["memory:", "redis://127.0.0.1:6379/0", "rediss://:pw@host:6380/1"])
def test_cache(url: str) -> None:
    assert parse_cache(url) == url


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "use one of"),
        ("data/kr.db", "use one of"),
        ("sqlit:///x.db", 'did you mean "sqlite"'),
        ("postgresql://geheim@host/db", "no kind of store that is known"),
        ("sqlite://data/kr.db", "four slashes"),
        ("sqlite:///", "path of a file"),
        ("sqlite:///data/", "path of a file"),
        ("sqlite:///:memory:", "write memory:"),
        ("mongodb:geheim", "and a host"),
        ("mongodb://", "and a host"),
        ("memory://geheim", "must be just memory:"),
        ("mongodb://geheim@host /db", "white space"),
        ("mongodb://geheim@host/db\n", "white space"),
    ],
)
def test_bad_storage_is_refused_without_repeating_it(url: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as refusal:
        parse_storage(url, FOLDER)
    assert "geheim" not in str(refusal.value)


@pytest.mark.parametrize("url", ["", "memory:x", "redi://x", "sqlite:///x", "redis:", "redis://"])
def test_bad_caches_are_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"must be|store that is known"):
        parse_cache(url)
