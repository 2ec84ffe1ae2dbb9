"""Who calls and what may they do.

Standard: REGISTER.md section 3.2; DESIGN.md section 3 (federated callers of the register).

From inside, the key of an application gives its scopes. From outside, the organisation comes first: its
`Fsc-Authorization` is verified here once more, the service's policy gives the scopes of that Peer, the grant may narrow
them, and so may an application key of this tenant when one is sent along.
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from register.errors import AuthenticationFailed, NotAuthenticated, PermissionDenied, TenantMismatch
from register.tenancy import Application, Federated, Internal, RegisterTenant, Tenants

BSN_ZOEKEN = "bsn.zoeken"
FSC_AUTHORIZATION = "fsc-authorization"
_CHALLENGE = {"WWW-Authenticate": "Token"}
_SCHEMES = ("token", "bearer")


@dataclass(frozen=True, slots=True)
class FederatedCaller:
    """What a verified access token says of the caller. `scopes_from_property` is None when the grant has no list."""

    peer_id: str
    grant_hash: str
    scopes_from_property: frozenset[str] | None = None
    delegator_peer_id: str | None = None


class FederatedCallerRefused(Exception):
    """The access token does not open this service of this tenant."""


class FederatedCallerVerifier(Protocol):
    """Verifies access tokens; the program implements it with the gateway's code."""

    async def verify(self, fsc_authorization: str, tenant_peer_id: str, service_name: str) -> FederatedCaller:
        """The caller that `fsc_authorization` (the header's value) proves. Raises: FederatedCallerRefused."""
        ...


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller whose identity is proven, and its scopes. `application` or `peer_id` is for the log."""

    scopes: frozenset[str]
    application: str | None = None
    peer_id: str | None = None


def hash_token(token: str) -> bytes:
    """What is kept of an application's key."""
    return hashlib.sha256(token.encode()).digest()


def verify_application(authorization: str, tenant: RegisterTenant, tenants: Tenants, *, now: int) -> Application:
    """Decide which application of `tenant` the header proves, at `now` in Unix seconds.

    Shape: `Token <key>` or `Bearer <key>`.
    Raises: AuthenticationFailed; TenantMismatch when the key belongs to another tenant.
    """
    scheme, _, token = authorization.strip().partition(" ")
    token = token.strip()
    if scheme.lower() not in _SCHEMES or not token or " " in token:
        raise AuthenticationFailed(headers=_CHALLENGE)
    presented = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
    found = _application_with(presented, tenant)
    if found is not None:
        if found.expires_at is not None and now >= found.expires_at:
            raise AuthenticationFailed("De sleutel van uw applicatie is verlopen.", headers=_CHALLENGE)
        return found
    if any(_application_with(presented, other) for other in tenants.all):
        raise TenantMismatch
    raise AuthenticationFailed(headers=_CHALLENGE)


def authenticate_internal(headers: Mapping[str, str], arrival: Internal, tenants: Tenants, *, now: int) -> Caller:
    """Decide which application calls at `now`, in Unix seconds.

    Raises: NotAuthenticated, AuthenticationFailed, TenantMismatch.
    """
    authorization = headers.get("authorization", "")
    if not authorization:
        raise NotAuthenticated(headers=_CHALLENGE)
    application = verify_application(authorization, arrival.tenant, tenants, now=now)
    return Caller(scopes=application.scopes, application=application.id)


async def authenticate_federated(
    headers: Mapping[str, str], arrival: Federated, tenants: Tenants, verifier: FederatedCallerVerifier, *, now: int
) -> Caller:
    """Decide which Peer calls at `now`, in Unix seconds, and with which scopes.

    Raises: NotAuthenticated, AuthenticationFailed, PermissionDenied, TenantMismatch.
    """
    token = headers.get(FSC_AUTHORIZATION, "")
    if not token:
        raise NotAuthenticated("De header Fsc-Authorization ontbreekt; roep aan via een Outway.", headers=_CHALLENGE)
    try:
        peer = await verifier.verify(token, arrival.tenant.peer_id, arrival.service.name)
    except FederatedCallerRefused as error:
        raise AuthenticationFailed("Fsc-Authorization is ongeldig voor deze dienst.", headers=_CHALLENGE) from error
    scopes = arrival.service.scopes_of(peer.peer_id)
    if scopes is None:
        raise PermissionDenied("Deze dienst is niet opengesteld voor uw organisatie.")
    if peer.scopes_from_property is not None:
        scopes &= peer.scopes_from_property
    application = None
    if authorization := headers.get("authorization", ""):
        application = verify_application(authorization, arrival.tenant, tenants, now=now)
        scopes &= application.scopes
    return Caller(scopes=scopes, application=application.id if application else None, peer_id=peer.peer_id)


def check_scope(scopes: frozenset[str], needed: str) -> None:
    """Raise PermissionDenied, naming the scope, unless the caller has it."""
    if needed not in scopes:
        raise PermissionDenied(f"Voor deze handeling is de scope {needed} nodig.")


def _application_with(presented: bytes, tenant: RegisterTenant) -> Application | None:
    found = None
    for application in tenant.applications:
        if hmac.compare_digest(application.token_hash, presented):
            found = application
    return found
