"""`klantenregister.tenants`: settings become what gateway and register work with."""

from pathlib import Path
from typing import Any

import pytest

from certs.errors import CertsError
from certs.identity import PeerId
from certs.revocation import RevocationMode
from clock import SystemClock
from gateway.fsc.profile import HashProfile
from klantenregister.errors import WrongUsage
from klantenregister.tenants import (
    LoadedTenants,
    issuers_of,
    load_group,
    load_tenants,
    load_trust,
    register_tenants,
)
from register.access import hash_token
from register.tenancy import Application, PeerPolicy, RegisterService
from tests.klantenregister.running import APPLICATION_TOKEN, CONSUMER, DIRECTORY, PROVIDER, SCOPES, SERVICE, Place

NOW = SystemClock().now()


def loaded_now(place: Place) -> LoadedTenants:
    settings = place.settings()
    return load_tenants(settings, load_trust(settings.group), now=NOW)


def test_the_group_is_translated(federation: Place) -> None:
    federation.document["group"] |= {
        "peer_name": "subject.commonName",
        "hash_profiles": ["fsc-develop", "fsc-2.0"],
        "token_ttl_seconds": 60,
        "revocation": {"mode": "hard", "crl": ["pki/root.crl", "pki/ca.crl"]},
    }
    settings = federation.settings().group
    group = load_group(settings, load_trust(settings))

    assert (group.id, group.token_ttl_s, group.allow_any_port) == ("fsc.example.test", 60, True)
    assert group.subject_rule == settings.subject_rule
    assert group.hash_profiles == (HashProfile("fsc-develop"), HashProfile("fsc-2.0"))
    assert group.directories == {DIRECTORY.peer_id: federation.manager(DIRECTORY, "")}


def test_the_mode_of_revocation_is_that_of_the_configuration(federation: Place) -> None:
    pair, now = federation.pair(PROVIDER), SystemClock().now()
    accepted = {}
    for mode in RevocationMode:
        federation.document["group"]["revocation"] = {"mode": mode.value, "crl": []}
        trust = load_trust(federation.settings().group)
        try:
            trust.verify_chain(pair.certificate, pair.chain[1:], now=now)
            accepted[mode] = True
        except CertsError:
            accepted[mode] = False

    assert accepted == {RevocationMode.OFF: True, RevocationMode.SOFT: True, RevocationMode.HARD: False}


@pytest.mark.parametrize(
    ("group", "named"),
    [
        ({"trust_anchors": ["pki/nothing.pem"]}, "nothing.pem"),
        ({"trust_anchors": ["pki/root.key"]}, "root.key"),
        ({"revocation": {"crl": ["pki/root.pem"]}}, "root.pem"),
    ],
)
def test_a_file_of_the_group_that_cannot_be_used_is_wrong_usage(
    place: Place, group: dict[str, Any], named: str
) -> None:
    place.document["group"] |= group

    with pytest.raises(WrongUsage, match=rf"^group: .*{named}"):
        load_trust(place.settings().group)


def test_tenants_are_translated_with_their_keys(federation: Place) -> None:
    loaded = loaded_now(federation)
    directory, provider, consumer = loaded.tenants

    assert (directory.directory, provider.directory) == (True, False)
    assert (provider.peer_id, provider.name, provider.slug) == (PROVIDER.peer_id, PROVIDER.name, PROVIDER.slug)
    assert provider.manager_address == federation.manager(PROVIDER, "")
    assert [pair.thumbprint for pair in provider.key_pairs] == [federation.pair(PROVIDER).thumbprint]
    assert list(provider.services) == [SERVICE]
    assert [one.name for one in consumer.connections] == [SERVICE]
    assert directory.group is provider.group is consumer.group


def test_a_key_that_does_not_fit_is_wrong_usage_and_names_the_tenant(federation: Place) -> None:
    pki = federation.folder / "pki"
    (pki / f"{CONSUMER.slug}.key").write_bytes((pki / f"{PROVIDER.slug}.key").read_bytes())

    with pytest.raises(WrongUsage, match=rf"tenants\[2\]\.certificates\[0\]: .*{CONSUMER.slug}"):
        loaded_now(federation)


