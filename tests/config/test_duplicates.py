from typing import Any

from config.draft import Draft
from config.duplicates import report_duplicates


def problems(value: Any) -> list[str]:
    draft = Draft(value, {})
    report_duplicates(draft)
    return [str(problem) for problem in draft.problems]


def test_every_name_that_must_be_unique_is() -> None:
    tenant = {
        "slug": "a",
        "peer_id": "111",
        "services": [{"name": "s"}, {"name": "t"}, {"name": "s"}],
        "connections": [{"name": "c"}, {"name": "c"}],
        "applications": [{"id": "x"}, {"id": "x"}],
    }
    file = {
        "group": {"directories": [{"peer_id": "1"}, {"peer_id": "1"}]},
        "tenants": [tenant, {**tenant, "slug": "b"}],
    }
    paths = [line.partition(":")[0] for line in problems(file)]
    assert paths == [
        "tenants[1].peer_id",
        "group.directories[1].peer_id",
        "tenants[0].services[2].name",
        "tenants[0].connections[1].name",
        "tenants[0].applications[1].id",
        "tenants[1].services[2].name",
        "tenants[1].connections[1].name",
        "tenants[1].applications[1].id",
    ]


def test_the_message_names_the_first_one() -> None:
    found = problems({"tenants": [{"slug": "a"}, {"slug": "b"}, {"slug": "a"}]})
    assert found == ["tenants[2].slug: is the same as tenants[0].slug: each must be different"]


def test_the_same_name_in_two_tenants_is_fine() -> None:
    assert problems({"tenants": [{"services": [{"name": "s"}]}, {"services": [{"name": "s"}]}]}) == []


def test_values_of_a_wrong_kind_are_left_to_the_models() -> None:
    assert problems({"tenants": [{"slug": 1}, {"slug": 1}, None, "x", {"slug": []}, {"slug": []}]}) == []
    assert problems({"tenants": {"slug": "a"}, "group": []}) == []
    assert problems([]) == []
