from typing import Any

import pytest

from config.draft import Draft
from config.environment import overlay
from config.settings import Settings


def overlaid(value: Any, **environ: str) -> Draft:
    draft = Draft(value, {})
    overlay(draft, Settings, environ)
    return draft


def test_scalars_are_text_and_wholes_are_json() -> None:
    draft = overlaid(
        {"group": {"id": "old", "token_ttl_seconds": 600}},
        KR_GROUP__ID="007",
        KR_GROUP__TRUST_ANCHORS='["a.pem"]',
        KR_LISTEN='{"console": "127.0.0.1:1"}',
        KR_LISTEN__METRICS="127.0.0.1:2",
    )
    assert draft.problems == []
    assert draft.value == {
        "group": {"id": "007", "token_ttl_seconds": 600, "trust_anchors": ["a.pem"]},
        "listen": {"console": "127.0.0.1:1", "metrics": "127.0.0.1:2"},
    }
    assert draft.origin_of(("group", "id")) == "environment variable KR_GROUP__ID"


def test_other_variables_are_left_alone() -> None:
    assert overlaid({}, PATH="/bin", kr_storage="x", KRX="1").value == {}


def test_an_item_of_a_list_is_named_by_its_position() -> None:
    file = {"tenants": [{"name": "a"}, {"name": "b", "applications": [{"id": "x"}], "rsin": ["1", "2"]}]}
    draft = overlaid(
        file, KR_TENANTS__1__NAME="c", KR_TENANTS__1__APPLICATIONS__0__TOKEN="t", KR_TENANTS__1__RSIN__1="3"
    )
    assert draft.problems == []
    assert draft.at(("tenants", 0)) == {"name": "a"}
    assert draft.at(("tenants", 1)) == {"name": "c", "applications": [{"id": "x", "token": "t"}], "rsin": ["1", "3"]}


def test_a_whole_is_applied_before_its_parts() -> None:
    draft = overlaid({}, KR_TENANTS__0__NAME="b", KR_TENANTS='[{"name": "a", "slug": "s"}]')
    assert draft.value == {"tenants": [{"name": "b", "slug": "s"}]}


@pytest.mark.parametrize(
    ("variable", "text", "message"),
    [
        ("KR_STORGE", "x", 'this variable is no setting: did you mean "KR_STORAGE"?'),
        ("KR_GROUP__IDD", "x", 'did you mean "KR_GROUP__ID"?'),
        ("KR_LISTEN__CONSOL", "x", 'did you mean "KR_LISTEN__CONSOLE"?'),
        ("KR_STORAGE__X", "x", "this variable is no setting"),
        ("KR_", "x", "this variable is no setting"),
        ("KR_GROUP__", "x", "this variable is no setting"),
        ("KR_group__id", "x", "this variable is no setting"),
        ("KR_TENANTS__1__NAME", "x", "named by its position, from 0, and there are 1 in the list"),
        ("KR_TENANTS__9999999999999__NAME", "x", "named by its position"),
        ("KR_TENANTS__-1__NAME", "x", "named by its position"),
        ("KR_TENANTS__X__NAME", "x", "named by its position"),
        ("KR_TENANTS__0__SLUGG", "x", 'did you mean "KR_TENANTS__0__SLUG"?'),
        ("KR_TENANTS__0__RSIN__0", "x", "there are 0 in the list"),
        ("KR_TENANTS", "geheim", "not JSON: Expecting value at character 1"),
        ("KR_GROUP", '{"id": "a", "id": "b"}', "twice"),
    ],
)
def test_what_cannot_be_applied_is_a_problem(variable: str, text: str, message: str) -> None:
    draft = overlaid({"tenants": [{"name": "a"}]}, **{variable: text})
    assert draft.value == {"tenants": [{"name": "a"}]}
    [problem] = draft.problems
    assert problem.path == variable
    assert message in problem.message
    assert "geheim" not in str(problem)


def test_one_form_of_a_secret_in_the_environment_replaces_the_other_in_the_file() -> None:
    assert overlaid({"storage_file": "f"}, KR_STORAGE="memory:").value == {"storage": "memory:"}
    assert overlaid({"storage": "memory:"}, KR_STORAGE_FILE="f").value == {"storage_file": "f"}


def test_both_forms_in_the_environment_stay_both() -> None:
    draft = overlaid({}, KR_CACHE="memory:", KR_CACHE_FILE="f")
    assert draft.value == {"cache": "memory:", "cache_file": "f"}


def test_a_key_that_only_looks_like_a_file_form_replaces_nothing() -> None:
    draft = overlaid({"keys": {"master": "kept"}}, KR_KEYS__MASTER_FILE="m")
    assert draft.value == {"keys": {"master": "kept", "master_file": "m"}}
