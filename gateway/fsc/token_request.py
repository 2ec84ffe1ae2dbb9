"""Requests for an access token: read, judged, and turned into the claims of the token.

Standard: FSC Core, Manager / Tokens and Outway / Obtaining access tokens; RFC 6749 sections 4.4 and 5.2.

Every refusal is an OAuthError whose description says which check failed. What concerns other Peers is told only to
the Peer that the grant names: a stranger learns that the grant is not his, not what became of its contract.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from certs.identity import PeerCertificate, PeerId
from gateway.errors import quoted
from gateway.fsc.claims import Claims
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, Grant, PublicKeyIdentification
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import (
    CONTENT_HASH_TYPE,
    GrantHash,
    GroupId,
    InwayAddress,
    ServiceName,
    hash_type,
    parse_domain_name,
    parse_grant_hash,
)
from gateway.fsc.oauth import OAuthError, OAuthErrorCode
from gateway.fsc.state import ContractState

CLIENT_CREDENTIALS = "client_credentials"
NOT_BEFORE_MARGIN_S = 60
"""How far `nbf` lies before the instant of issue, so that an Inway whose clock is a little behind accepts the token."""

_PARAMETERS = ("grant_type", "scope", "client_id")


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What a client asks: a token for this grant, as this Peer."""

    grant_hash: GrantHash
    client_id: str


@dataclass(frozen=True, slots=True)
class FoundGrant:
    """The grant that a grant hash names here, and the state of its contract."""

    grant: Grant
    state: ContractState


@dataclass(frozen=True, slots=True)
class Issuer:
    """Who we are when we issue a token: Peer and Group, and the Services that an Inway of ours offers now."""

    peer_id: PeerId
    group_id: GroupId
    services: Collection[ServiceName]


def parse_token_request(pairs: Iterable[tuple[str, str]]) -> TokenRequest:
    """Read the form of a token request. Parameters that the standard does not know are ignored (RFC 6749 section 3.2).

    Raises: OAuthError invalid_request, unsupported_grant_type, invalid_scope.
    """
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in _PARAMETERS and value:
            if name in found:
                raise OAuthError(OAuthErrorCode.INVALID_REQUEST, f"parameter {name} is repeated")
            found[name] = value
    for name in _PARAMETERS:
        if name not in found:
            raise OAuthError(OAuthErrorCode.INVALID_REQUEST, f"parameter {name} is missing")
    if found["grant_type"] != CLIENT_CREDENTIALS:
        raise OAuthError(OAuthErrorCode.UNSUPPORTED_GRANT_TYPE, f"parameter grant_type must be {CLIENT_CREDENTIALS}")
    try:
        return TokenRequest(parse_grant_hash(found["scope"]), found["client_id"])
    except ValueError as error:
        raise OAuthError(OAuthErrorCode.INVALID_SCOPE, f"parameter scope {error}") from error


def check_token_request(
    request: TokenRequest, found: FoundGrant | None, *, client: PeerCertificate, issuer: Issuer
) -> ConnectionGrant:
    """Decide whether the client may have a token; return the grant that it is for.

    Shape: `found` is what the store has under `request.grant_hash`, by any alias.
    Raises: OAuthError invalid_client, invalid_scope, unauthorized_client, invalid_grant.
    """
    if request.client_id != client.peer_id:
        raise OAuthError(
            OAuthErrorCode.INVALID_CLIENT,
            f"client_id {quoted(request.client_id)} is not the Peer ID of the client certificate",
        )
    grant = _connection(request, found)
    if grant.service_peer_id != issuer.peer_id:
        raise OAuthError(OAuthErrorCode.INVALID_SCOPE, "the grant is for a Service of another Peer; ask its Manager")
    if grant.outway_peer_id != client.peer_id:
        raise OAuthError(OAuthErrorCode.UNAUTHORIZED_CLIENT, "the grant is for the Outway of another Peer")
    if found is not None and found.state is not ContractState.VALID:
        raise OAuthError(OAuthErrorCode.INVALID_GRANT, _state_text(found.state))
    if grant.service_name not in issuer.services:
        raise OAuthError(
            OAuthErrorCode.INVALID_SCOPE, f"no Inway of this Peer offers Service {quoted(grant.service_name)}"
        )
    _check_identification(grant, client)
    return grant


def claims_for(
    grant: ConnectionGrant,
    request: TokenRequest,
    *,
    client: PeerCertificate,
    issuer: Issuer,
    inway_address: InwayAddress,
    now: int,
    ttl_s: int,
    additional: JsonObject | None = None,
) -> Claims:
    """Compose the claims of the token for a grant that `check_token_request` returned.

    Units: `now` is whole Unix seconds.
    """
    return Claims(
        grant_hash=request.grant_hash,
        group_id=issuer.group_id,
        outway_peer_id=grant.outway_peer_id,
        service_peer_id=grant.service_peer_id,
        service_name=grant.service_name,
        audience=inway_address,
        expires_at=now + ttl_s,
        not_before=now - NOT_BEFORE_MARGIN_S,
        certificate_thumbprint=client.thumbprint,
        delegator_peer_id=grant.delegator_peer_id,
        service_delegator_peer_id=grant.service_delegator_peer_id,
        properties=grant.properties if grant.has_properties else None,
        additional=additional or {},
    )


def _connection(request: TokenRequest, found: FoundGrant | None) -> ConnectionGrant:
    if found is None:
        if hash_type(request.grant_hash) == CONTENT_HASH_TYPE:
            text = "scope is the content hash of a contract; use the hash of its connection grant"
        else:
            text = "this Manager knows no grant with the hash in scope"
        raise OAuthError(OAuthErrorCode.INVALID_SCOPE, text)
    if not isinstance(found.grant, ConnectionGrant):
        raise OAuthError(OAuthErrorCode.INVALID_SCOPE, "the grant in scope is a publication; use a connection grant")
    return found.grant


def _state_text(state: ContractState) -> str:
    match state:
        case ContractState.PROPOSED:
            return "the contract of this grant is not valid yet: it awaits signatures or its not_before"
        case ContractState.EXPIRED:
            return "the contract of this grant has expired; agree on a new one"
        case _:
            return f"the contract of this grant has been {state.lower()}; agree on a new one"


def _check_identification(grant: ConnectionGrant, client: PeerCertificate) -> None:
    match grant.outway_identification:
        case PublicKeyIdentification(public_key_thumbprint=thumbprint):
            if thumbprint != client.public_key_thumbprint:
                raise OAuthError(
                    OAuthErrorCode.UNAUTHORIZED_CLIENT,
                    f"the client certificate has public key thumbprint {client.public_key_thumbprint}, "
                    f"the grant is for {thumbprint}; keep the key pair when renewing, or agree on a new contract",
                )
        case DomainNameIdentification(domain_name=domain_name):
            if parse_domain_name(domain_name) not in client.dns_names:
                raise OAuthError(
                    OAuthErrorCode.UNAUTHORIZED_CLIENT,
                    f"the client certificate has no subject alternative name {quoted(domain_name)}",
                )
