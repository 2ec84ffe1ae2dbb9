from uuid import UUID

import pytest

from register.errors import (
    ConcurrentChange,
    Faults,
    Fout,
    InvalidParam,
    MethodNotAllowed,
    ValidatieFout,
    does_not_exist,
    problem,
)

INSTANCE = UUID("11111111-2222-4333-8444-555555555555")


def every_fout() -> list[type[Fout]]:
    found, unseen = [], [Fout]
    while unseen:
        children = unseen.pop().__subclasses__()
        found.extend(children)
        unseen.extend(children)
    return found


def test_a_problem_has_the_members_of_the_standard() -> None:
    assert problem(ConcurrentChange(), INSTANCE) == {
        "type": "urn:problem-type:klantenregister:conflict",
        "code": "conflict",
        "title": "Gelijktijdige wijziging.",
        "status": 409,
        "detail": ConcurrentChange.detail,
        "instance": f"urn:uuid:{INSTANCE}",
    }


def test_a_validation_problem_tells_all_faults() -> None:
    params = [InvalidParam("a.0.b", "required", "R"), InvalidParam("c", "blank", "B")]
    told = problem(ValidatieFout(params), INSTANCE)
    assert told["status"] == 400
    assert told["invalidParams"] == [
        {"name": "a.0.b", "code": "required", "reason": "R"},
        {"name": "c", "code": "blank", "reason": "B"},
    ]


@pytest.mark.parametrize("kind", every_fout())
def test_each_problem_is_complete(kind: type[Fout]) -> None:
    assert 400 <= kind.status < 600
    assert kind.code
    assert kind.title
    assert kind.detail.endswith(".")


def test_codes_are_not_shared() -> None:
    codes = [each.code for each in every_fout()]
    assert len(codes) == len(set(codes))


def test_method_not_allowed_tells_what_is() -> None:
    assert MethodNotAllowed(("GET", "HEAD")).headers == {"Allow": "GET, HEAD"}


def test_faults_are_collected_under_a_prefix_and_raised_together() -> None:
    faults = Faults()
    faults.check()
    faults.add_all([does_not_exist("partij")], prefix="lijst.0.")
    faults.add("naam", "blank", "Leeg.")
    assert faults.has("lijst")
    assert faults.has("lijst.0.partij")
    assert not faults.has("lijst.0.par")
    assert not faults.has("na")
    with pytest.raises(ValidatieFout) as caught:
        faults.check()
    assert [(each.name, each.code) for each in caught.value.params] == [
        ("lijst.0.partij.uuid", "does_not_exist"),
        ("naam", "blank"),
    ]
