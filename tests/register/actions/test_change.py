from register.actions.change import Change, new_id
from register.errors import Faults
from register.model.adres import Adres

CURRENT = Adres(stad="Aadorp", land="NL")


def change(*, partial: bool, **given: object) -> Change:
    return Change(given, Faults(), partial, 1)


def test_a_group_is_merged_by_patch_and_replaced_by_put() -> None:
    given = {"bezoekadres": {"stad": "Beestad"}}
    assert change(partial=True, **given).group("bezoekadres", CURRENT, Adres) == Adres(stad="Beestad", land="NL")
    assert change(partial=False, **given).group("bezoekadres", CURRENT, Adres) == Adres(stad="Beestad")
    assert change(partial=True, **given).group("bezoekadres", None, Adres) == Adres(stad="Beestad")


def test_a_group_that_is_not_given_stays_and_null_removes_it() -> None:
    assert change(partial=False).group("bezoekadres", CURRENT, Adres) is CURRENT
    assert change(partial=True, bezoekadres=None).group("bezoekadres", CURRENT, Adres) is None


def test_only_what_was_given() -> None:
    assert change(partial=True, a=None, b=1).only("a", "c") == {"a": None}


def test_ids_are_fresh() -> None:
    assert len({new_id() for _ in range(100)}) == 100
