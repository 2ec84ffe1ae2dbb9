"""What a person is warned of before signing: each thing by itself, and nothing for an ordinary Contract."""

from typing import Any

import pytest

from gateway.admin.review import Terms, review
from gateway.fsc.grants import DomainNameIdentification, Grant, Outway, Service, ServiceConnectionGrant
from gateway.fsc.names import ServiceName
from gateway.state.tenant import Tenant
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    PROVIDER,
    SERVICE,
    connection,
    delegated_connection,
    key_pair,
    make_tenant,
    offering,
    publication,
)

PAIR, OTHER_PAIR = key_pair(CONSUMER), key_pair(CONSUMER)
US = make_tenant(CONSUMER, key_pairs=(PAIR,))
BY_DOMAIN = ServiceConnectionGrant(
    outway=Outway(peer_id=FOREIGN, identification=DomainNameIdentification(domain_name="outway.example.test")),
    service=Service(peer_id=PROVIDER, name=ServiceName(SERVICE)),
)


def told(*grants: Grant, tenant: Tenant = US, days: int = 365, known: Any = (PROVIDER, FOREIGN, DIRECTORY)) -> Any:
    return review(Terms(grants, 1000, 1000 + days * DAY_S), tenant, known)


def test_an_ordinary_contract_has_no_warnings() -> None:
    shown = told(connection(PAIR, CONSUMER, PROVIDER), days=400)
    assert shown == {
        "keys": [
            {"peer_id": CONSUMER, "public_key_thumbprint": PAIR.public_key_thumbprint, "whose": "our own key"},
        ],
        "warnings": [],
    }
    assert told(publication(DIRECTORY, PROVIDER)) == {"keys": [], "warnings": []}


@pytest.mark.parametrize(
    ("grants", "more", "warning"),
    [
        ((connection(PAIR, CONSUMER, PROVIDER),), {"days": 401}, "valid for 401 days"),
        ((connection(PAIR, CONSUMER, PROVIDER),) * 2, {}, "it has 2 grants"),
        ((connection(PAIR, CONSUMER, PROVIDER),), {"known": ()}, f"Peer {PROVIDER} is unknown"),
        (
            (delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=FOREIGN),),
            {"known": (PROVIDER,)},
            f"Peer {FOREIGN} is unknown",
        ),
        ((connection(OTHER_PAIR, CONSUMER, PROVIDER),), {}, "with a key that we do not have"),
        (
            (BY_DOMAIN,),
            {"tenant": make_tenant(PROVIDER, services=offering(SERVICE))},
            "domain name outway.example.test",
        ),
        ((connection(PAIR, CONSUMER, PROVIDER),), {"tenant": make_tenant(PROVIDER), "known": (CONSUMER,)}, "not offer"),
        (
            (publication(DIRECTORY, PROVIDER),),
            {"tenant": make_tenant(DIRECTORY), "known": (PROVIDER,)},
            "asks us to be a Directory",
        ),
    ],
    ids=["long", "grants", "unknown", "unknown delegator", "key", "domain", "service", "directory"],
)
def test_what_is_unusual_is_told(grants: tuple[Grant, ...], more: dict[str, Any], warning: str) -> None:
    [only] = told(*grants, **more)["warnings"]
    assert warning in only


def test_whose_key_it_is_is_told() -> None:
    shown = told(connection(OTHER_PAIR, CONSUMER, PROVIDER), connection(OTHER_PAIR, FOREIGN, PROVIDER), BY_DOMAIN)
    assert [one["whose"] for one in shown["keys"]] == [
        "none of our present keys",
        f"a key of Peer {FOREIGN}, as it says",
        f"any certificate of Peer {FOREIGN} for this name",
    ]
