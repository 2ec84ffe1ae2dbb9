import argparse
import json
import shutil
import time
from pathlib import Path

import pytest

from certs.authority import create_group, issue
from klantenregister.commands import check_config

EXAMPLE = Path(__file__).parents[3] / "config/examples/klantenregister.yaml"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    check_config.register(parser.add_subparsers())
    args = parser.parse_args(["check-config", *arguments])
    code = args.run(args)
    assert isinstance(code, int)
    return code


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The example after the commands in its header."""
    now = int(time.time())
    file = Path(shutil.copy(EXAMPLE, tmp_path))
    create_group(tmp_path / "pki", "fsc.example.test", now=now)
    issue(
        tmp_path / "pki",
        peer_id="00000001823288444000",
        name="Gemeente Voorbeeld",
        dns_names=["manager.voorbeeld.localhost", "inway.voorbeeld.localhost"],
        now=now,
        stem=Path("voorbeeld"),
    )
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/kiss.token").write_text("0123456789abcdef" * 3 + "\n")
    return file


def test_the_example_is_in_order(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.read_bytes() for path in example.parent.rglob("*") if path.is_file()}
    assert run(str(example)) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{example}: in order, no warnings\n"
    assert printed.err == ""
    assert {path: path.read_bytes() for path in example.parent.rglob("*") if path.is_file()} == before


def test_warnings_go_to_stdout_and_do_not_fail(
    example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KR_STORAGE", "memory:")
    assert run(str(example)) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("warning: storage: nothing survives a restart")
    assert printed.out.endswith(f"{example}: in order, 1 warning\n")
    assert printed.err == ""


def test_problems_of_the_file_fail_with_2(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    example.write_text(example.read_text().replace("slug:", "slugg:"))
    assert run(str(example)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    problems = printed.err.splitlines()
    assert problems[0].startswith("tenants[0].slug: is required")
    assert 'did you mean "slug"?' in problems[1]
    assert problems[2:] == [f"{example}: 2 problems"]


def test_problems_of_the_files_it_names_fail_with_2(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (example.parent / "pki/voorbeeld.key").unlink()
    assert run(str(example)) == 2
    assert capsys.readouterr().err.startswith("tenants[0].certificates[0]: ")


def test_json(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(example), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "file": str(example), "errors": [], "warnings": []}
    example.write_text("group: 1\n")
    assert run("--json", str(example)) == 2
    printed = capsys.readouterr()
    assert printed.err == ""
    assert json.loads(printed.out) == {
        "ok": False,
        "file": str(example),
        "errors": [
            {"path": "group", "message": "must hold keys with values, not a single value or a list", "origin": "line 1"}
        ],
        "warnings": [],
    }


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(str(tmp_path / "none.yaml")) == 2
    assert "none.yaml: there is no such file: check the path" in capsys.readouterr().err
