from typing import Any

import pytest
from pydantic import ValidationError

from config.draft import Draft
from config.messages import report_errors
from config.settings import Settings
from tests.config.samples import document, tenant


def problems(value: Any) -> dict[str, str]:
    draft = Draft(value, {})
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate(value)
    report_errors(draft, Settings, refusal.value)
    assert len({problem.path for problem in draft.problems}) == len(draft.problems)
    return {problem.path: problem.message for problem in draft.problems}


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (document(storge="x"), "storge", 'unknown key: did you mean "storage"?'),
        (document(tenant(slugg="x")), "tenants[0].slugg", 'unknown key: did you mean "slug"?'),
        (document(group={"qqqqqq": 1}), "group.qqqqqq", "unknown key: use one of allow_any_port, "),
        (
            document(tenant(outway={"listen": "a:1", "x": {"y": 1}})),
            "tenants[0].outway.x",
            "unknown key: use one of listen",
        ),
        (
            document(tenant(peer_id=1823288444000)),
            "tenants[0].peer_id",
            "put it in quotes, so that leading zeros are kept",
        ),
        (document(tenant(peer_id=12)), "tenants[0].peer_id", "a Peer ID has 3 to 255 characters"),
        (document(tenant(name=True)), "tenants[0].name", "must be text"),
        (document(tenant(slug=["a"])), "tenants[0].slug", "must be text"),
        (document(storage=5), "storage", "must be text: put it in quotes"),
        (document(group={"token_ttl_seconds": "ten"}), "group.token_ttl_seconds", "must be a whole number"),
        (document(group={"token_ttl_seconds": True}), "group.token_ttl_seconds", "must be a whole number"),
        (document(group={"token_ttl_seconds": 1.5}), "group.token_ttl_seconds", "must be a whole number"),
        (document(group={"token_ttl_seconds": float("inf")}), "group.token_ttl_seconds", "must be a whole number"),
        (document(group={"token_ttl_seconds": 10**400}), "group.token_ttl_seconds", "must be"),
        (document(group={"token_ttl_seconds": 0}), "group.token_ttl_seconds", "must be at least 1"),
        (document(group={"token_ttl_seconds": 86401}), "group.token_ttl_seconds", "must be at most 86400"),
        (document(group={"allow_any_port": "maybe"}), "group.allow_any_port", "must be true or false"),
        (document(group={"allow_any_port": []}), "group.allow_any_port", "must be true or false"),
        (document(group={"trust_anchors": []}), "group.trust_anchors", "must have at least one item"),
        (document(group={"trust_anchors": "a.pem"}), "group.trust_anchors", "must be a list"),
        (document(group={"hash_profiles": ["fsc-3"]}), "group.hash_profiles[0]", "must be 'fsc-2.0'"),
        (document(group={"revocation": {"mode": "on"}}), "group.revocation.mode", "must be 'off', 'soft' or 'hard'"),
        (document(group={"revocation": "soft"}), "group.revocation", "must hold keys with values"),
        (
            document(tenant(connections=[{"name": "a", "service": 1}])),
            "tenants[0].connections[0].service",
            "must hold keys",
        ),
        (document(tenant(accept=[{"grants": [], "peers": ["*"]}])), "tenants[0].accept[0].grants", "at least one item"),
        ({"tenants": []}, "group", "is required: The Group"),
        (document(tenant(applications=[{"id": "x"}])), "tenants[0].applications[0].token", "here or as token_file"),
        (
            document(tenant(services=[{"name": "abc", "upstream": "http://a", "properties": {"a": {1, 2}}}])),
            "tenants[0].services[0].properties.a",
            "has a value that cannot stand here",
        ),
        (
            document(tenant(services=[{"name": "abc", "upstream": "http://a", "properties": []}])),
            "tenants[0].services[0].properties",
            "must hold keys with values",
        ),
    ],
)
def test_sentences(value: Any, path: str, message: str) -> None:
    found = problems(value)
    assert list(found) == [path]
    assert message in found[path]


def test_a_list_of_only_bad_items_is_not_called_empty_as_well() -> None:
    value = document(tenant(accept=[{"grants": ["service_conection"], "peers": ["*"]}]))
    assert list(problems(value)) == ["tenants[0].accept[0].grants[0]"]


def test_a_secret_whose_file_was_reported_is_not_reported_again() -> None:
    value = document(tenant(applications=[{"id": "x"}]))
    draft = Draft(value, {})
    draft.report(("tenants", 0, "applications", 0, "token_file"), "there is no such file")
    with pytest.raises(ValidationError) as refusal:
        Settings.model_validate(value)
    report_errors(draft, Settings, refusal.value)
    assert len(draft.problems) == 1


@pytest.mark.parametrize(
    "value",
    [
        document(storage="geheim://x"),
        document(cache="geheim"),
        document(tenant(applications=[{"id": "x", "token": "geheim woord"}])),
        document(tenant(applications=[{"id": "x", "token": ["geheim"]}])),
        document(tenant(applications=["geheim"])),
    ],
)
def test_secrets_are_not_repeated(value: Any) -> None:
    assert "geheim" not in str(problems(value))
