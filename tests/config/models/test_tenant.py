from typing import Any

import pytest
from pydantic import ValidationError

from certs.identity import PeerId
from config.models.tenant import AcceptRule, ConnectionSettings, ServicePeerSettings, TenantSettings
from tests.config.samples import tenant

PEER = PeerId("00000001950428139000")
RULE: dict[str, Any] = {"grants": ["service_connection"], "peers": [PEER]}


def test_a_rule_is_about_the_peers_it_lists_or_about_all() -> None:
    rule = AcceptRule.model_validate(RULE)
    assert rule.names_peer(PEER)
    assert not rule.names_peer(PeerId("00000000000000000010"))
    assert AcceptRule.model_validate({**RULE, "peers": ["*"]}).names_peer(PEER)
    assert (rule.services, rule.max_days, rule.action) == (None, None, "accept")


@pytest.mark.parametrize("key", ["services", "max_days", "peers", "action"])
def test_an_empty_key_never_widens_a_rule(key: str) -> None:
    with pytest.raises(ValidationError, match=f"has no value for {key}"):
        AcceptRule.model_validate({**RULE, key: None})


@pytest.mark.parametrize(
    "change", [{"services": []}, {"peers": []}, {"grants": []}, {"max_days": 0}, {"action": "ask"}]
)
def test_a_rule_that_says_nothing_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        AcceptRule.model_validate({**RULE, **change})


def test_service_peers() -> None:
    entry = ServicePeerSettings.model_validate({"peer_ids": [PEER], "scopes": ["bsn.zoeken"]})
    assert entry.covers(PEER)
    assert not entry.covers(PeerId("00000000000000000010"))
    assert ServicePeerSettings.model_validate({"peer_ids": ["*"]}).covers(PEER)


@pytest.mark.parametrize("name", ["BRP", "b.r.p", "", "a" * 64])
def test_a_connection_name_is_a_label_of_a_host_name(name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 63 lower-case"):
        ConnectionSettings.model_validate({"name": name, "service": {"peer_id": PEER, "name": "brp"}})


@pytest.mark.parametrize("key", ["peer_id", "name", "slug", "certificates", "manager_address", "inway_address"])
def test_required_keys(key: str) -> None:
    value = tenant()
    del value[key]
    with pytest.raises(ValidationError, match=f"{key}\n  Field required"):
        TenantSettings.model_validate(value)
