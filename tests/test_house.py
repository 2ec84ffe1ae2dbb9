"""The files around the program agree with each other and with the code: Makefile, locks, image, licence, catalogue."""

import argparse
import ast
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from klantenregister.cli import build_parser
from scripts.check_docs import find_faults, find_pages, parse_targets
from scripts.check_mirror import PACKAGES

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCKS = ("requirements.lock", "requirements-build.lock", "requirements-dev.lock")
OURS = {*PACKAGES, "clock", "scripts", "tests", "bench"}
COMPANIONS = {"multidict": "aiohttp", "pydantic_core": "pydantic", "yarl": "aiohttp"}
"""Modules whose types are in the interface of a library that we declare, and that come with it."""


def _read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def _locked(name: str) -> dict[str, str]:
    """Version by package."""
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", _read(name), re.MULTILINE))


# -- Makefile and documentation


def test_help_names_every_target_that_a_person_can_type() -> None:
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    helped = set(re.findall(r"^\s+(?:\x1b\[1m)?([a-z-]+)", said, re.MULTILINE))
    assert (
        helped
        == parse_targets(_read("Makefile"))
        == set(re.findall(r"^\.PHONY: (\S+)", _read("Makefile"), re.MULTILINE))
    )


def test_make_alone_is_help() -> None:
    alone, asked = (
        subprocess.run(["make", *words], cwd=ROOT, capture_output=True, check=True) for words in ([], ["help"])
    )
    assert alone.stdout == asked.stdout


def test_the_documentation_names_only_targets_and_files_that_exist() -> None:
    assert list(find_faults(ROOT)) == []


def _documented_commands() -> list[str]:
    """What the documentation tells people to type, in blocks and within lines: `klantenregister COMMAND ...`."""
    pages = "".join(page.read_text(encoding="utf-8").replace("\\\n", " ") for page in find_pages(ROOT))
    blocks = "\n".join(re.findall(r"^```sh\n(.*?)^```", pages, re.MULTILINE | re.DOTALL))
    typed = re.findall(r"^klantenregister .+", blocks, re.MULTILINE) + re.findall(r"`(klantenregister [^`\n]+)`", pages)
    return sorted({line.partition(" #")[0].strip() for line in typed})


def _actions(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The subcommands of a parser, by name."""
    found = [one.choices for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(found[0]) if found else {}


@pytest.mark.parametrize("line", _documented_commands())
def test_the_documentation_names_only_commands_and_options_that_exist(line: str) -> None:
    parser = build_parser()
    for word in line.split()[1:]:
        if actions := _actions(parser):
            assert word in actions
            parser = actions[word]
        elif word.startswith("--"):
            assert word in parser._option_string_actions


@pytest.mark.parametrize("script", [".ci/run", "scripts/venv", "scripts/services", "scripts/lock"])
def test_scripts_can_be_run_and_stop_at_the_first_failure(script: str) -> None:
    assert (ROOT / script).stat().st_mode & 0o111
    assert "\nset -euo pipefail\n" in _read(script)
    subprocess.run(["bash", "-n", script], cwd=ROOT, check=True)


# -- locks


@pytest.mark.parametrize("lock", [*LOCKS, "scripts/couchdb/package-lock.json"])
def test_a_lock_names_no_place_to_fetch_from(lock: str) -> None:
    assert not re.search(
        r"--(extra-)?index-url|--find-links|--trusted-host|file:/|\"resolved\"|/opt/|/root/|/home/", _read(lock)
    )


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=[a-z0-9])", _read(lock), flags=re.MULTILINE)[1:]
    assert entries
    assert [entry.split()[0] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)] == []


def test_the_locks_can_be_installed_into_one_environment() -> None:
    seen: dict[str, str] = {}
    for lock in LOCKS:
        for package, version in _locked(lock).items():
            assert seen.setdefault(package, version) == version, f"{package} differs in {lock}"


@pytest.mark.parametrize(
    ("declared", "lock"),
    [
        (PROJECT["project"]["dependencies"], "requirements.lock"),
        (PROJECT["build-system"]["requires"], "requirements-build.lock"),
        (PROJECT["project"]["optional-dependencies"]["dev"], "requirements-dev.lock"),
    ],
)
def test_what_is_declared_is_locked(declared: list[str], lock: str) -> None:
    locked = _locked(lock)
    for requirement in map(Requirement, declared):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement.name} is not in {lock}: make lock"
        assert version in requirement.specifier, f"{requirement} is {version} in {lock}: make lock"


# -- code against declarations


def _imported(folder: Path) -> set[str]:
    """Top-level names of everything that the Python below `folder` imports and that is not of ours or Python's."""
    names: set[str] = set()
    for node in (
        node for file in folder.rglob("*.py") for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    ):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.partition(".")[0])
    return names - OURS - set(sys.stdlib_module_names)


