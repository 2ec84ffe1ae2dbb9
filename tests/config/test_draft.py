from pydantic import JsonValue

from config.draft import Draft


def test_values_are_replaced_without_touching_what_is_shared() -> None:
    shared: JsonValue = {"b": 1}
    draft = Draft({"x": [shared, shared]}, {})
    draft.replace(("x", 0, "b"), 2, "somewhere")
    assert draft.value == {"x": [{"b": 2}, {"b": 1}]}


def test_sections_on_the_way_are_made() -> None:
    draft = Draft({}, {})
    draft.replace(("listen", "console"), "x:1", "somewhere")
    assert draft.value == {"listen": {"console": "x:1"}}


def test_at_gives_none_for_what_is_not_there() -> None:
    draft = Draft({"a": [1]}, {})
    assert draft.at(("a", 0)) == 1
    assert draft.at(("a", 1)) is None
    assert draft.at(("a", "b")) is None
    assert draft.at(("b", 0)) is None


def test_remove_takes_away_one_key_if_it_is_there() -> None:
    draft = Draft({"a": {"b": 1, "c": 2}}, {})
    draft.remove(("a", "b"))
    draft.remove(("a", "nothing"))
    draft.remove(("nothing", "b"))
    assert draft.value == {"a": {"c": 2}}


def test_origin_is_that_of_the_nearest_thing_around() -> None:
    draft = Draft({"a": {"b": 1}}, {("a",): 3, ("a", "b"): 4})
    assert draft.origin_of(("a", "b")) == "line 4"
    assert draft.origin_of(("a", "missing")) == "line 3"
    assert draft.origin_of(("z",)) == ""


def test_a_replaced_whole_takes_the_origins_of_its_parts_with_it() -> None:
    draft = Draft({"a": {"b": 1}}, {("a",): 3, ("a", "b"): 4, ("c",): 5})
    draft.replace(("a",), {"b": 2}, "variable A")
    assert draft.origin_of(("a", "b")) == "variable A"
    assert draft.origin_of(("c",)) == "line 5"


def test_reports_carry_path_and_origin() -> None:
    draft = Draft({}, {("tenants", 0): 7})
    draft.report(("tenants", 0, "slug"), "is wrong")
    assert [str(problem) for problem in draft.problems] == ["tenants[0].slug: is wrong [line 7]"]
    assert draft.is_reported(("tenants", 0, "slug"))
    assert not draft.is_reported(("tenants", 0))
