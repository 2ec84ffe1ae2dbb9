import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.spec_coverage import SCENARIOS, main, marked_ids, report

ROOT = Path(__file__).parents[2]


def _prepare(root: Path, scenarios: dict[str, str], test: str) -> None:
    (root / SCENARIOS).parent.mkdir(parents=True)
    (root / SCENARIOS).write_text(json.dumps(scenarios))
    (root / "tests" / "test_it.py").write_text(test)


def test_ids_are_found_on_functions_classes_modules_and_parameters() -> None:
    source = """
import pytest
pytestmark = pytest.mark.fsc("A-1")
@pytest.mark.fsc("A-2")
class TestIt:
    @pytest.mark.parametrize("x", [
        pytest.param(1, marks=pytest.mark.fsc("A-3")),
        pytest.param(2, marks=[pytest.mark.fsc("A-4", "A-5")]),
    ])
    @pytest.mark.service("redis")
    async def test_it(self, x): ...
"""
    assert sorted(marked_ids(source)) == ["A-1", "A-2", "A-3", "A-4", "A-5"]


def test_an_id_that_is_computed_cannot_be_read_and_is_given_as_written() -> None:
    assert list(marked_ids('import pytest\npytestmark = pytest.mark.fsc(f"A-{n}")\n')) == ["f'A-{n}'"]


def test_the_report_lists_what_is_missing_and_counts_by_role() -> None:
    lines = list(report({"Inway-1": "accepted", "Inway-2": "refused", "Outway-1": "sent"}, Counter({"Inway-1": 2})))
    assert lines == [
        "not played: Inway-2: refused",
        "not played: Outway-1: sent",
        "Inway: 1 of 2",
        "Outway: 0 of 1",
        "all: 1 of 3 scenarios played by 2 marks",
    ]


def test_what_is_missing_is_no_failure(tmp_path: Path) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "")
    assert main(tmp_path) == 0


def test_a_mark_of_no_scenario_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "import pytest\npytestmark = pytest.mark.fsc('Inway-11')\n")
    assert main(tmp_path) == 1
    assert "tests/test_it.py: there is no scenario Inway-11" in capsys.readouterr().out


def test_the_list_has_all_scenarios_of_the_official_suite() -> None:
    names = Counter(name.partition("-")[0] for name in json.loads((ROOT / SCENARIOS).read_text()))
    assert names == {"Manager": 57, "Inway": 13, "Outway": 8, "Integration": 6}