def _declared(*groups: list[str]) -> set[str]:
    """Top-level modules of the declared packages."""
    wanted = {canonicalize_name(Requirement(text).name) for group in groups for text in group}
    by_module = metadata.packages_distributions()
    modules = {
        module for module, packages in by_module.items() if wanted & {canonicalize_name(name) for name in packages}
    }
    return modules | {companion for companion, library in COMPANIONS.items() if library in modules}


@pytest.mark.parametrize("package", PACKAGES)
def test_the_program_imports_only_what_it_declares(package: str) -> None:
    assert _imported(ROOT / package) <= _declared(PROJECT["project"]["dependencies"])


@pytest.mark.parametrize("folder", ["tests", "scripts"])
def test_tests_and_scripts_import_only_what_is_declared(folder: str) -> None:
    extras = PROJECT["project"]["optional-dependencies"]["dev"]
    assert _imported(ROOT / folder) <= _declared(PROJECT["project"]["dependencies"], extras)


def test_the_clock_knows_nothing_of_ours() -> None:
    modules = [node.module for node in ast.walk(ast.parse(_read("clock.py"))) if isinstance(node, ast.ImportFrom)]
    assert not OURS & {str(module).partition(".")[0] for module in modules}


def test_the_packages_that_are_checked_are_those_that_are_shipped() -> None:
    shipped = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert set(shipped) == set(PACKAGES) == set(PROJECT["tool"]["importlinter"]["root_packages"])


# -- image


def _copied() -> set[str]:
    """What the Dockerfile takes from the repository."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", _read("Dockerfile"), re.MULTILINE)
    return {source for line in lines for source in line.split()[:-1]}


def test_what_the_image_copies_is_there_and_reaches_the_build() -> None:
    let_through = set(re.findall(r"^!(\S+)$", _read(".dockerignore"), re.MULTILINE))
    assert all((ROOT / source).exists() for source in _copied())
    assert _copied() == let_through


def test_the_image_holds_all_that_is_shipped() -> None:
    forced = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert _copied() >= {*PACKAGES, *forced, "requirements.lock", PROJECT["project"]["readme"], "LICENSE"}


def test_the_image_does_not_run_as_root() -> None:
    stages = _read("Dockerfile").split("\nFROM ")
    user = re.findall(r"^USER (\d+)", stages[-1], re.MULTILINE)
    assert user
    assert int(user[-1]) > 0


# -- licence, catalogue, changelog


def test_the_licence_is_the_whole_eupl() -> None:
    text = _read("LICENSE")
    assert text.startswith("EUROPEAN UNION PUBLIC LICENCE v. 1.2\n")
    assert re.findall(r"^(\d+)\.", text, re.MULTILINE) == [str(article) for article in range(1, 16)]
    assert "‘Compatible Licences’ according to Article 5 EUPL are:" in text
    assert PROJECT["project"]["license"] == "EUPL-1.2"


def test_the_catalogue_entry_has_what_version_0_4_demands() -> None:
    entry = yaml.safe_load(_read("publiccode.yml"))
    assert entry["publiccodeYmlVersion"] == "0.4"
    required = {"name", "url", "platforms", "categories", "developmentStatus", "softwareType", "description", "legal"}
    assert required | {"maintenance", "localisation", "releaseDate"} <= entry.keys()
    assert entry["softwareVersion"] == PROJECT["project"]["version"]
    assert entry["legal"]["license"] == PROJECT["project"]["license"]
    assert entry["maintenance"]["contacts"]
    assert set(entry["description"]) == {"en", "nl"} == set(entry["localisation"]["availableLanguages"])
    for text in entry["description"].values():
        assert len(text["shortDescription"]) <= 150
        assert 150 <= len(text["longDescription"]) <= 10_000
        assert text["features"]


def test_the_changelog_has_a_place_for_what_comes() -> None:
    headings = re.findall(r"^## \[(.+?)\]", _read("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"
