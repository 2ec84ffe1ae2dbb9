import pytest

from bench.dataplane.extras import NAMES
from bench.dataplane.figures import Measure
from bench.dataplane.plan import CACHED, FIGURES, HAPROXY, INWAY, Setting, plan

PROMISED = {
    "inway_es256_pin", "inway_es256_free", "inway_rs512_pin", "inway_cached_haproxy_pin", "inway_log_pin",
    "inway_log_free", "inway_many_tokens_pin", "handshake_free", "body_1mib_pin", "upload_100kb_pin", "inway_p99_pin",
    "e2e_added_p50_ms", "cold_start_s", "idle_rss_mb",
}  # fmt: skip


def test_every_promised_figure_is_measured_once() -> None:
    assert {*FIGURES, *NAMES} >= PROMISED
    assert len(set(FIGURES)) == len(FIGURES)
    assert not set(FIGURES) & NAMES


def test_every_figure_compares_candidates_that_its_series_loads() -> None:
    for series in plan(None):
        assert {one for figure in series.figures for one in (figure.candidate, figure.reference)} <= {
            *series.candidates
        }


@pytest.mark.parametrize("name", FIGURES)
def test_one_figure_needs_one_series_with_two_candidates(name: str) -> None:
    (series,) = plan(frozenset({name}))
    assert [figure.name for figure in series.figures] == [name]
    assert len(series.candidates) == 2


def test_what_only_says_is_kept_in_the_order_of_the_series() -> None:
    (series,) = plan(frozenset({"inway_es256_pin", "inway_cached_haproxy_pin"}))
    assert series.candidates == [HAPROXY, CACHED, INWAY]


def test_nothing_wanted_is_nothing_planned() -> None:
    assert list(plan(frozenset())) == []


def test_the_figure_of_p99_compares_latency_not_rate() -> None:
    (series,) = plan(frozenset({"inway_p99_pin"}))
    assert [figure.measure for figure in series.figures] == [Measure.P99]


def test_only_the_free_setting_lets_candidates_use_both_cores() -> None:
    assert {setting: (setting.is_pinned, setting.workers) for setting in Setting} == {
        Setting.PIN: (True, 1),
        Setting.FREE: (False, 2),
        Setting.RSA_PIN: (True, 1),
    }
