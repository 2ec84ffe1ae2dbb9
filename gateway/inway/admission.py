"""Whether a request may pass the Inway, and for which Service: step 2 of the walk, without I/O.

Standard: FSC Core, Inway / Authorization and Routing; FSC Logging, Inway. The connection (step 1) was settled by TLS;
the log (step 3) and the relay (step 4) follow in `handler`.
"""

from collections.abc import Sequence

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
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer

MAX_AUTHORIZATION_LENGTH = 1_500_000
"""Of `Fsc-Authorization`, in characters: a token carries the properties of its Grant, of up to 1 MB."""


def admit(
    peer: LocalPeer, certificate: PeerCertificate, *, authorization: Sequence[bytes], now: int
) -> tuple[Authorization, ContractRecord]:
    """Decide on a request by its `Fsc-Authorization` values, in the order of FSC.md 7.1.

    Shape: what authorizes it, and the Contract behind that, which is valid at `now`.
    Raises: AccessTokenMissing, AccessTokenInvalid, AccessTokenExpired, WrongGroupIdInToken, ServiceNotFound,
    StoreUnavailable.
    """
    if len(authorization) > 1:
        raise AccessTokenInvalid("Fsc-Authorization is given more than once")
    if authorization and len(authorization[0]) > MAX_AUTHORIZATION_LENGTH:
        raise AccessTokenInvalid(f"Fsc-Authorization is longer than {MAX_AUTHORIZATION_LENGTH} characters")
    value = authorization[0].decode("ascii", "replace") if authorization else None
    signed = signed_claims(peer, parse_token(value))
    contract = peer.contracts.valid_by_grant(signed.grant_hash, now)
    authorized = authorize(
        signed, peer=certificate, inway=inway_identity(peer), grant=_grant_of(contract, signed), now=now
    )
    assert contract is not None
    return authorized, contract


def transaction_id_of(values: Sequence[bytes]) -> TransactionId:
    """The transaction id of a request. Raises: MissingLogRecordId, InvalidLogRecordId."""
    if not values:
        raise MissingLogRecordId("Fsc-Transaction-Id is missing: the Outway sends it")
    if len(values) > 1:
        raise InvalidLogRecordId("Fsc-Transaction-Id is given more than once")
    try:
        return parse_transaction_id(values[0].decode("ascii", "replace"))
    except ValueError as error:
        raise InvalidLogRecordId(f"Fsc-Transaction-Id {error}") from error


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
    return _grant_of(peer.contracts.valid_by_grant(claims.grant_hash, now), claims)


def _grant_of(contract: ContractRecord | None, claims: SignedClaims) -> ConnectionGrant | None:
    grant = None if contract is None else contract.grant(claims.grant_hash)
    return grant if isinstance(grant, ConnectionGrant) else None
