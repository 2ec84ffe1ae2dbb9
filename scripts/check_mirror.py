"""Check that each module has its twin test file: `certs/tls.py` is tested by `tests/certs/test_tls.py`."""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

PACKAGES = ("certs", "config", "storage", "gateway", "register", "klantenregister")

EXCEPTIONS: Mapping[str, str] = {
    "storage/cache.py": "a port without code: tests/conformance says what it means",
    "storage/documents.py": "a port without code: tests/conformance says what it means",
    "storage/log.py": "a port without code: tests/conformance says what it means",
    "storage/errors.py": "exception classes without code",
    "klantenregister/errors.py": "exception classes without code",
    "klantenregister/__main__.py": "one call of cli.main: tests/e2e runs it as a process",
}
"""Modules that need no twin, each with the reason."""


def find_faults(root: Path, exceptions: Mapping[str, str]) -> Iterator[str]:
    """Name each module without a twin and each exception that is none any more."""
    modules = {str(path.relative_to(root)) for package in PACKAGES for path in (root / package).rglob("*.py")}
    for module in sorted(modules):
        twin = twin_of(module)
        if Path(module).name == "__init__.py" or module in exceptions or (root / twin).is_file():
            continue
        yield f"{module}: has no {twin}; write it, or add an exception with its reason to scripts/check_mirror.py"
    for module in sorted(exceptions):
        if module not in modules:
            yield f"{module}: is an exception in scripts/check_mirror.py, but there is no such module"
        elif (root / twin_of(module)).is_file():
            yield f"{module}: is an exception in scripts/check_mirror.py, but has its twin"


def twin_of(module: str) -> str:
    """The test file that belongs to `module`, both relative to the root."""
    path = Path(module)
    return str(Path("tests", path.parent, f"test_{path.name}"))


def main(root: Path) -> int:
    """Print what is missing; 1 when anything is."""
    faults = list(find_faults(root, EXCEPTIONS))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
