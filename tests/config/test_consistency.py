from typing import Any

import pytest

from config.consistency import check_consistency
from config.errors import path_text
from config.settings import Settings
from tests.config.samples import document, other_tenant, settings, tenant

DIRECTORY = {"peer_id": "00000001823288444000", "manager_address": "https://manager.voorbeeld.example.test:8443"}
OFFERED = {"peer_id": "00000001950428139000", "name": "brp"}
CONNECTION = {"name": "brp", "service": OFFERED}
SERVICE = {"name": "brp", "upstream": "http://127.0.0.1:9"}
ONE_LISTENER = {"manager": "0.0.0.0:443", "inway": "0.0.0.0:443"}


def findings(value: Settings) -> dict[str, str]:
    return {path_text(location): message for location, message in check_consistency(value)}


@pytest.mark.parametrize(
    "value",
    [
        settings(tenant(), other_tenant()),
        settings(
            tenant(
                connections=[{"name": "brp", "service": {**OFFERED, "delegator": "abc"}, "delegator": "abc"}],
                services=[{**SERVICE, "delegator": "abc"}],
            )
        ),
        settings(tenant(manager_address="https://manager.voorbeeld.example.test:443")),
        settings(tenant(inway_address="https://manager.voorbeeld.example.test:443")),
        settings(listen=ONE_LISTENER),
        settings(tenant(manager_address="https://m.localhost:1"), group={"allow_any_port": True}),
        settings(tenant(directory=True), group={"directories": [DIRECTORY]}),
        settings(group={"directories": [{**DIRECTORY, "peer_id": "00000000000000000010"}]}),
        settings(listen={"console": "127.0.0.1:0", "metrics": "127.0.0.1:0", "register": "127.0.0.1:0"}),
        settings(listen={"console": "127.0.0.1:9100", "metrics": "127.0.0.2:9100"}),
        settings(listen={"console": "0.0.0.0:9100", "metrics": "[::]:9100"}),
        settings(tenant(public_base_url="https://a.b"), other_tenant(public_base_url="https://a.c")),
        settings(
            tenant(public_base_url="https://a.b/t/voorbeeld"), other_tenant(public_base_url="https://a.b/x/t/ander")
        ),
        settings(tenant(public_base_url="https://a.b"), listen={"register": "unix:r.sock"}),
        settings(
            tenant(applications=[{"id": "x", "token": "aaaa"}]),
            other_tenant(applications=[{"id": "x", "token": "bbbb"}]),
        ),
    ],
)
def test_what_is_consistent_has_no_findings(value: Settings) -> None:
    assert findings(value) == {}


