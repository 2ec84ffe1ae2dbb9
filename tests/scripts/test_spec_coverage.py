import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.spec_coverage import (
    PAGE,
    README,
    SCENARIOS,
    SUITE,
    Mark,
    find_faults,
    find_marks,
    find_stale,
    main,
    parse_marks,
    render_page,
    render_section,
    summary,
)

ROOT = Path(__file__).parents[2]
SUITE_FILE = SUITE / "test_inway.py"
SCENARIO = {"Inway-Request-1": "accepted", "Inway-Request-2": "refused", "Outway-Log-1": "sent"}
PLAYED = [Mark("Inway-Request-1", SUITE_FILE, "test_a"), Mark("Inway-Request-1", SUITE_FILE, "test_b")]


def _prepare(root: Path, scenarios: dict[str, str], test: str, file: Path = SUITE_FILE) -> None:
    for place in (root / SCENARIOS, root / file, root / PAGE):
        place.parent.mkdir(parents=True, exist_ok=True)
    (root / SCENARIOS).write_text(json.dumps(scenarios))
    (root / file).write_text(f"import pytest\n{test}")


def test_marks_are_found_with_the_test_that_carries_them() -> None:
    source = """
import pytest
pytestmark = pytest.mark.fsc("A-1")
@pytest.mark.fsc("A-2")
@pytest.mark.parametrize("x", [
    pytest.param(1, marks=pytest.mark.fsc("A-3")),
    pytest.param(2, marks=[pytest.mark.fsc("A-4", "A-5")]),
])
@pytest.mark.service("redis")
async def test_it(x): ...
"""
    found = {mark.scenario: mark.test for mark in parse_marks(source, SUITE_FILE)}
    assert found == {"A-1": "", "A-2": "test_it", "A-3": "test_it", "A-4": "test_it", "A-5": "test_it"}


def test_an_id_that_is_computed_cannot_be_read_and_is_given_as_written() -> None:
    source = 'import pytest\npytestmark = pytest.mark.fsc(f"A-{n}")\n'
    assert [mark.scenario for mark in parse_marks(source, SUITE_FILE)] == ["f'A-{n}'"]


@pytest.mark.parametrize(
    ("mark", "counts"),
    [
        (Mark("A-1", SUITE_FILE, "test_it"), True),
        (Mark("A-1", Path("tests/gateway/test_it.py"), "test_it"), False),
        (Mark("A-1", SUITE_FILE, ""), False),
    ],
)
def test_only_a_test_of_the_suite_counts(mark: Mark, counts: bool) -> None:
    assert mark.is_official is counts
    assert list(find_faults({"A-1": "accepted"}, [mark])) == ([] if counts else ["not played: A-1: accepted"])


def test_what_is_not_played_or_does_not_exist_is_a_fault() -> None:
    elsewhere = Path("tests/e2e/test_it.py")
    assert list(find_faults(SCENARIO, [*PLAYED, Mark("Inway-Request-9", elsewhere, "test_c")])) == [
        "not played: Inway-Request-2: refused",
        "not played: Outway-Log-1: sent",
        "tests/e2e/test_it.py: there is no scenario Inway-Request-9",
    ]


def test_the_summary_counts_a_scenario_once_however_many_tests_play_it() -> None:
    assert summary(SCENARIO, PLAYED) == "Inway 1 of 2, Outway 0 of 1"


def test_the_page_has_a_row_for_each_scenario_with_its_tests() -> None:
    rows = [line for line in render_page(SCENARIO, PLAYED).splitlines() if line.startswith(("| Inway", "| Outway"))]
    link = "(../tests/suite/test_inway.py)"
    assert rows == [
        f"| Inway-Request-1 | accepted | [test_a]{link}<br>[test_b]{link} |",
        "| Inway-Request-2 | refused | none |",
        "| Outway-Log-1 | sent | none |",
    ]


def test_the_section_of_the_readme_lists_every_id_that_is_played() -> None:
    rows = [line for line in render_section(SCENARIO, PLAYED).splitlines() if line.startswith(("| Inway", "| Outway"))]
    assert rows == ["| Inway-Request (1 of 2) | Inway-Request-1 |", "| Outway-Log (0 of 1) |  |"]


def test_all_is_well_once_every_scenario_is_played_and_the_page_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "@pytest.mark.fsc('Inway-1')\ndef test_it(): ...\n")

    assert main(tmp_path, []) == 1
    assert "docs/conformance.md is not what the tests say" in capsys.readouterr().out
    assert main(tmp_path, ["--write"]) == main(tmp_path, []) == 0
    assert "| Inway-1 | accepted | [test_it]" in (tmp_path / PAGE).read_text()
    assert "official FSC scenarios with a test: Inway 1 of 1" in capsys.readouterr().out


def test_what_is_missing_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "")
    assert main(tmp_path, ["--write"]) == 1
    assert "not played: Inway-1: accepted" in capsys.readouterr().out


def test_a_mark_of_no_scenario_is_a_failure_wherever_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _prepare(tmp_path, {}, "pytestmark = pytest.mark.fsc('Inway-11')\n", Path("tests/test_it.py"))
    assert main(tmp_path, ["--write"]) == 1
    assert "tests/test_it.py: there is no scenario Inway-11" in capsys.readouterr().out


def test_only_the_section_of_the_readme_is_written_and_then_checked(tmp_path: Path) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "@pytest.mark.fsc('Inway-1')\ndef test_it(): ...\n")
    around = ("# Title\n<!-- conformance -->\n", "<!-- /conformance -->\nmore\n")
    (tmp_path / README).write_text("old\n".join(around))

    assert main(tmp_path, ["--write"]) == 1
    assert main(tmp_path, ["--readme"]) == 0

    scenarios, marks = {"Inway-1": "accepted"}, find_marks(tmp_path)
    assert (tmp_path / README).read_text() == render_section(scenarios, marks).join(around)
    assert list(find_stale(tmp_path, scenarios, marks)) == []


def test_a_readme_without_the_section_is_left_alone(tmp_path: Path) -> None:
    _prepare(tmp_path, {"Inway-1": "accepted"}, "@pytest.mark.fsc('Inway-1')\ndef test_it(): ...\n")
    (tmp_path / README).write_text("# Title\n")
    assert main(tmp_path, ["--write", "--readme"]) == 0
    assert (tmp_path / README).read_text() == "# Title\n"


def test_the_list_has_all_scenarios_of_the_official_suite() -> None:
    names = Counter(name.partition("-")[0] for name in json.loads((ROOT / SCENARIOS).read_text()))
    assert names == {"Manager": 57, "Inway": 13, "Outway": 8, "Integration": 6}


def test_every_official_scenario_is_played_and_the_table_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(ROOT, []) == 0, capsys.readouterr().out
