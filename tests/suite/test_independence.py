"""The suite judges the program with code of its own: it takes nothing of the program's but the development CA."""

import ast
from collections.abc import Iterator
from pathlib import Path

ALLOWED = {"certs.authority", "clock"}
OURS = {"certs", "clock", "config", "storage", "gateway", "register", "klantenregister", "tests"}


def _imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            yield str(node.module)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def test_nothing_of_the_program_is_used_but_the_development_ca() -> None:
    suite = Path(__file__).parent
    files = [*suite.glob("*.py"), suite.parent / "e2e" / "federation.py"]
    used = {name for file in files for name in _imported(file) if name.partition(".")[0] in OURS}

    assert {name for name in used if not name.startswith(("tests.suite.", "tests.e2e"))} == ALLOWED
