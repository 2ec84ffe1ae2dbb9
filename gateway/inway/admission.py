"""Whether a request may pass the Inway, and for which Service: step 2 of the walk, without I/O.

Standard: FSC Core, Inway / Authorization and Routing; FSC Logging, Inway. The connection (step 1) was settled by TLS;
the log (step 3) and the relay (step 4) follow in `handler`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from certs.identity import PeerCertificate
from gateway.errors import AccessTokenInvalid, InvalidLogRecordId, MissingLogRecordId
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.names import TransactionId, parse_transaction_id
from gateway.fsc.token import (
    Authorization,
    InwayIdentity,
    SignedClaims,
    UnverifiedToken,
    authorize,
    parse_token,
    verify_signature_of_token,
)
from gateway.state.local_peer import LocalPeer

MAX_AUTHORIZATION_LENGTH = 1_500_000
"""Of `Fsc-Authorization`, in characters: a token carries the properties of its Grant, of up to 1 MB."""


@dataclass(frozen=True, slots=True)
class Admission:
    """A request that may pass once it is logged."""

    authorization: Authorization
    transaction_id: TransactionId


def admit(
    peer: LocalPeer,
    certificate: PeerCertificate,
    *,
    authorization: Sequence[str],
    transaction_id: Sequence[str],
    now: int,
) -> Admission:
    """Decide on a request by its `Fsc-Authorization` and `Fsc-Transaction-Id` values, in the order of FSC.md 7.1.

    Raises: AccessTokenMissing, AccessTokenInvalid, AccessTokenExpired, WrongGroupIdInToken, ServiceNotFound,
    MissingLogRecordId, InvalidLogRecordId.
    """
    if len(authorization) > 1:
        raise AccessTokenInvalid("Fsc-Authorization is given more than once")
    if authorization and len(authorization[0]) > MAX_AUTHORIZATION_LENGTH:
        raise AccessTokenInvalid(f"Fsc-Authorization is longer than {MAX_AUTHORIZATION_LENGTH} characters")
    signed = signed_claims(peer, parse_token(authorization[0] if authorization else None))
    authorized = authorize(
        signed, peer=certificate, inway=inway_identity(peer), grant=valid_grant(peer, signed, now), now=now
    )
    return Admission(authorized, _transaction_id(transaction_id))


def signed_claims(peer: LocalPeer, token: UnverifiedToken) -> SignedClaims:
    """The claims of a token that this very Peer signed. Raises: AccessTokenInvalid."""
    certificate = peer.certificates.get(token.thumbprint)
    keys = {} if certificate is None else {token.thumbprint: certificate.public_key()}
    return verify_signature_of_token(token, keys)


def inway_identity(peer: LocalPeer) -> InwayIdentity:
    """What the tenant's Inway is and offers now."""
    tenant = peer.tenant
    return InwayIdentity(tenant.peer_id, tenant.group.id, frozenset({tenant.inway_address}), tenant.services.keys())


def valid_grant(peer: LocalPeer, claims: SignedClaims, now: int) -> ConnectionGrant | None:
    """The Grant a token was issued for, when its Contract is valid at this instant: this is where revocation bites."""
    record = peer.contracts.valid_by_grant(claims.grant_hash, now)
    grant = None if record is None else record.grant(claims.grant_hash)
    return grant if isinstance(grant, ConnectionGrant) else None


def _transaction_id(values: Sequence[str]) -> TransactionId:
    if not values:
        raise MissingLogRecordId("Fsc-Transaction-Id is missing: the Outway sends it")
    if len(values) > 1:
        raise InvalidLogRecordId("Fsc-Transaction-Id is given more than once")
    try:
        return parse_transaction_id(values[0])
    except ValueError as error:
        raise InvalidLogRecordId(f"Fsc-Transaction-Id {error}") from error
