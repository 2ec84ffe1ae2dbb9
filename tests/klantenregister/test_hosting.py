"""`klantenregister.hosting`: contexts follow the certificates, and names lead to Peers."""

from dataclasses import replace

import pytest

from certs.identity import PeerId
from certs.revocation import RevocationMode
from certs.trust import TrustStore
from clock import FixedClock, SystemClock
from gateway.state.tenant import NoValidCertificate
from klantenregister.hosting import Contexts, Hosts, Role
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    PROVIDER,
    Federation,
    federation,
    key_pair,
    make_group,
    make_tenant,
    strange_authority,
)

NOW = SystemClock().now()
ALL = frozenset({Role.MANAGER, Role.INWAY})


def test_a_context_is_made_once_for_a_certificate_and_a_peer() -> None:
    contexts = Contexts(make_tenant(), FixedClock(NOW))

    assert contexts.server() is contexts.server()
    assert contexts.client(CONSUMER) is contexts.client(CONSUMER)
    assert contexts.client(CONSUMER) is not contexts.client(PROVIDER)
    assert contexts.client(CONSUMER).policy.expected_peer == CONSUMER
    assert contexts.server().policy.expected_peer is None
    assert contexts.server().owner.peer_id == contexts.client(CONSUMER).owner.peer_id == PROVIDER


def test_a_certificate_serves_from_its_first_day_without_anybody_doing_anything() -> None:
    clock = FixedClock(NOW)
    now, later = key_pair(PROVIDER), key_pair(PROVIDER, not_before=NOW + DAY_S)
    contexts = Contexts(make_tenant(key_pairs=(now, later)), clock)

    before = contexts.server(), contexts.client(CONSUMER)
    clock.advance(DAY_S)
    after = contexts.server(), contexts.client(CONSUMER)

    assert {one.owner.thumbprint for one in before} == {now.thumbprint}
    assert {one.owner.thumbprint for one in after} == {later.thumbprint}


def test_an_older_pair_has_contexts_of_its_own_for_as_long_as_it_is_held() -> None:
    old, new = key_pair(PROVIDER, not_before=NOW - DAY_S), key_pair(PROVIDER)
    before = make_tenant(key_pairs=(old,))
    contexts = Contexts(before, FixedClock(NOW))
    first = contexts.client(CONSUMER)

    contexts.use(replace(before, key_pairs=(new,), replaced_pairs=(old,)))
    assert contexts.client(CONSUMER, old) is first
    assert contexts.client(CONSUMER).owner.thumbprint == new.thumbprint
    assert contexts.client(CONSUMER, new) is contexts.client(CONSUMER)

    contexts.use(replace(before, key_pairs=(new,)))
    assert [thumbprint for thumbprint, _ in contexts._client] == [new.thumbprint]


def test_what_replaces_a_tenant_gets_contexts_of_its_own() -> None:
    tenant = make_tenant()
    contexts = Contexts(tenant, FixedClock(NOW))
    before = contexts.server(), contexts.client(CONSUMER)
    trust = TrustStore.from_pem([strange_authority().anchors_pem()], crls=(), mode=RevocationMode.OFF)

    contexts.use(replace(tenant, group=make_group(trust=trust)))

    assert {one.policy.trust for one in before} == {tenant.group.trust}
    assert {one.policy.trust for one in (contexts.server(), contexts.client(CONSUMER))} == {trust}


def test_without_a_valid_certificate_there_is_no_context() -> None:
    clock = FixedClock(NOW)
    contexts = Contexts(make_tenant(key_pairs=(key_pair(PROVIDER, days=1),)), clock)
    contexts.server()
    contexts.client(CONSUMER)

    clock.advance(2 * DAY_S)

    with pytest.raises(NoValidCertificate):
        contexts.server()
    with pytest.raises(NoValidCertificate):
        contexts.client(CONSUMER)


