"""`klantenregister.figures`: the figures of several processes as those of one."""

import pickle

from klantenregister.figures import Figure, FigureKind, Merge, merged

SERVED = Figure("served", "Served.", FigureKind.COUNTER, 3, (("component", "inway"),), Merge.SUM)
CONTRACTS = Figure("contracts", "Contracts.", FigureKind.GAUGE, 5)


def other(figure: Figure, value: float, **labels: str) -> Figure:
    return Figure(figure.name, figure.help, figure.kind, value, tuple(labels.items()) or figure.labels, figure.merge)


def test_what_each_did_is_added_up_and_what_all_know_is_told_once() -> None:
    assert merged([SERVED, CONTRACTS], [other(SERVED, 4), other(CONTRACTS, 6)], [other(SERVED, 1)]) == (
        other(SERVED, 8),
        CONTRACTS,
    )


def test_other_labels_are_another_figure() -> None:
    outway = other(SERVED, 4, component="outway")
    assert merged([SERVED], [outway]) == (SERVED, outway)


def test_of_one_process_they_stay_as_they_are() -> None:
    assert merged([SERVED, CONTRACTS]) == (SERVED, CONTRACTS)
    assert merged() == ()


def test_they_cross_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(SERVED)) == SERVED
