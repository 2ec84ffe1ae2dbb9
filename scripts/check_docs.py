"""Check that what the documentation tells people to type or to open is there: `make` targets and links to files."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

_TARGET = re.compile(r"^([a-z][a-z-]*):(?!=)", re.MULTILINE)
_CODE = re.compile(r"^(`{3,}).*?^\1|`[^`\n]+`", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"\bmake((?: +[A-Z]+=(?:\"[^\"]*\"|\S+)| +[a-z][a-z-]*)+)")
_WORD = re.compile(r"[A-Z]+=(?:\"[^\"]*\"|\S+)|[a-z][a-z-]*")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def find_faults(root: Path) -> Iterator[str]:
    """Name each `make` target that the Makefile lacks and each link that leads nowhere."""
    targets = parse_targets((root / "Makefile").read_text(encoding="utf-8"))
    for page in find_pages(root):
        name = page.relative_to(root)
        text = page.read_text(encoding="utf-8")
        yield from (
            f"{name}: the Makefile has no target `{target}`" for target in named_targets(text) if target not in targets
        )
        yield from (f"{name}: links to {link}, which is not there" for link in dead_links(page, text))


def find_pages(root: Path) -> list[Path]:
    """The Markdown that people read: at the root and below docs/."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])


def parse_targets(makefile: str) -> frozenset[str]:
    """The targets that a person can type."""
    return frozenset(_TARGET.findall(makefile))


def named_targets(text: str) -> list[str]:
    """Every target of a `make ...` command in the code of a page, in order."""
    commands = [command for code in _CODE.finditer(text) for command in _MAKE.findall(code.group())]
    return [word for command in commands for word in _WORD.findall(command) if "=" not in word]


def dead_links(page: Path, text: str) -> list[str]:
    """Links to files that do not exist, seen from `page`. Links to other sites are not followed."""
    links = [link.partition("#")[0] for link in _LINK.findall(text)]
    return [link for link in links if link and ":" not in link and not (page.parent / link).exists()]


def main(root: Path) -> int:
    """Print what is wrong; 1 when anything is."""
    faults = list(find_faults(root))
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path.cwd()))
