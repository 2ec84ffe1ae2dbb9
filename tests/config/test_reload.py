from typing import Any

import pytest

from certs.identity import PeerId
from config.reload import Changes, diff
from tests.config.samples import other_tenant, settings, tenant

SELF, OTHER, THIRD = PeerId("00000001823288444000"), PeerId("00000001950428139000"), PeerId("00000000000000000010")


def test_equal_configurations_differ_in_nothing() -> None:
    changes = diff(settings(tenant(), other_tenant()), settings(tenant(), other_tenant()))
    assert changes == Changes((), (), (), ())
    assert changes.nothing


def test_tenants_are_told_apart_by_peer_id() -> None:
    third = other_tenant(peer_id=THIRD)
    changes = diff(settings(tenant(), other_tenant()), settings(tenant(slug="nieuw"), third))
    assert changes == Changes((), (THIRD,), (OTHER,), (SELF,))
    assert not changes.nothing


def test_the_order_of_tenants_does_not_matter() -> None:
    assert diff(settings(tenant(), other_tenant()), settings(other_tenant(), tenant())).nothing


@pytest.mark.parametrize(
    ("change", "keys"),
    [
        ({"listen": {"console": "127.0.0.1:1", "metrics": "127.0.0.1:2"}}, ("listen.console", "listen.metrics")),
        ({"storage": "memory:"}, ("storage",)),
        ({"cache": "redis://a/0"}, ("cache",)),
        ({"keys": {"master_file": "x"}}, ("keys.master_file",)),
        (
            {"group": {"token_ttl_seconds": 1, "revocation": {"mode": "off"}, "trust_anchors": ["new.pem"]}},
            ("group.token_ttl_seconds",),
        ),
        ({"limits": {"max_json_depth": 1}}, ("limits.max_json_depth",)),
        ({"register_url": "http://a.b"}, ("register_url",)),
    ],
)
def test_everything_outside_tenants_and_trust_needs_a_restart(change: dict[str, Any], keys: tuple[str, ...]) -> None:
    assert diff(settings(), settings(**change)) == Changes(keys, (), (), ())


@pytest.mark.parametrize(
    "change",
    [
        {"applications": [{"id": "x", "token": "new"}]},
        {"services": [{"name": "abc", "upstream": "http://a", "properties": {"a": 2}}]},
        {"certificates": [{"cert": "x", "key": "y"}]},
        {"outway": {"listen": "127.0.0.1:1"}},
    ],
)
def test_any_change_below_a_tenant_is_seen(change: dict[str, Any]) -> None:
    old = settings(
        tenant(
            applications=[{"id": "x", "token": "old"}],
            services=[{"name": "abc", "upstream": "http://a", "properties": {"a": 1}}],
        )
    )
    base = {
        "applications": [{"id": "x", "token": "old"}],
        "services": [{"name": "abc", "upstream": "http://a", "properties": {"a": 1}}],
    }
    assert diff(old, settings(tenant(**base))).nothing
    assert diff(old, settings(tenant(**{**base, **change}))) == Changes((), (), (), (SELF,))
