"""List the scenarios of the official FSC test-suite that no test plays: none carries `@pytest.mark.fsc("<id>")`.

The ids and what each expects are in tests/vectors/fsc_scenarios.json.
"""

import ast
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SCENARIOS = Path("tests/vectors/fsc_scenarios.json")


def marked_ids(source: str) -> Iterator[str]:
    """Every scenario id in a `pytest.mark.fsc(...)` of a test file; what is not plain text, as it is written."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.fsc":
            yield from (_text_of(argument) for argument in node.args)


def _text_of(argument: ast.expr) -> str:
    if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
        return argument.value
    return ast.unparse(argument)


def report(scenarios: dict[str, str], played: Counter[str]) -> Iterator[str]:
    """The lines to print: what is not played yet, then the count for each role and for all."""
    for name, expectation in scenarios.items():
        if name not in played:
            yield f"not played: {name}: {expectation}"
    totals = Counter(name.partition("-")[0] for name in scenarios)
    done = Counter(name.partition("-")[0] for name in scenarios if name in played)
    for role, total in totals.items():
        yield f"{role}: {done[role]} of {total}"
    yield f"all: {done.total()} of {totals.total()} scenarios played by {played.total()} marks"


def main(root: Path) -> int:
    """Print the report; 1 only when a test names a scenario that does not exist."""
    scenarios: dict[str, str] = json.loads((root / SCENARIOS).read_text(encoding="utf-8"))
    files = sorted((root / "tests").rglob("test_*.py"))
    marks = [(file, name) for file in files for name in marked_ids(file.read_text(encoding="utf-8"))]
    unknown = [
        f"{file.relative_to(root)}: there is no scenario {name}" for file, name in marks if name not in scenarios
    ]
    for line in [*report(scenarios, Counter(name for _, name in marks)), *unknown]:
        print(line)
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
