from enum import StrEnum

import pytest

from register.errors import Faults
from register.http.filters import (
    NOTHING,
    AnyName,
    Exact,
    Filter,
    Identified,
    OnDay,
    OneOf,
    Part,
    Related,
    YesNo,
    identified,
)
from storage.documents import AnyElement, Condition, Contains, Eq, In, Range

UUID = "1a2b3c4d-0000-4000-8000-0123456789ab"


class Kleur(StrEnum):
    ROOD = "rood"
    BLAUW = "blauw"


def index(kind: str, value: str) -> str:
    return f"#{value}"


def conditions(each: Filter, **given: str) -> tuple[tuple[Condition, ...], list[str]]:
    faults = Faults()
    return each.conditions(given, index, faults), [param.code for param in faults.params]


@pytest.mark.parametrize(
    ("each", "given", "expected"),
    [
        (Exact("a", "f"), {"a": "x"}, (Eq("f", "x"),)),
        (Part("a", "f"), {"a": "x"}, (Contains("f", "x"),)),
        (OneOf("a", "f", Kleur), {"a": "rood"}, (Eq("f", "rood"),)),
        (YesNo("a", "f"), {"a": "True"}, (Eq("f", True),)),
        (YesNo("a", "f"), {"a": "0"}, (Eq("f", False),)),
        (YesNo("a", "f", presence=True), {"a": "true"}, (Range("f"),)),
        (YesNo("a", "f", presence=True), {"a": "false"}, (Eq("f", None),)),
        (OnDay("a", "f"), {"a": "2024-01-01"}, (Eq("f", "2024-01-01"),)),
        (OnDay("a", "f"), {"a__gte": "2024-01-01", "a__lt": "2025-01-01"},
         (Range("f", gte="2024-01-01"), Range("f", lt="2025-01-01"))),
        (Related("a", "f"), {"a__uuid": UUID.upper()}, (Eq("f", UUID),)),
        (Related("a", "f"), {"a__url": f"https://elsewhere.test/x/{UUID}"}, (Eq("f", UUID),)),
        (Related("a", "f"), {"a__url": f"https://elsewhere.test/x/{UUID}/"}, (NOTHING,)),
        (Related("a", "f"), {"a__uuid": "x"}, (NOTHING,)),
        (AnyName("a", "f"), {"a": "x, y,"}, (In("f", ("x", "y")),)),
        (AnyName("a", "f"), {"a": " , "}, ()),
    ],
)  # fmt: skip
def test_a_parameter_becomes_conditions(each: Filter, given: dict[str, str], expected: tuple[Condition, ...]) -> None:
    assert conditions(each, **given) == (expected, [])


ALL: list[Filter] = [
    *(Exact("a", "f"), Part("a", "f"), OneOf("a", "f", Kleur), YesNo("a", "f"), OnDay("a", "f")),
    *(Related("a", "f"), AnyName("a", "f"), identified("a", "f", parent_prefix="b")),
]


@pytest.mark.parametrize("each", ALL)
def test_a_parameter_that_is_absent_filters_nothing(each: Filter) -> None:
    assert conditions(each, other="x") == ((), [])


@pytest.mark.parametrize("each", ALL[:-1])
def test_an_empty_parameter_filters_nothing(each: Filter) -> None:
    assert conditions(each, **dict.fromkeys(each.parameters, "")) == ((), [])


@pytest.mark.parametrize(
    ("each", "code"),
    [(OneOf("a", "f", Kleur), "invalid_choice"), (YesNo("a", "f"), "invalid"), (OnDay("a", "f"), "invalid")],
)
def test_a_value_that_cannot_be_read_is_told(each: Filter, code: str) -> None:
    assert conditions(each, a="groen")[1] == [code]


PARTIJ = identified("p", "marks", parent_prefix="s")


def marks(each: Identified, **given: str) -> set[object]:
    (condition,), faults = conditions(each, **given)
    assert isinstance(condition, AnyElement)
    assert faults == []
    return set(condition.values)


def test_one_identificator_answers_all_of_a_question() -> None:
    assert marks(PARTIJ, p__objectId="1", p__codeSoortObjectId="bsn") == {"bsn=#1"}
    assert marks(PARTIJ, p__codeRegister="brp") == {"bsn"}
    assert marks(PARTIJ, p__objectId="1", p__codeRegister="hr") == {"rsin=#1", "kvk_nummer=#1", "vestigingsnummer=#1"}


def test_a_question_that_contradicts_itself_finds_nobody() -> None:
    assert marks(PARTIJ, p__objectId="1", p__codeSoortObjectId="bsn", p__codeRegister="hr") == set()
    assert marks(PARTIJ, p__codeRegister="nergens") == set()


def test_an_empty_value_finds_nobody_instead_of_everybody() -> None:
    assert marks(PARTIJ, p__objectId="", p__codeSoortObjectId="bsn") == {"bsn=#"}


def test_the_parent_is_asked_of_the_same_identificator() -> None:
    given = {"p__objectId": "1", "p__codeSoortObjectId": "vestigingsnummer", "s__codeSoortObjectId": "kvk_nummer"}
    assert marks(PARTIJ, **given, s__objectId="2") == {"vestigingsnummer=#1<kvk_nummer=#2"}
    assert len(marks(PARTIJ, s__objectId="2", s__codeSoortObjectId="kvk_nummer")) == 4


def test_what_may_be_a_bsn_is_known() -> None:
    assert PARTIJ.sensitive == {"p__objectId", "s__objectId"}
    assert PARTIJ.may_be_bsn({"p__objectId": "999990019"})
    assert not PARTIJ.may_be_bsn({"p__objectId": "999990019", "p__codeSoortObjectId": "rsin"})
    assert identified("p", "marks").sensitive == {"p__objectId"}


def test_parameters_are_described() -> None:
    assert set(OnDay("a", "f").parameters) == {"a", "a__gt", "a__gte", "a__lt", "a__lte"}
    assert OneOf("a", "f", Kleur).parameters["a"]["enum"] == ["rood", "blauw"]
    assert set(PARTIJ.parameters) == {
        f"{prefix}__{part}"
        for prefix in ("p", "s")
        for part in ("codeObjecttype", "codeRegister", "codeSoortObjectId", "objectId")
    }
