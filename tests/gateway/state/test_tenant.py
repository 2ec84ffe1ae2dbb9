"""A tenant as the gateway uses it."""

import pytest

from certs.errors import CertsError
from config.settings import TenantSettings
from gateway.fsc.profile import HashProfile
from gateway.state.tenant import NoValidCertificate, build_tenant
from tests.gateway.harness import DAY_S, PROVIDER, authority, key_pair, make_group, make_tenant


@pytest.mark.parametrize(
    ("profiles", "version"),
    [
        ((HashProfile.FSC_2_0,), "2.0.0"),
        ((HashProfile.FSC_1_1,), "1.0.0"),
        ((HashProfile.FSC_1_1, HashProfile.FSC_2_0), "1.0.0"),
        ((HashProfile.FSC_2_0, HashProfile.FSC_1_1), "2.0.0"),
    ],
)
def test_the_first_profile_tells_the_version_we_speak(profiles: tuple[HashProfile, ...], version: str) -> None:
    assert make_group(hash_profiles=profiles).fsc_version == version


def test_the_newest_certificate_that_is_valid_signs() -> None:
    now = authority().now
    old, new = key_pair(PROVIDER, days=10, not_before=now - DAY_S), key_pair(PROVIDER, days=5, not_before=now)
    coming = key_pair(PROVIDER, days=30, not_before=now + DAY_S)
    tenant = make_tenant(PROVIDER, key_pairs=(old, new, coming))
    assert tenant.signing_pair(now) is new
    assert tenant.signing_pair(now - 1) is old
    assert tenant.signing_pair(now + DAY_S) is coming


def test_without_a_valid_certificate_nothing_is_signed() -> None:
    tenant = make_tenant(PROVIDER)
    for now in (0, authority().now + 1000 * DAY_S):
        with pytest.raises(NoValidCertificate, match=f"{tenant.slug}.*renew"):
            tenant.signing_pair(now)
    assert issubclass(NoValidCertificate, CertsError)


def test_a_tenant_is_what_its_settings_declare() -> None:
    settings = TenantSettings.model_validate(
        {
            "peer_id": PROVIDER,
            "name": "Gemeente Voorbeeld",
            "slug": "voorbeeld",
            "directory": True,
            "certificates": [{"cert": "a.pem", "key": "a.key"}],
            "manager_address": "https://manager.example.test:8443",
            "inway_address": "https://inway.example.test:443",
            "services": [{"name": "brp", "upstream": "http://127.0.0.1:9000"}],
            "additional_claims": {"url": "http://127.0.0.1:9090"},
            "accept": [{"grants": ["service_connection"], "peers": ["*"]}],
            "connections": [{"name": "kvk", "service": {"peer_id": PROVIDER, "name": "kvk"}}],
        }
    )
    group, pairs = make_group(), (key_pair(PROVIDER),)
    tenant = build_tenant(settings, group, pairs)
    assert (tenant.peer_id, tenant.name, tenant.slug) == (PROVIDER, "Gemeente Voorbeeld", "voorbeeld")
    assert tenant.manager_address == "https://manager.example.test:8443"
    assert tenant.inway_address == "https://inway.example.test:443"
    assert (tenant.group, tenant.key_pairs, tenant.directory) == (group, pairs, True)
    assert list(tenant.services) == ["brp"]
    assert tenant.services[next(iter(tenant.services))] is settings.services[0]
    assert tenant.additional_claims is settings.additional_claims is not None
    assert (tenant.accept, tenant.connections) == (settings.accept, settings.connections)
