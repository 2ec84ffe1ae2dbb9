import pytest

from bench.dataplane.figures import HEADING, NOISE, Measure, Run, median_of, ratio, table


def run(rate: float, *, p99_ms: float = 1.0, strangers: float = 0.0, failed: int = 0) -> Run:
    return Run(
        requests_per_s=rate,
        p50_ms=p99_ms / 2,
        p99_ms=p99_ms,
        cpu_us=100.0,
        service_us=20.0,
        load_us=30.0,
        strangers=strangers,
        failed=failed,
    )


def test_a_ratio_compares_runs_of_the_same_round_before_the_median() -> None:
    # The machine was twice as slow in the second round: the ratio of medians would be 2.0, 1.5 or anything.
    rounds = {"a": [run(300), run(100), run(800)], "b": [run(100), run(50), run(200)]}
    assert ratio(rounds, "a", "b") == 3.0


def test_a_ratio_of_latencies_is_above_one_when_the_candidate_is_slower() -> None:
    rounds = {"a": [run(1, p99_ms=6.0)], "b": [run(1, p99_ms=4.0)]}
    assert ratio(rounds, "a", "b", Measure.P99) == 1.5


def test_rounds_that_do_not_pair_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="argument 2"):
        ratio({"a": [run(1)], "b": [run(1), run(2)]}, "a", "b")


def test_the_median_is_of_one_member() -> None:
    assert median_of([run(5), run(1), run(3)], "requests_per_s") == 3


@pytest.mark.parametrize(("strangers", "expected"), [(0.0, True), (NOISE, True), (NOISE + 0.01, False)])
def test_a_run_is_quiet_up_to_the_limit(strangers: float, expected: bool) -> None:
    assert run(1, strangers=strangers).is_quiet is expected


def test_the_table_has_a_line_for_each_candidate_and_counts_failures() -> None:
    heading, first, second = table({"b": [run(100)], "a": [run(250, failed=3), run(250, failed=4)][:1]}, "b")
    assert heading == HEADING
    assert first.split()[:6] == ["b", "100", "100", "100", "1.00", "1.00"]
    assert second.split()[4] == "2.50"
    assert second.split()[-1] == "3"
