"""Tell which scenarios of the official FSC test-suite are played, and write the conformance table from the tests.

The ids and what each expects are in tests/vectors/fsc_scenarios.json. A scenario is played by a test in tests/suite
that carries `@pytest.mark.fsc("<id>")`; a test elsewhere may carry it too, and then is one more beside it.
"""

import argparse
import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path("tests/vectors/fsc_scenarios.json")
SUITE = Path("tests/suite")
PAGE = Path("docs/conformance.md")
README = Path("README.md")
COMMAND = "make spec-coverage ARGS='--write --readme'"

_SECTION = re.compile(r"(?<=<!-- conformance -->\n).*?(?=<!-- /conformance -->)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Mark:
    """A test that says which scenario it plays; `test` is empty for a mark that is on no function."""

    scenario: str
    file: Path
    test: str

    @property
    def is_official(self) -> bool:
        """Whether it counts: a test of the suite that plays the program from outside."""
        return bool(self.test) and self.file.is_relative_to(SUITE)


def parse_marks(source: str, file: Path) -> Iterator[Mark]:
    """Every `pytest.mark.fsc(...)` of a test file; an argument that is not plain text is given as it is written."""
    tree = ast.parse(source)
    within = {
        id(node): function.name
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for decorator in function.decorator_list
        for node in ast.walk(decorator)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fsc":
            for argument in node.args:
                yield Mark(_text_of(argument), file, within.get(id(node), ""))


def find_marks(root: Path) -> list[Mark]:
    """The marks of every test file below `root`, in the order of the files."""
    files = sorted((root / "tests").rglob("test_*.py"))
    return [mark for file in files for mark in parse_marks(file.read_text(encoding="utf-8"), file.relative_to(root))]


def find_faults(scenarios: Mapping[str, str], marks: Sequence[Mark]) -> Iterator[str]:
    """Name each scenario that is not played and each mark of a scenario that does not exist."""
    played = {mark.scenario for mark in marks if mark.is_official}
    yield from (f"not played: {name}: {expects}" for name, expects in scenarios.items() if name not in played)
    yield from (
        f"{mark.file}: there is no scenario {mark.scenario}" for mark in marks if mark.scenario not in scenarios
    )


def find_stale(root: Path, scenarios: Mapping[str, str], marks: Sequence[Mark]) -> Iterator[str]:
    """Name each place whose table is not what the tests say. A README without the markers has no table."""
    page, readme = root / PAGE, root / README
    if not page.is_file() or page.read_text(encoding="utf-8") != render_page(scenarios, marks):
        yield f"{PAGE} is not what the tests say: {COMMAND}"
    section = _SECTION.search(readme.read_text(encoding="utf-8")) if readme.is_file() else None
    if section is not None and section.group() != render_section(scenarios, marks):
        yield f"{README}, section conformance, is not what the tests say: {COMMAND}"


def summary(scenarios: Mapping[str, str], marks: Sequence[Mark]) -> str:
    """How many are played, by role."""
    played = {mark.scenario for mark in marks if mark.is_official}
    totals, done = Counter(map(_role, scenarios)), Counter(_role(name) for name in scenarios if name in played)
    return ", ".join(f"{role} {done[role]} of {total}" for role, total in totals.items())


def render_page(scenarios: Mapping[str, str], marks: Sequence[Mark]) -> str:
    """The page with a row for each scenario: what it expects and which test shows it."""
    lines = [
        "# Conformance",
        "",
        "Each scenario of the official FSC test-suite (Logius, fsc-test-suite) and the test that plays it against the",
        "running program: over mutual TLS, with Peers that the test itself plays with code of its own.",
        "`make test ARGS=tests/suite` runs them all.",
        "",
        f"Generated from the tests: `{COMMAND}`. {summary(scenarios, marks)}.",
    ]
    for role in dict.fromkeys(map(_role, scenarios)):
        lines += ["", f"## {role}", "", "| Scenario | Expects | Test |", "|---|---|---|"]
        for name, expects in scenarios.items():
            if _role(name) == role:
                lines.append(f"| {name} | {expects} | {_tests(name, marks)} |")
    return "\n".join([*lines, ""])


def render_section(scenarios: Mapping[str, str], marks: Sequence[Mark]) -> str:
    """The section of the README: every id, a row for each family, without those that are not played."""
    played = {mark.scenario for mark in marks if mark.is_official}
    families: dict[str, list[str]] = {}
    for name in scenarios:
        families.setdefault(name.rpartition("-")[0], []).append(name)
    lines = [
        f"{summary(scenarios, marks)} scenarios; what each expects and its test: [{PAGE}]({PAGE}).",
        "",
        "| Scenarios | Played by a test |",
        "|---|---|",
    ]
    for family, names in families.items():
        done = [name for name in names if name in played]
        lines.append(f"| {family} ({len(done)} of {len(names)}) | {', '.join(done)} |")
    return "\n".join([*lines, ""])


def main(root: Path, arguments: Sequence[str]) -> int:
    """Write what is asked, print what is wrong and the totals; 1 when anything is wrong."""
    parser = argparse.ArgumentParser(prog="spec_coverage", description="The official FSC scenarios and their tests.")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    parser.add_argument("--readme", action="store_true", help="write the section of README.md between its markers")
    asked = parser.parse_args(arguments)
    scenarios: dict[str, str] = json.loads((root / SCENARIOS).read_text(encoding="utf-8"))
    marks = find_marks(root)
    if asked.write:
        (root / PAGE).write_text(render_page(scenarios, marks), encoding="utf-8")
    if asked.readme:
        text, section = (root / README).read_text(encoding="utf-8"), render_section(scenarios, marks)
        (root / README).write_text(_SECTION.sub(lambda _: section, text), encoding="utf-8")
    faults = [*find_faults(scenarios, marks), *find_stale(root, scenarios, marks)]
    for line in [*faults, f"official FSC scenarios with a test: {summary(scenarios, marks)}"]:
        print(line)
    return 1 if faults else 0


def _tests(scenario: str, marks: Sequence[Mark]) -> str:
    """Links to the tests of one scenario, relative to the page."""
    found = dict.fromkeys(mark for mark in marks if mark.is_official and mark.scenario == scenario)
    return "<br>".join(f"[{mark.test}](../{mark.file})" for mark in found) or "none"


def _role(scenario: str) -> str:
    return scenario.partition("-")[0]


def _text_of(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return ast.unparse(argument)


if __name__ == "__main__":
    sys.exit(main(Path.cwd(), sys.argv[1:]))
