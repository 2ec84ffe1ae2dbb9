"""What a configuration declares, as Grants: all kinds of delegation, and when two Grants are the same."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.build import grant_data
from gateway.fsc.contract import GrantItem
from gateway.fsc.grants import (
    ConnectionGrant,
    DelegatedServiceConnectionGrant,
    DelegatedServicePublicationGrant,
    Grant,
    PublicationGrant,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.jcs import canonicalise
from gateway.fsc.profile import HashProfile
from gateway.state.declared import same_grant, serves, wanted_grants
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    connection,
    delegated_connection,
    delegated_publication,
    key_pair,
    make_group,
    make_tenant,
    offering,
    publication,
    wanting,
)

PAIR = key_pair(CONSUMER)


def declared(**changes: Any) -> tuple[Grant, ...]:
    tenant = make_tenant(CONSUMER, key_pairs=(PAIR,), **changes)
    return tuple(one.grant for one in wanted_grants(tenant, PAIR.public_key_thumbprint))


def reference(delegator: PeerId | None) -> dict[str, Any]:
    return {"peer_id": PROVIDER, "name": "brp", **({"delegator": delegator} if delegator else {})}


@pytest.mark.parametrize("service_delegator", [None, OTHER])
@pytest.mark.parametrize("delegator", [None, FOREIGN])
def test_a_connection_is_wanted_for_whom_it_says(delegator: PeerId | None, service_delegator: PeerId | None) -> None:
    wanted = wanting("brp", PROVIDER).model_validate(
        {"name": "brp", "service": reference(service_delegator), "delegator": delegator}
    )
    (grant,) = declared(connections=(wanted,))
    plain = connection(PAIR, CONSUMER, PROVIDER, service="brp", delegator=service_delegator)
    if delegator is None:
        assert isinstance(grant, ServiceConnectionGrant)
        assert same_grant(grant, plain)
    else:
        assert isinstance(grant, DelegatedServiceConnectionGrant)
        on_behalf = delegated_connection(
            PAIR, CONSUMER, PROVIDER, on_behalf_of=delegator, service="brp", delegator=service_delegator
        )
        assert same_grant(grant, on_behalf)
    assert grant.peer_ids() == {CONSUMER, PROVIDER} | ({delegator, service_delegator} - {None})


def test_a_connection_has_its_properties_its_validity_and_a_label_of_its_name() -> None:
    properties = {"klantenregister.scopes": ["a"]}
    tenant = make_tenant(CONSUMER, connections=(wanting("brp", PROVIDER, valid_days=7, properties=properties),))
    (wanted,) = wanted_grants(tenant, PAIR.public_key_thumbprint)
    assert (wanted.label, wanted.valid_s, wanted.grant.properties) == ("connection brp", 7 * DAY_S, properties)


def test_a_service_is_published_at_every_directory_and_others_at_none() -> None:
    at = make_tenant().manager_address
    group = make_group(directories={OTHER: at, DIRECTORY: at})
    services = {**offering("brp", publish=True, properties={"a": [1]}), **offering("kvk")}
    tenant = make_tenant(PROVIDER, group=group, services=services)
    wanted = wanted_grants(tenant, PAIR.public_key_thumbprint)
    assert [one.label for one in wanted] == [f"publication of brp at {peer}" for peer in sorted((DIRECTORY, OTHER))]
    for one in wanted:
        assert isinstance(one.grant, ServicePublicationGrant)
        assert one.grant.properties == {"a": [1]}


def test_a_service_is_published_on_behalf_of_another() -> None:
    group = make_group(directories={DIRECTORY: make_tenant().manager_address})
    (grant,) = declared(group=group, services=offering("brp", publish=True, delegator=OTHER))
    assert isinstance(grant, DelegatedServicePublicationGrant)
    assert same_grant(grant, delegated_publication(DIRECTORY, CONSUMER, OTHER, "brp"))
    assert not same_grant(grant, publication(DIRECTORY, CONSUMER, "brp"))


def test_what_is_wanted_survives_the_wire() -> None:
    wanted = wanting("brp", PROVIDER, properties={"a": {"b": [1, 2.5, None, True]}}, delegator=FOREIGN)
    (grant,) = declared(connections=(wanted,))
    for profile in HashProfile:
        received = GrantItem.model_validate({"data": grant_data(grant, profile)}).data
        assert same_grant(grant, received)
        assert serves(received, wanted)


def test_a_grant_serves_the_connection_that_it_is_for_and_no_other() -> None:
    plain = connection(PAIR, CONSUMER, PROVIDER, service="brp")
    grants: tuple[ConnectionGrant, ...] = (
        plain,
        connection(PAIR, CONSUMER, PROVIDER, service="brp", delegator=OTHER),
        connection(PAIR, CONSUMER, OTHER, service="brp"),
        connection(PAIR, CONSUMER, PROVIDER, service="kvk"),
        plain.model_copy(update={"properties": {"a": True}}),
        delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER, service="brp"),
        delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER, service="brp", delegator=OTHER),
    )
    connections = (
        wanting("brp", PROVIDER, "brp"),
        wanting("brp", PROVIDER).model_validate({"name": "brp", "service": reference(OTHER)}),
        wanting("brp", OTHER, "brp"),
        wanting("brp", PROVIDER, "kvk"),
        wanting("brp", PROVIDER, "brp", properties={"a": True}),
        wanting("brp", PROVIDER, "brp", delegator=OTHER),
        wanting("brp", PROVIDER).model_validate({"name": "brp", "service": reference(OTHER), "delegator": OTHER}),
    )
    for number, wanted in enumerate(connections):
        assert [serves(grant, wanted) for grant in grants] == [number == place for place in range(len(grants))]
    published: PublicationGrant = publication(DIRECTORY, PROVIDER, "brp")
    assert not any(serves(published, wanted) for wanted in connections)


def test_another_key_serves_but_is_not_the_same() -> None:
    one, other = (connection(key_pair(CONSUMER), CONSUMER, PROVIDER, service="brp") for _ in range(2))
    assert serves(one, wanting("brp", PROVIDER, "brp"))
    assert serves(other, wanting("brp", PROVIDER, "brp"))
    assert not same_grant(one, other)


def test_absent_properties_are_as_good_as_empty_ones() -> None:
    plain = connection(PAIR, CONSUMER, PROVIDER)
    assert same_grant(plain, plain.model_copy(update={"properties": {}}))


_SCALARS = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from([0.0, 1.0, 0.5]) | st.sampled_from("ab")
_JSON = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.just("a"), inner))


@given(_JSON, _JSON)
def test_grants_are_the_same_exactly_when_their_properties_hash_alike(one: object, other: object) -> None:
    plain = connection(PAIR, CONSUMER, PROVIDER)
    left, right = ({"a": value} for value in (one, other))
    alike = canonicalise(left) == canonicalise(right)
    assert (
        same_grant(plain.model_copy(update={"properties": left}), plain.model_copy(update={"properties": right}))
        is alike
    )
