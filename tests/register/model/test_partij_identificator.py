from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.model.partij_identificator import (
    Identificatie,
    IdentificatorVraag,
    PartijIdentificator,
    Soort,
    check_codes,
    check_object_id,
    check_parent,
    search_marks,
    unique_key,
    with_kenmerken,
)


def index(kind: str, value: str) -> str:
    return f"#{kind}:{value}#"


def one(soort: Soort, value: str, uuid: str = "1", parent: str | None = None) -> PartijIdentificator:
    return PartijIdentificator(uuid, 1, Identificatie(soort, value), parent=parent)


def test_the_value_is_in_no_repr() -> None:
    marked = with_kenmerken(one(Soort.BSN, "999990019"), None, index)
    assert "999990019" not in repr(marked)
    assert "999990019" not in repr(IdentificatorVraag(object_id="999990019"))


@pytest.mark.parametrize(
    ("register", "objecttype", "soort", "names"),
    [
        ("brp", "natuurlijk_persoon", "bsn", []),
        ("hr", "niet_natuurlijk_persoon", "rsin", []),
        ("hr", "niet_natuurlijk_persoon", "kvk_nummer", []),
        ("hr", "vestiging", "vestigingsnummer", []),
        ("brp", "niet_natuurlijk_persoon", "bsn", ["codeObjecttype"]),
        ("brp", "natuurlijk_persoon", "kvk_nummer", ["codeSoortObjectId"]),
        ("hr", "vestiging", "kvk_nummer", ["codeSoortObjectId"]),
        ("hr", "natuurlijk_persoon", "bsn", ["codeObjecttype"]),
    ],
)
def test_the_combination_table(register: str, objecttype: str, soort: str, names: list[str]) -> None:
    assert [each.name for each in check_codes(register, objecttype, soort)] == names


def test_exactly_four_combinations_are_good() -> None:
    good = [
        combination
        for combination in product(("brp", "hr"), ("natuurlijk_persoon", "niet_natuurlijk_persoon", "vestiging"), Soort)
        if not list(check_codes(*combination))
    ]
    assert len(good) == 4


@pytest.mark.parametrize(
    ("soort", "value", "code"),
    [
        (Soort.BSN, "999990019", None),
        (Soort.BSN, "123456789", "invalid"),
        (Soort.BSN, "000000000", "invalid"),
        (Soort.BSN, "12345678", "invalid-length"),
        (Soort.BSN, "99999001a", "only-digits"),
        (Soort.RSIN, "823288444", None),
        (Soort.RSIN, "823288445", "invalid"),
        (Soort.KVK_NUMMER, "12345678", None),
        (Soort.KVK_NUMMER, "123456789", "invalid-length"),
        (Soort.VESTIGINGSNUMMER, "000012345678", None),
        (Soort.VESTIGINGSNUMMER, "1", "invalid-length"),
    ],
)
def test_values(soort: Soort, value: str, code: str | None) -> None:
    faults = list(check_object_id(Identificatie(soort, value)))
    assert [each.code for each in faults] == ([code] if code else [])
    assert all(value not in each.reason for each in faults if len(value) > 2)


def test_an_establishment_falls_under_a_kvk_number() -> None:
    vestiging, kvk, bsn = one(Soort.VESTIGINGSNUMMER, "1"), one(Soort.KVK_NUMMER, "2", "2"), one(Soort.BSN, "3", "3")
    assert list(check_parent(vestiging.identificatie, "1", None))
    assert list(check_parent(vestiging.identificatie, "1", bsn))
    assert not list(check_parent(vestiging.identificatie, "1", kvk))
    assert not list(check_parent(bsn.identificatie, "3", None))


def test_nothing_falls_under_itself_or_two_levels_deep() -> None:
    kvk = one(Soort.KVK_NUMMER, "2", "2")
    assert list(check_parent(kvk.identificatie, "2", kvk))
    assert list(check_parent(kvk.identificatie, "9", replace(kvk, parent="7")))


def test_the_unique_key_lies_within_the_parent() -> None:
    mine = one(Soort.BSN, "999990019")
    assert unique_key(mine, index) == unique_key(replace(mine, uuid="2", partij="p"), index)
    assert unique_key(mine, index) != unique_key(replace(mine, parent="2"), index)
    assert unique_key(mine, index) != unique_key(one(Soort.RSIN, "999990019"), index)


def test_only_what_can_be_a_bsn_is_a_lookup_by_bsn() -> None:
    assert IdentificatorVraag({"codeSoortObjectId": "bsn"}, "12").may_be_bsn()
    assert IdentificatorVraag({"codeRegister": "brp"}, "12").may_be_bsn()
    assert IdentificatorVraag({}, "123456782").may_be_bsn()
    assert not IdentificatorVraag({}, "12345678").may_be_bsn()
    assert not IdentificatorVraag({"codeRegister": "hr"}, "823288444").may_be_bsn()
    assert not IdentificatorVraag({"codeSoortObjectId": "bsn"}).may_be_bsn()
    assert not IdentificatorVraag({"codeRegister": "hr", "codeSoortObjectId": "bsn"}, "1").may_be_bsn()


_CODES = {
    "codeRegister": ("brp", "hr", "nergens"),
    "codeObjecttype": ("natuurlijk_persoon", "niet_natuurlijk_persoon", "vestiging"),
    "codeSoortObjectId": tuple(each.value for each in Soort),
}
_questions = st.builds(
    IdentificatorVraag,
    st.fixed_dictionaries({}, optional={name: st.sampled_from(values) for name, values in _CODES.items()}),
    st.none() | st.sampled_from(["1", "2"]),
)
_identificatoren = st.builds(one, st.sampled_from(Soort), st.sampled_from(["1", "2"]))


def answers(question: IdentificatorVraag, candidate: PartijIdentificator) -> bool:
    known = candidate.identificatie
    codes = {
        "codeRegister": known.code_register,
        "codeObjecttype": known.code_objecttype,
        "codeSoortObjectId": known.soort.value,
    }
    same_codes = all(codes[name] == code for name, code in question.codes.items())
    return same_codes and question.object_id in (None, known.object_id)


@given(_questions, _questions, _identificatoren, st.none() | _identificatoren)
def test_marks_find_what_a_plain_comparison_finds(
    own: IdentificatorVraag,
    above: IdentificatorVraag,
    candidate: PartijIdentificator,
    parent: PartijIdentificator | None,
) -> None:
    marked = with_kenmerken(candidate, parent, index)
    wanted = answers(own, candidate) and (not above or (parent is not None and answers(above, parent)))
    assert bool(set(search_marks(own, above, index)) & set(marked.kenmerken)) == wanted
