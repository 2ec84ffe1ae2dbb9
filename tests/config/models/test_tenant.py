import pytest
from pydantic import ValidationError

from certs.identity import PeerId
from config.models.tenant import ConnectionSettings, ServicePeerSettings, TenantSettings
from tests.config.samples import tenant

PEER = PeerId("00000001950428139000")


def test_service_peers() -> None:
    entry = ServicePeerSettings.model_validate({"peer_ids": [PEER], "scopes": ["bsn.zoeken"]})
    assert entry.covers(PEER)
    assert not entry.covers(PeerId("00000000000000000010"))
    assert ServicePeerSettings.model_validate({"peer_ids": ["*"]}).covers(PEER)


@pytest.mark.parametrize("name", ["BRP", "b.r.p", "", "a" * 64])
def test_a_connection_name_is_a_label_of_a_host_name(name: str) -> None:
    with pytest.raises(ValidationError, match="1 to 63 lower-case"):
        ConnectionSettings.model_validate({"name": name, "service": {"peer_id": PEER, "name": "brp"}})


def test_additional_claims_are_asked_at_a_base_url() -> None:
    settings = TenantSettings.model_validate(tenant(additional_claims={"url": "http://127.0.0.1:9/claims/"}))
    assert settings.additional_claims is not None
    assert (str(settings.additional_claims.url), settings.additional_claims.timeout_seconds) == (
        "http://127.0.0.1:9/claims",
        5,
    )
    assert TenantSettings.model_validate(tenant()).additional_claims is None


@pytest.mark.parametrize("key", ["peer_id", "name", "slug", "certificates", "manager_address", "inway_address"])
def test_required_keys(key: str) -> None:
    value = tenant()
    del value[key]
    with pytest.raises(ValidationError, match=f"{key}\n  Field required"):
        TenantSettings.model_validate(value)