def test_contexts_for_very_many_peers_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klantenregister.hosting._MAX_CONTEXTS", 2)
    contexts = Contexts(make_tenant(), FixedClock(NOW))

    for number in range(5):
        contexts.client(PeerId(f"0000000182328844{number:04d}"))

    assert len(contexts._client) == 1


async def test_a_name_leads_to_the_peer_and_the_role_that_it_is_of() -> None:
    async with federation() as group:
        provider, consumer = await group.host(PROVIDER), await group.host(CONSUMER)
        hosts = group.hosts
        manager, inway = f"manager-{PROVIDER}.localhost", f"inway-{PROVIDER}.localhost"

        for name, roles, found in (
            (manager, ALL, provider),
            (inway, ALL, provider),
            (manager, frozenset({Role.MANAGER}), provider),
            (inway, frozenset({Role.INWAY}), provider),
            (f"manager-{CONSUMER}.localhost", ALL, consumer),
            (manager, frozenset({Role.INWAY}), None),
            (inway, frozenset({Role.MANAGER}), None),
            (manager, frozenset(), None),
            ("manager.nobody.localhost", ALL, None),
            ("", ALL, None),
            (None, ALL, None),
        ):
            context = hosts.select(name, roles)
            assert context is (None if found is None else found.contexts.server()), name


async def test_peers_are_found_by_what_they_are_known_by() -> None:
    async with federation() as group:
        provider = await group.host(PROVIDER)
        hosts = group.hosts

        assert hosts.all() == (provider,)
        assert hosts.get(PROVIDER) is provider
        assert hosts.peer(PROVIDER) is provider.peer
        assert hosts.managers() == {provider.slug: provider.manager}
        assert (hosts.get(CONSUMER), hosts.peer(CONSUMER)) == (None, None)


async def test_replacing_forgets_everybody_else() -> None:
    async with federation() as group:
        await group.host(PROVIDER)
        consumer = await group.host(CONSUMER)
        name = f"manager-{PROVIDER}.localhost"
        assert group.hosts.select(name, ALL) is not None

        group.hosts.replace((consumer,))

        assert group.hosts.select(name, ALL) is None
        assert group.hosts.all() == (consumer,)
        assert group.hosts.get(PROVIDER) is None


async def test_a_tenant_keeps_its_state_and_changes_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    async with federation() as group:
        provider = await group.host(PROVIDER)
        contracts, before = provider.peer.contracts, provider.contexts.server()

        provider.use(replace(provider.peer.tenant, slug="anders"))
        group.hosts.replace((provider,))

        assert provider.slug == "anders"
        assert group.hosts.managers() == {"anders": provider.manager}
        assert provider.peer.contracts is contracts
        assert provider.contexts.server() is before  # neither its certificate nor the Group changed


async def test_a_hosted_peer_keeps_its_replaced_pair_for_its_outway() -> None:
    async with federation() as group:
        hosted = await group.host(PROVIDER)
        old, new = hosted.peer.signing_pair(), key_pair(PROVIDER)

        hosted.use(replace(hosted.peer.tenant, key_pairs=(new,)))

        assert hosted.peer.tenant.outgoing_pairs(group.clock.now()) == (new, old)
        assert hosted.contexts.server().owner.thumbprint == new.thumbprint


async def test_a_peer_without_a_valid_certificate_is_not_selected() -> None:
    async with federation() as group:
        await host_expiring(group)
        name = f"manager-{PROVIDER}.localhost"
        assert group.hosts.select(name, ALL) is not None

        group.clock.advance(2 * DAY_S)

        assert group.hosts.select(name, ALL) is None


async def host_expiring(group: Federation) -> None:
    await group.host(PROVIDER, key_pairs=(key_pair(PROVIDER, host=f"manager-{PROVIDER}.localhost", days=1),))


def test_nobody_is_hosted_at_first() -> None:
    hosts = Hosts()

    assert hosts.all() == ()
    assert hosts.managers() == {}
    assert hosts.select("manager.voorbeeld.localhost", ALL) is None
