"""A tenant as the gateway uses it."""

import pytest

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.errors import CertsError
from certs.revocation import RevocationMode
from certs.trust import TrustStore
from config.settings import TenantSettings
from gateway.fsc.profile import HashProfile
from gateway.state.tenant import MAX_REPLACED, NoValidCertificate, build_tenant
from tests.gateway.harness import DAY_S, PROVIDER, authority, key_pair, make_group, make_tenant, strange_authority


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


def test_an_outway_goes_on_with_what_the_newest_took_over_from() -> None:
    now = authority().now
    ended, old = key_pair(PROVIDER, days=2, not_before=now - 5 * DAY_S), key_pair(PROVIDER, not_before=now - 3 * DAY_S)
    new, coming = key_pair(PROVIDER, not_before=now - DAY_S), key_pair(PROVIDER, not_before=now + DAY_S)
    replaced = key_pair(PROVIDER, not_before=now - 2 * DAY_S)
    tenant = make_tenant(PROVIDER, key_pairs=(ended, old, coming, new), replaced_pairs=(ended, replaced, old))
    assert tenant.outgoing_pairs(now) == (new, old, replaced)
    assert tenant.outgoing_pairs(now)[0] is tenant.signing_pair(now)
    assert tenant.outgoing_pairs(now + DAY_S) == (coming, new, old, replaced)
    with pytest.raises(NoValidCertificate):
        tenant.outgoing_pairs(now + 5000 * DAY_S)


def test_a_tenant_keeps_the_pairs_that_it_takes_over_from() -> None:
    now = authority().now
    first, second, third = (key_pair(PROVIDER, not_before=now - number) for number in (300, 200, 100))
    one = make_tenant(PROVIDER, key_pairs=(first,))
    two = make_tenant(PROVIDER, key_pairs=(second,)).succeeding(one, now)
    three = make_tenant(PROVIDER, key_pairs=(third,)).succeeding(two, now)
    assert (two.replaced_pairs, three.replaced_pairs) == ((first,), (second, first))
    # Whose key comes back is configured again, and nothing is there twice.
    back = make_tenant(PROVIDER, key_pairs=(first,)).succeeding(three, now)
    assert (back.signing_pair(now), back.outgoing_pairs(now)) == (first, (first, third, second))
    # Taking over from itself changes nothing.
    assert three.succeeding(three, now).replaced_pairs == three.replaced_pairs


def test_a_replaced_pair_that_is_of_no_use_is_let_go() -> None:
    now = authority().now
    short, strange = key_pair(PROVIDER, days=1), key_pair(PROVIDER, issuer=strange_authority())
    before = make_tenant(PROVIDER, key_pairs=(short, strange))
    assert make_tenant(PROVIDER).succeeding(before, now).replaced_pairs == (short,)
    assert make_tenant(PROVIDER).succeeding(before, short.not_after + 1).replaced_pairs == ()


def test_a_replaced_pair_is_let_go_when_it_is_revoked_and_kept_when_that_is_unknown() -> None:
    now, revoking = authority().now, DevelopmentAuthority.create("revoking", now=authority().now)
    pair = revoking.issue(peer_id=PROVIDER, name="Gemeente X", dns_names=["x.test"])
    before = make_tenant(PROVIDER, key_pairs=(pair,))

    def kept(mode: RevocationMode, *crls: bytes) -> tuple[KeyPair, ...]:
        trust = TrustStore.from_pem([revoking.anchors_pem()], crls=crls, mode=mode)
        return make_tenant(PROVIDER, group=make_group(trust=trust)).succeeding(before, now).replaced_pairs

    assert kept(RevocationMode.HARD) == (pair,)
    revoking.revoke(pair.certificate)
    assert kept(RevocationMode.SOFT, revoking.crl_pem()) == ()


def test_private_keys_do_not_pile_up() -> None:
    now = authority().now
    tenant = make_tenant(PROVIDER)
    for number in range(MAX_REPLACED + 3):
        pair = key_pair(PROVIDER, not_before=now - 100 + number)
        tenant = make_tenant(PROVIDER, key_pairs=(pair,)).succeeding(tenant, now)
    assert len(tenant.replaced_pairs) == MAX_REPLACED
    assert {one.not_before for one in tenant.replaced_pairs} == {now - 100 + MAX_REPLACED + 1 - n for n in range(4)}


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
