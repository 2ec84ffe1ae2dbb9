from pathlib import Path
from typing import Any

import pytest

from config.document import markdown
from config.schema import json_schema

ROOT = Path(__file__).parents[2]


def keys() -> list[str]:
    schema = json_schema()
    holders: list[dict[str, Any]] = [schema, *schema["$defs"].values()]
    return sorted({key for holder in holders for key in holder.get("properties", {})})


def test_the_reference_is_current() -> None:
    written = (ROOT / "docs/configuration.md").read_text()
    assert written == markdown(), "run: python -m config.document > docs/configuration.md"


@pytest.mark.parametrize("key", keys())
def test_the_reference_and_the_example_name_every_key(key: str) -> None:
    assert f"`{key}`" in markdown() or key.endswith("_file")
    example = (ROOT / "config/examples/klantenregister.yaml").read_text()
    assert f"{key}:" in example


def test_every_row_of_a_table_has_four_cells() -> None:
    rows = [line for line in markdown().splitlines() if line.startswith("|")]
    assert len(rows) > 80
    for row in rows:
        assert row.replace("\\|", "").count("|") == 5, row
