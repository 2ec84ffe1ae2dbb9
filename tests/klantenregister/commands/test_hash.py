"""`klantenregister hash`."""

import argparse
import json
from pathlib import Path
from typing import Any

import pytest

from klantenregister.commands import hash as hash_command
from klantenregister.errors import Failed

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fsc_core_example.json").read_text())
UNION = VECTORS["contents"]["union"]["content"]
FLAT = VECTORS["contents"]["flat"]["content"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "contract.json"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    hash_command.register(parser.add_subparsers())
    args = parser.parse_args(["hash", *arguments])
    code: int = args.run(args)
    return code


def vector(profile: str, content: str) -> dict[str, Any]:
    found: dict[str, Any] = next(
        one for one in VECTORS["hashes"] if (one["profile"], one["content"]) == (profile, content)
    )
    return {name: found[name] for name in ("profile", "content_hash", "grant_hashes")}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "malformed at line 1"),
        (b"[]", "must be an object"),
        (b"\xff", "not UTF-8"),
        (b'{"content": 1}', "must be a JSON object"),
        (b"{}", "'/iv' is required"),
        (json.dumps({**UNION, "hash_algorithm": "MD5"}).encode(), "hash_algorithm 'MD5' is unknown"),
        (json.dumps({**UNION, "fsc_version": "1.0.0"}).encode(), "no hash profile is for fsc_version '1.0.0'"),
        (json.dumps({**FLAT, "iv": "x"}).encode(), "/iv is not a UUID"),
    ],
)
def test_a_file_that_cannot_be_hashed_fails_with_the_reason(file: Path, data: bytes, problem: str) -> None:
    file.write_bytes(data)
    with pytest.raises(Failed, match=problem):
        run(str(file))


def test_a_file_that_cannot_be_read_fails_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"missing\.json cannot be read: No such file"):
        run(str(tmp_path / "missing.json"))
    with pytest.raises(Failed, match="cannot be read: Is a directory"):
        run(str(tmp_path))


def test_an_unknown_profile_is_wrong_usage(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        run(str(file), "--profile", "fsc-9")
    assert stopped.value.code == 2
    assert "fsc-2.0-rawbytes" in capsys.readouterr().err


def test_every_hash_of_every_possible_profile_is_printed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(UNION))
    assert run(str(file)) == 0
    one, other = vector("fsc-2.0", "union"), vector("fsc-2.0-rawbytes", "union")
    assert capsys.readouterr().out.splitlines() == [
        "profile fsc-2.0",
        f"  content  {one['content_hash']}",
        f"  grant 0  {one['grant_hashes'][0]}  GRANT_TYPE_SERVICE_CONNECTION",
        "profile fsc-2.0-rawbytes",
        f"  content  {other['content_hash']}",
        f"  grant 0  {other['grant_hashes'][0]}  GRANT_TYPE_SERVICE_CONNECTION",
    ]


@pytest.mark.parametrize(
    "document",
    [
        FLAT,
        {"content": FLAT, "signatures": {"accept": {}, "reject": {}, "revoke": {}}},
        {"contract_content": FLAT, "signature": "a.b.c"},
        {"content": FLAT, "grants": [{"grant_hash": "$1$3$x", "data": {}}], "state": "VALID"},
    ],
)
def test_content_and_whole_contract_give_the_same(
    document: dict[str, Any], file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(document))
    assert run(str(file), "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"hashes": [vector("fsc-develop", "flat"), vector("fsc-1.1", "flat")]}


def test_a_profile_can_be_chosen_whatever_the_version(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(json.dumps(FLAT))
    assert run(str(file), "--profile", "fsc-2.0-rawbytes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"hashes": [vector("fsc-2.0-rawbytes", "flat")]}


@pytest.mark.parametrize(
    ("profile", "of"), [("fsc-develop", "content"), ("fsc-1.1", "content"), ("fsc-1.1", "grant 0")]
)
def test_the_profile_that_gives_an_expected_hash_is_told(
    profile: str, of: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(FLAT))
    found = vector(profile, "flat")
    expected = found["content_hash"] if of == "content" else found["grant_hashes"][0]
    assert run(str(file), "--expect", expected, "--json") == 0
    assert json.loads(capsys.readouterr().out)["matching"] == [{"profile": profile, "of": of}]
    assert run(str(file), "--expect", expected) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"expected: the hash of {of} by profile {profile}"


def test_an_expected_hash_that_two_profiles_give_is_told_for_both(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(UNION))
    assert run(str(file), "--expect", vector("fsc-2.0", "union")["content_hash"], "--json") == 0
    found = [one["profile"] for one in json.loads(capsys.readouterr().out)["matching"]]
    assert found == ["fsc-2.0", "fsc-2.0-rawbytes"]


@pytest.mark.parametrize("expected", ["", "$1$1$AAAA", vector("fsc-2.0", "union")["content_hash"] + "=="])
def test_an_expected_hash_that_no_profile_gives_fails(
    expected: str, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(json.dumps(UNION))
    assert run(str(file), "--expect", expected) == 1
    assert capsys.readouterr().out.endswith("expected: no profile gives this hash\n")
    assert run(str(file), "--expect", expected, "--json") == 1
    assert json.loads(capsys.readouterr().out)["matching"] == []
