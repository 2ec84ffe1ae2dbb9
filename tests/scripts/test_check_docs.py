from pathlib import Path

import pytest

from scripts.check_docs import dead_links, find_faults, main, named_targets, parse_targets


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Type `make demo`.", ["demo"]),
        ("```sh\nmake check services test\n```", ["check", "services", "test"]),
        ('```\nmake test STORE=mongodb ARGS="-k make token"\n```', ["test"]),
        ("    `make STORE=sqlite test`", ["test"]),
        ("We make sure of it.", []),
        ("`make` alone", []),
        ("```\nmake services-stop # always\n```", ["services-stop"]),
    ],
)
def test_targets_are_read_from_code_and_not_from_prose(text: str, expected: list[str]) -> None:
    assert named_targets(text) == expected


def test_targets_of_a_makefile_are_its_rules_and_not_its_variables() -> None:
    assert parse_targets("BIN := x\nname:= y\ntest: $(BIN) ## Run\n\t@echo made: this\n.PHONY: a\n") == {"test"}


def test_a_link_is_looked_up_from_the_page_it_is_on(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "there.md").touch()
    text = "[a](there.md#part) [b](../docs/there.md) [c](https://example.org/gone) [d](#below) [e](gone.md)"
    assert dead_links(tmp_path / "docs" / "page.md", text) == ["gone.md"]


def test_faults_name_the_page(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("test: ## Run\n")
    (tmp_path / "README.md").write_text("`make test` and `make tset`, see [here](nowhere/)\n")
    assert [fault.partition(":")[0] for fault in find_faults(tmp_path)] == ["README.md", "README.md"]
    assert main(tmp_path) == 1


def test_a_page_without_fault_passes(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text("test: ## Run\n")
    (tmp_path / "README.md").write_text("`make test`, see [the rules](Makefile)\n")
    assert main(tmp_path) == 0