@pytest.mark.parametrize(
    ("value", "path", "message"),
    [
        (settings(tenant(manager_address="https://m.x:8444")), "tenants[0].manager_address", "must be 443 or 8443"),
        (settings(tenant(inway_address="https://i.x:80")), "tenants[0].inway_address", "must be 443 or 8443"),
        (
            settings(group={"directories": [{**DIRECTORY, "peer_id": "abc", "manager_address": "https://d.x:1"}]}),
            "group.directories[0].manager_address",
            "must be 443 or 8443",
        ),
        (
            settings(tenant(), other_tenant(manager_address="https://manager.voorbeeld.example.test:443")),
            "tenants[1].manager_address",
            "also that of tenants[0].manager_address: tenants are told apart by it",
        ),
        (
            settings(tenant(), other_tenant(inway_address="https://INWAY.voorbeeld.example.test:8443")),
            "tenants[1].inway_address",
            "also that of tenants[0].inway_address",
        ),
        (
            settings(tenant(inway_address="https://manager.voorbeeld.example.test:443"), listen=ONE_LISTENER),
            "tenants[0].inway_address",
            "one listener serves both",
        ),
        (
            settings(
                tenant(), other_tenant(inway_address="https://manager.voorbeeld.example.test:443"), listen=ONE_LISTENER
            ),
            "tenants[1].inway_address",
            "also that of tenants[0].manager_address",
        ),
        (
            settings(listen={"manager": "0.0.0.0:443", "inway": "127.0.0.1:443"}),
            "listen.inway",
            "also that of listen.manager",
        ),
        (settings(listen={"console": "127.0.0.1:8000"}), "listen.console", "also that of listen.register"),
        (settings(listen={"metrics": "0.0.0.0:8000"}), "listen.metrics", "also that of listen.register"),
        (
            settings(listen={"register": "[::1]:8000", "metrics": "[::]:8000"}),
            "listen.metrics",
            "also that of listen.register",
        ),
        (
            settings(listen={"register": "localhost:8000", "metrics": "0.0.0.0:8000"}),
            "listen.metrics",
            "also that of listen.register",
        ),
        (settings(listen={"metrics": "unix:data/admin.sock"}), "listen.metrics", "also that of listen.admin"),
        (
            settings(tenant(outway={"listen": "127.0.0.1:8443"})),
            "tenants[0].outway.listen",
            "also that of listen.manager",
        ),
        (
            settings(tenant(outway={"listen": "127.0.0.1:1"}), other_tenant(outway={"listen": "127.0.0.1:1"})),
            "tenants[1].outway.listen",
            "also that of tenants[0].outway.listen",
        ),
        (
            settings(tenant(public_base_url="https://a.b"), other_tenant(public_base_url="https://a.b/x")),
            "tenants[1].public_base_url",
            "let both URLs end with /t/<slug>",
        ),
        (settings(listen={"register": "unix:r.sock"}), "tenants[0].public_base_url", "is required"),
        (settings(group={"directories": [DIRECTORY]}), "tenants[0].directory", "must be true"),
        (
            settings(
                tenant(directory=True),
                group={"directories": [{**DIRECTORY, "manager_address": "https://other.example.test:8443"}]},
            ),
            "group.directories[0].manager_address",
            "differs from tenants[0].manager_address",
        ),
        (
            settings(
                tenant(connections=[{"name": "self", "service": {"peer_id": "00000001823288444000", "name": "brp"}}])
            ),
            "tenants[0].connections[0].service.peer_id",
            "is the tenant itself",
        ),
        (
            settings(tenant(connections=[{**CONNECTION, "delegator": "00000001823288444000"}])),
            "tenants[0].connections[0].delegator",
            "is the tenant itself",
        ),
        (
            settings(tenant(connections=[{**CONNECTION, "service": {**OFFERED, "delegator": OFFERED["peer_id"]}}])),
            "tenants[0].connections[0].service.delegator",
            "is the provider itself",
        ),
        (
            settings(tenant(services=[{**SERVICE, "delegator": "00000001823288444000"}])),
            "tenants[0].services[0].delegator",
            "is the tenant itself",
        ),
        (
            settings(
                tenant(applications=[{"id": "x", "token": "geheim"}]),
                other_tenant(applications=[{"id": "y", "token": "geheim"}]),
            ),
            "tenants[1].applications[0].token",
            "also the token of another application (tenants[0].applications[0].token)",
        ),
    ],
)
def test_each_breach_is_found_where_it_is(value: Settings, path: str, message: str) -> None:
    found = findings(value)
    assert list(found) == [path]
    assert message in found[path]
    assert "geheim" not in found[path]


def test_all_breaches_are_found_at_once() -> None:
    broken: dict[str, Any] = document(
        tenant(manager_address="https://m.x:1", directory=False),
        group={"directories": [{**DIRECTORY, "manager_address": "https://m.x:1"}]},
        listen={"console": "127.0.0.1:8000"},
    )
    assert set(findings(Settings.model_validate(broken))) == {
        "group.directories[0].manager_address",
        "tenants[0].manager_address",
        "listen.console",
        "tenants[0].directory",
    }
