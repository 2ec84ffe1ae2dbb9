from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from certs.identity import PeerId
from config.models.acceptance import AcceptRule
from tests.config.samples import document, load, tenant

PEER = PeerId("00000001950428139000")
OTHER = PeerId("00000000000000000010")
RULE: dict[str, Any] = {"grants": ["service_connection"], "peers": [PEER]}
PDP = {"url": "https://pdp.example.test/access/v1/evaluation"}


def test_a_rule_is_about_the_peers_it_lists_or_about_all() -> None:
    rule = AcceptRule.model_validate(RULE)
    assert rule.names_peer(PEER)
    assert not rule.names_peer(OTHER)
    assert AcceptRule.model_validate({**RULE, "peers": ["*"]}).names_peer(PEER)


def test_what_a_rule_does_not_say_is_not_looked_at() -> None:
    rule = AcceptRule.model_validate(RULE)
    assert (rule.services, rule.max_days, rule.delegators, rule.identification) == (None, None, None, None)
    assert (dict(rule.properties), rule.other_properties, rule.pdp, rule.reason) == ({}, True, None, None)
    assert rule.action == "accept"
    assert rule.names_delegator(OTHER)


def test_delegators_are_listed_or_any_or_none() -> None:
    def names(*delegators: str) -> bool:
        return AcceptRule.model_validate({**RULE, "delegators": delegators}).names_delegator(PEER)

    assert names(PEER)
    assert names("*")
    assert not names(OTHER)
    assert not names()


@pytest.mark.parametrize("key", [key for key in AcceptRule.model_fields if key != "grants"])
def test_an_empty_key_never_widens_a_rule(key: str) -> None:
    with pytest.raises(ValidationError, match=f"has no value for {key}"):
        AcceptRule.model_validate({**RULE, key: None})


@pytest.mark.parametrize(
    "change",
    [
        {"services": []},
        {"peers": []},
        {"grants": []},
        {"identification": []},
        {"identification": ["thumbprint"]},
        {"max_days": 0},
        {"action": "ask"},
        {"properties": []},
        {"properties": {"a": 2**53}},
        {"other_properties": "none"},
        {"reason": ""},
        {"reason": "two\nlines"},
        {"reason": "a" * 501},
        {"pdp": {}},
        {"pdp": {"url": "pdp.example.test"}},
        {"pdp": {"url": "ftp://pdp.example.test"}},
        {"pdp": {"url": "https://user:pw@pdp.example.test/x"}},
        {"pdp": {**PDP, "timeout_seconds": 0}},
        {"pdp": {**PDP, "token": "two words"}},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AcceptRule.model_validate({**RULE, **change})


def test_the_token_of_a_policy_decision_point_may_be_in_a_file_and_is_not_shown(tmp_path: Path) -> None:
    (tmp_path / "pdp.token").write_text("s3cret\n")
    rules = [{**RULE, "pdp": {**PDP, "token_file": "pdp.token"}}, {**RULE, "pdp": PDP}]
    first, second = load(tmp_path, document(tenant(accept=rules))).tenants[0].accept
    assert first.pdp is not None
    assert second.pdp is not None
    assert (first.pdp.token.get_secret_value(), second.pdp.token.get_secret_value()) == ("s3cret", "")
    assert (str(second.pdp.url), second.pdp.timeout_seconds) == (PDP["url"], 5)
    assert "s3cret" not in repr(first)