def test_what_is_served_goes_on_where_the_files_hold_nothing_better(federation: Place) -> None:
    settings = federation.settings()
    first = load_tenants(settings, load_trust(settings.group), now=NOW)
    old, pki = federation.pair(CONSUMER), federation.folder / "pki"
    (pki / f"{CONSUMER.slug}.key").write_text("half of a k")
    federation.issue(PROVIDER)

    again = load_tenants(settings, load_trust(settings.group), first.served, now=NOW)

    assert again.tenants[1].key_pairs == (federation.pair(PROVIDER),) != first.tenants[1].key_pairs
    assert again.tenants[2].key_pairs == (old,)
    # That one is still what the next reading goes on with.
    assert load_tenants(settings, load_trust(settings.group), again.served, now=NOW).tenants[2].key_pairs == (old,)


def test_an_intermediate_that_is_missing_yet_is_noticed_where_something_serves(federation: Place) -> None:
    settings = federation.settings()
    first = load_tenants(settings, load_trust(settings.group), now=NOW)
    old = federation.pair(CONSUMER)
    federation.issue(CONSUMER)
    certificate = federation.folder / "pki" / f"{CONSUMER.slug}.pem"
    leaf, _, rest = certificate.read_text().partition("-----END CERTIFICATE-----\n")
    certificate.write_text(f"{leaf}-----END CERTIFICATE-----\n")

    half = load_tenants(settings, load_trust(settings.group), first.served, now=NOW)
    certificate.write_text(f"{leaf}-----END CERTIFICATE-----\n{rest}")
    whole = load_tenants(settings, load_trust(settings.group), half.served, now=NOW)

    assert half.tenants[2].key_pairs == (old,)
    assert whole.tenants[2].key_pairs == (federation.pair(CONSUMER),)


def test_the_register_sees_only_its_own_services_and_no_token(federation: Place) -> None:
    provider = federation.document["tenants"][1]
    provider["services"].append({"name": "echo", "upstream": "http://127.0.0.1:9"})
    provider["services"].append(federation.service(name="elders", public_base_url="https://api.example.test/klant"))
    tenant = register_tenants(federation.settings()).get(PROVIDER.peer_id)
    assert tenant is not None

    policy = PeerPolicy(frozenset({CONSUMER.peer_id}), frozenset(SCOPES))
    assert tenant.services == (
        RegisterService(SERVICE, SERVICE, federation.inway(PROVIDER, ""), (policy,)),
        RegisterService("elders", SERVICE, "https://api.example.test/klant", (policy,)),
    )
    assert tenant.applications == (Application("kiss", hash_token(APPLICATION_TOKEN), frozenset(SCOPES)),)
    assert APPLICATION_TOKEN not in repr(tenant)


def test_a_tenant_is_found_by_slug_or_by_the_host_that_is_its_own(federation: Place) -> None:
    federation.document["tenants"][1]["public_base_url"] = "https://klant.voorbeeld.test/api"
    tenants = register_tenants(federation.settings())

    provider, path = tenants.resolve("klant.voorbeeld.test:443", "/x")
    assert (provider.peer_id, path, provider.public_base_url) == (
        PROVIDER.peer_id,
        "/x",
        "https://klant.voorbeeld.test/api",
    )
    consumer, path = tenants.resolve("127.0.0.1:8000", f"/t/{CONSUMER.slug}/x")
    assert (consumer.peer_id, path) == (CONSUMER.peer_id, "/x")
    assert consumer.public_base_url == f"http://127.0.0.1:{federation.ports['register']}/t/{CONSUMER.slug}"


def test_two_tenants_below_one_host_are_told_apart_by_path(federation: Place) -> None:
    for tenant in federation.document["tenants"][:2]:
        tenant["public_base_url"] = f"https://klant.example.test/base/t/{tenant['slug']}"

    found, path = register_tenants(federation.settings()).resolve("klant.example.test", f"/t/{PROVIDER.slug}/x")

    assert (found.peer_id, path) == (PROVIDER.peer_id, "/x")


def test_no_tenants_are_no_tenants(tmp_path: Path) -> None:
    place = Place.make(tmp_path)
    place.document["tenants"] = []

    assert loaded_now(place).tenants == ()
    assert register_tenants(place.settings()).get(PeerId(PROVIDER.peer_id)) is None


def test_the_issuers_of_all_tenants_are_told_once(federation: Place) -> None:
    tenants = loaded_now(federation).tenants

    assert len(tenants) == 3
    assert issuers_of(tenants) == federation.pair(PROVIDER).chain[1:]
