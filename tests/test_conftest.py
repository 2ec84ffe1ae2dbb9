"""The options of our own, seen from outside: pytest runs on small files with our conftest as its plugin."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MARKERS = "[pytest]\nmarkers =\n  service(name): needs a server\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def run_pytest(
        source: str, *arguments: str, environ: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        (tmp_path / "pytest.ini").write_text(MARKERS)
        (tmp_path / "test_it.py").write_text(f"import os\nimport pytest\n{source}\n")
        inherited = {name: value for name, value in os.environ.items() if name != "HYPOTHESIS_PROFILE"}
        command = [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "-rs", *arguments]
        return subprocess.run(
            command,
            cwd=tmp_path,
            env={**inherited, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **(environ or {})},
            capture_output=True,
            text=True,
            check=False,
        )

    return run_pytest


def _last_line(result: subprocess.CompletedProcess[str]) -> str:
    return result.stdout.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "skipping",
    [
        "def test_it():\n    pytest.skip('no')",
        "@pytest.mark.skip(reason='no')\ndef test_it(): ...",
        "pytest.skip('no', allow_module_level=True)",
    ],
)
def test_a_skip_fails_the_run_where_skips_are_forbidden(run: Run, skipping: str) -> None:
    passing = "def test_passes(): ...\n"
    assert run(passing + skipping).returncode in (0, 5)
    result = run(passing + skipping, "--fail-on-skip")
    assert result.returncode != 0
    assert "1 skipped: --fail-on-skip makes that a failure" in result.stdout
    assert "1 skipped" in _last_line(result)


def test_a_run_without_skips_passes_where_skips_are_forbidden(run: Run) -> None:
    expected_failure = "@pytest.mark.xfail\ndef test_known():\n    assert False\n"
    result = run("def test_passes(): ...\n" + expected_failure, "--fail-on-skip")
    assert result.returncode == 0
    assert "1 passed, 1 xfailed" in _last_line(result)


def test_a_failure_keeps_its_own_exit_code_where_skips_are_forbidden(run: Run) -> None:
    assert run("def test_fails():\n    assert False", "--fail-on-skip").returncode == 1


def test_what_is_meant_for_another_store_is_left_out_and_not_skipped(run: Run) -> None:
    source = """
@pytest.mark.store("sqlite")
def test_of_sqlite(): ...
@pytest.mark.store("mongodb", "couchdb")
def test_of_servers(): ...
@pytest.mark.service("couchdb")
def test_that_needs_couchdb(): ...
def test_of_none_in_particular(store):
    assert store == "mongodb"
"""
    result = run(source, "--store=mongodb")
    assert result.returncode == 0
    assert "2 passed, 2 deselected" in _last_line(result)


def test_the_store_is_sqlite_when_none_is_chosen(run: Run) -> None:
    assert run("def test_it(store):\n    assert store == 'sqlite'").returncode == 0


def test_an_unknown_store_is_refused_with_those_that_exist(run: Run) -> None:
    result = run("def test_it(): ...", "--store=oracle")
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "oracle" in result.stderr
    assert "mongodb" in result.stderr


def test_an_unknown_profile_is_refused_with_those_that_exist(run: Run) -> None:
    result = run("def test_it(): ...", environ={"HYPOTHESIS_PROFILE": "fast"})
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "HYPOTHESIS_PROFILE=fast is unknown; choose from default, ci, soak" in result.stderr


def test_a_server_that_is_not_there_is_a_skip_that_says_what_to_do(run: Run) -> None:
    with socket.socket() as taken:  # bound but not listening: nobody else can have the port, and nobody answers
        taken.bind(("127.0.0.1", 0))
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}/0"
        source = "@pytest.mark.service('redis')\ndef test_it():\n    assert False"
        result = run(source, environ={"KR_TEST_REDIS_URL": url})
    assert result.returncode == 0
    assert f"redis does not answer at {url}: run `make services` first" in result.stdout


def test_a_server_that_is_there_is_used(run: Run) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        source = "@pytest.mark.service('redis')\ndef test_it(): ..."
        result = run(source, environ={"KR_TEST_REDIS_URL": url})
    assert "1 passed" in _last_line(result)


def test_the_developers_own_configuration_does_not_reach_the_tests(run: Run) -> None:
    result = run("def test_it():\n    assert 'KR_STORAGE' not in os.environ", environ={"KR_STORAGE": "sqlite:///x"})
    assert result.returncode == 0
