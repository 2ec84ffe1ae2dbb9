from dataclasses import replace

import pytest

from register.errors import NotFound, TenantMismatch
from register.tenancy import (
    Federated,
    Internal,
    PeerPolicy,
    RegisterService,
    RegisterTenant,
    Tenants,
    host_names_of,
)

A = RegisterTenant("1", "aa", "https://a.test/", frozenset({"a.test"}))
B = RegisterTenant("2", "bb", "https://b.test", frozenset({"b.test", "::1"}))
TENANTS = Tenants([A, B])


@pytest.mark.parametrize(
    ("host", "path", "tenant", "rest"),
    [
        ("a.test", "/x", A, "/x"),
        ("A.TEST:8000", "/x", A, "/x"),
        ("a.test.", "/", A, "/"),
        ("[::1]:8000", "/x", B, "/x"),
        ("127.0.0.1:8000", "/t/aa/x/y", A, "/x/y"),
        ("", "/t/bb/x", B, "/x"),
        ("a.test", "/t/aa/x", A, "/x"),
        ("a.test", "/t/aa", A, ""),
        ("a.test", "/tt/bb", A, "/tt/bb"),
    ],
)
def test_host_or_path_names_the_tenant(host: str, path: str, tenant: RegisterTenant, rest: str) -> None:
    assert TENANTS.resolve(host, path) == (tenant, rest)


@pytest.mark.parametrize(
    ("host", "path"),
    [("", "/x"), ("c.test", "/x"), ("c.test", "/t/cc/x"), ("a.test", "/t/cc/x"), ("", "/t/"), ("", "")],
)
def test_an_unknown_tenant_is_not_found(host: str, path: str) -> None:
    with pytest.raises(NotFound):
        TENANTS.resolve(host, path)


def test_host_and_path_must_agree() -> None:
    with pytest.raises(TenantMismatch):
        TENANTS.resolve("a.test", "/t/bb/x")


@pytest.mark.parametrize(
    "other",
    [
        replace(B, peer_id="1"),
        replace(B, slug="aa"),
        replace(B, host_names=frozenset({"a.test"})),
    ],
)
def test_nothing_names_two_tenants(other: RegisterTenant) -> None:
    with pytest.raises(ValueError, match="used by two tenants"):
        Tenants([A, other])


@pytest.mark.parametrize(
    ("url", "names"),
    [
        ("https://Klant.A.test:8443", {"klant.a.test"}),
        ("http://127.0.0.1:8000/t/aa", set()),
        ("http://127.0.0.1:8000/t/aa/", set()),
        ("https://a.test/register", {"a.test"}),
        ("", set()),
    ],
)
def test_a_tenant_told_apart_by_path_owns_no_host_name(url: str, names: set[str]) -> None:
    assert host_names_of(url, "aa") == names


def test_scopes_of_a_peer_are_all_that_apply_to_it() -> None:
    service = RegisterService(
        "s",
        "f",
        "https://i.test",
        (PeerPolicy(frozenset({"9"}), frozenset({"x"})), PeerPolicy(frozenset({"*"}), frozenset({"y"}))),
    )
    assert service.scopes_of("9") == frozenset({"x", "y"})
    assert service.scopes_of("8") == frozenset({"y"})
    assert RegisterService("s", "f", "u", service.peers[:1]).scopes_of("8") is None
    assert RegisterService("s", "f", "u").scopes_of("9") is None


def test_urls_start_with_how_the_caller_came_in() -> None:
    service = RegisterService("s", "f", "https://inway.test:443/")
    assert Internal(A).base_url == "https://a.test"
    assert Federated(A, service).base_url == "https://inway.test:443"


def test_tenants_and_services_are_found_by_name() -> None:
    service = RegisterService("s", "f", "u")
    tenant = replace(A, services=(service,))
    assert tenant.service("s") is service
    assert tenant.service("x") is None
    assert TENANTS.get("2") is B
    assert TENANTS.get("3") is None
