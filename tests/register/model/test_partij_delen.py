import pytest

from register.model.partij_delen import CategorieRelatie, Vertegenwoordiging, check_periode, check_vertegenwoordiging


@pytest.mark.parametrize(
    ("begin", "eind", "faults"),
    [(None, None, 0), ("2026-01-01", None, 0), ("2026-01-01", "2026-01-01", 0), ("2026-01-02", "2026-01-01", 1)],
)
def test_a_period_does_not_end_before_it_begins(begin: str | None, eind: str | None, faults: int) -> None:
    assert len(list(check_periode(CategorieRelatie("u", 1, begin_datum=begin, eind_datum=eind)))) == faults


def test_nobody_acts_for_himself() -> None:
    assert list(check_vertegenwoordiging(Vertegenwoordiging("u", 1, "a", "b"))) == []
    assert [each.code for each in check_vertegenwoordiging(Vertegenwoordiging("u", 1, "a", "a"))] == ["invalid"]
