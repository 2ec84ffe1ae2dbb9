from dataclasses import replace

import pytest

from register.access import (
    FederatedCaller,
    authenticate_federated,
    authenticate_internal,
    check_scope,
    hash_token,
    verify_application,
)
from register.errors import AuthenticationFailed, NotAuthenticated, PermissionDenied, TenantMismatch
from register.tenancy import Federated, Internal, Tenants
from tests.register.world import ALL_SCOPES, CONSUMER, PEER_A, READER_SCOPES, FakeVerifier, tenant

A, B = tenant(PEER_A, "aadorp"), tenant("2", "beestad")
TENANTS = Tenants([A, B])
NOW = 1_800_000_000
ARRIVAL = Federated(A, A.services[0])


@pytest.mark.parametrize(
    "header", ["Token aadorp-alles", "token aadorp-alles", "Bearer aadorp-alles", " Token  aadorp-alles "]
)
def test_a_key_of_the_tenant_gives_its_scopes(header: str) -> None:
    caller = authenticate_internal({"authorization": header}, Internal(A), TENANTS, now=NOW)
    assert (caller.application, caller.scopes, caller.peer_id) == ("alles", ALL_SCOPES, None)


@pytest.mark.parametrize(
    "header",
    [
        "Token",
        "Token ",
        "Token wrong",
        "Basic aadorp-alles",
        "aadorp-alles",
        "Token aadorp-alles x",
        "Token \udcff",
        "Token é",
    ],
)
def test_another_key_fails_with_the_challenge(header: str) -> None:
    with pytest.raises(AuthenticationFailed) as caught:
        verify_application(header, A, TENANTS, now=NOW)
    assert caught.value.headers == {"WWW-Authenticate": "Token"}
    assert "wrong" not in str(caught.value)


@pytest.mark.parametrize("headers", [{}, {"authorization": ""}])
def test_no_key_is_told_apart_from_a_bad_one(headers: dict[str, str]) -> None:
    with pytest.raises(NotAuthenticated) as caught:
        authenticate_internal(headers, Internal(A), TENANTS, now=NOW)
    assert caught.value.headers == {"WWW-Authenticate": "Token"}


def test_a_key_of_another_tenant_is_a_mismatch() -> None:
    with pytest.raises(TenantMismatch):
        verify_application("Token beestad-alles", A, TENANTS, now=NOW)


def verifier(scopes: frozenset[str] | None = None, peer: str = CONSUMER) -> FakeVerifier:
    made = FakeVerifier()
    made.allow("good", PEER_A, FederatedCaller(peer, "$1$3$hash", scopes))
    return made


async def test_a_peer_gets_what_the_policy_gives_it() -> None:
    caller = await authenticate_federated({"fsc-authorization": "good"}, ARRIVAL, TENANTS, verifier(), now=NOW)
    assert (caller.peer_id, caller.scopes, caller.application) == (CONSUMER, READER_SCOPES, None)


async def test_the_grant_narrows_and_never_widens() -> None:
    narrow = verifier(frozenset({"klantinteracties.lezen", "klantinteracties.verwijderen"}))
    caller = await authenticate_federated({"fsc-authorization": "good"}, ARRIVAL, TENANTS, narrow, now=NOW)
    assert caller.scopes == {"klantinteracties.lezen"}
    nothing = verifier(frozenset())
    assert not (await authenticate_federated({"fsc-authorization": "good"}, ARRIVAL, TENANTS, nothing, now=NOW)).scopes


async def test_an_application_key_narrows_too() -> None:
    headers = {"fsc-authorization": "good", "authorization": "Token aadorp-lezer"}
    caller = await authenticate_federated(headers, ARRIVAL, TENANTS, verifier(), now=NOW)
    assert (caller.scopes, caller.application) == (frozenset({"klantinteracties.lezen"}), "lezer")


@pytest.mark.parametrize(
    ("authorization", "fout"), [("Token wrong", AuthenticationFailed), ("Token beestad-alles", TenantMismatch)]
)
async def test_a_bad_application_key_is_not_ignored(authorization: str, fout: type[Exception]) -> None:
    headers = {"fsc-authorization": "good", "authorization": authorization}
    with pytest.raises(fout):
        await authenticate_federated(headers, ARRIVAL, TENANTS, verifier(), now=NOW)


async def test_an_application_key_does_not_replace_the_access_token() -> None:
    with pytest.raises(NotAuthenticated):
        await authenticate_federated({"authorization": "Token aadorp-alles"}, ARRIVAL, TENANTS, verifier(), now=NOW)


async def test_a_refused_access_token_fails() -> None:
    with pytest.raises(AuthenticationFailed):
        await authenticate_federated({"fsc-authorization": "bad"}, ARRIVAL, TENANTS, verifier(), now=NOW)


async def test_a_token_for_another_tenant_fails() -> None:
    with pytest.raises(AuthenticationFailed):
        await authenticate_federated(
            {"fsc-authorization": "good"}, Federated(B, B.services[0]), TENANTS, verifier(), now=NOW
        )


async def test_a_peer_without_policy_may_do_nothing() -> None:
    with pytest.raises(PermissionDenied):
        await authenticate_federated(
            {"fsc-authorization": "good"}, ARRIVAL, TENANTS, verifier(peer="stranger"), now=NOW
        )


def test_a_missing_scope_is_named() -> None:
    check_scope(frozenset({"a.lezen"}), "a.lezen")
    with pytest.raises(PermissionDenied, match=r"b\.lezen"):
        check_scope(frozenset({"a.lezen"}), "b.lezen")


def test_what_is_kept_of_a_key_is_not_the_key() -> None:
    assert hash_token("secret") != b"secret"
    assert len(hash_token("secret")) == 32


def test_a_token_ends() -> None:
    ends = replace(A, applications=(replace(A.applications[0], expires_at=NOW),))
    tenants = Tenants([ends, B])
    header = {"authorization": "Token aadorp-alles"}
    assert authenticate_internal(header, Internal(ends), tenants, now=NOW - 1).application == "alles"
    with pytest.raises(AuthenticationFailed, match="verlopen"):
        authenticate_internal(header, Internal(ends), tenants, now=NOW)
