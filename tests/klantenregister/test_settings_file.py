"""`klantenregister.settings_file`."""

import json
from pathlib import Path

import pytest

from klantenregister.errors import WrongUsage
from klantenregister.settings_file import read_settings, secret_files
from tests.config.samples import document, tenant, write


def test_every_problem_is_on_a_line_of_its_own(tmp_path: Path) -> None:
    file = write(tmp_path, document(tenant(slug="NOT A SLUG", servises=[]), storage="nosuch:"))

    with pytest.raises(WrongUsage) as refused:
        read_settings(file, {})

    first, *problems = str(refused.value).splitlines()
    assert first == f"{file}: the configuration is not right"
    assert len(problems) == 3


def test_the_environment_wins(tmp_path: Path) -> None:
    settings = read_settings(write(tmp_path, document()), {"KR_TENANTS__0__SLUG": "anders"})

    assert settings.tenants[0].slug == "anders"


def test_secret_files_are_found_whether_they_are_there_or_not(tmp_path: Path) -> None:
    application = {"id": "kiss", "token_file": "secrets/kiss.token"}
    value = document(tenant(applications=[application]), storage_file="/etc/storage.url")
    del value["tenants"][0]["name"]  # whatever else is wrong
    file = write(tmp_path, value)

    assert set(secret_files(file, {})) == {tmp_path / "secrets" / "kiss.token", Path("/etc/storage.url")}
    environ = {"KR_STORAGE_FILE": "elsewhere.url", "KR_CACHE_FILE": "cache.url"}
    assert set(secret_files(file, environ)) == {
        tmp_path / "secrets" / "kiss.token",
        tmp_path / "elsewhere.url",
        tmp_path / "cache.url",
    }


@pytest.mark.parametrize("content", [b"group: [", b"\xff", b"[]", b"", b'{"storage_file": ["a\\u0000b"]}'])
def test_a_configuration_that_cannot_be_read_names_no_secret_files(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "klantenregister.yaml"
    file.write_bytes(content)

    assert secret_files(file, {}) == ()
    assert secret_files(tmp_path / "nothing.yaml", {}) == ()


def test_a_name_that_no_file_can_have_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "klantenregister.yaml"
    file.write_text(json.dumps({"storage_file": "a\x00b", "cache_file": 3}))

    assert secret_files(file, {}) == ()
