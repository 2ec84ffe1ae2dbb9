from pathlib import Path
from typing import Any

import pytest

from config.draft import Draft
from config.secret_files import MAX_SECRET_BYTES, read_secret_files
from config.settings import Settings


def read(folder: Path, value: Any) -> Draft:
    draft = Draft(value, {("storage_file",): 4})
    read_secret_files(draft, Settings, folder)
    return draft


@pytest.mark.parametrize(
    ("content", "secret"),
    [("s3cret", "s3cret"), ("s3cret\n", "s3cret"), ("s3cret\r\n", "s3cret"), (" a b \n", " a b "), ("a\n\n", "a\n")],
)
def test_a_file_gives_its_text_without_the_last_newline(tmp_path: Path, content: str, secret: str) -> None:
    (tmp_path / "url").write_bytes(content.encode())
    draft = read(tmp_path, {"storage_file": "url"})
    assert draft.problems == []
    assert draft.value == {"storage": secret}
    assert draft.origin_of(("storage",)) == "line 4"


def test_secrets_are_found_wherever_they_stand(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    draft = read(
        tmp_path,
        {
            "cache_file": str(tmp_path / "token"),
            "tenants": [{"applications": [{"id": "a", "token_file": "token"}]}],
            "keys": {"master_file": "token"},
        },
    )
    assert draft.problems == []
    assert draft.value == {
        "cache": "t",
        "tenants": [{"applications": [{"id": "a", "token": "t"}]}],
        "keys": {"master_file": "token"},
    }


def test_an_empty_key_counts_as_absent(tmp_path: Path) -> None:
    draft = read(tmp_path, {"storage_file": None, "storage": "memory:"})
    assert draft.problems == []
    assert draft.value == {"storage": "memory:"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("missing", "there is no file"),
        ("", "must be the path of a file"),
        (5, "must be the path of a file"),
        ("a\0b", "must be the path of a file"),
        ("\ud800", "must be the path of a file"),
        (".", "cannot be read: check that it is a file"),
        ("empty", "is empty"),
        ("blank", "is empty"),
        ("binary", "is not UTF-8 text"),
        ("large", f"more than {MAX_SECRET_BYTES} bytes"),
        ("x" * 5000, "cannot be read"),
    ],
)
def test_a_file_that_gives_no_secret_is_a_problem(tmp_path: Path, value: Any, message: str) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "blank").write_text(" \n")
    (tmp_path / "binary").write_bytes(b"geheim\xff")
    (tmp_path / "large").write_text("geheim" * MAX_SECRET_BYTES)
    draft = read(tmp_path, {"storage_file": value})
    [problem] = draft.problems
    assert problem.path == "storage_file"
    assert problem.origin == "line 4"
    assert message in problem.message
    assert "geheim" not in problem.message
    assert draft.value == {}


def test_both_forms_are_a_problem_and_the_direct_one_is_kept_for_further_checks(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("memory:")
    draft = read(tmp_path, {"storage_file": "url", "storage": "memory:"})
    assert [str(problem) for problem in draft.problems] == [
        "storage_file: storage is given too: keep one of the two [line 4]"
    ]
    assert draft.value == {"storage": "memory:"}
