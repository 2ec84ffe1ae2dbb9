"""Access tokens: issued by the Manager, verified by the Inway and the Service, inspected by the Outway.

Standard: FSC Core, Access token, Inway / Authorization and Outway / Routing; RFC 7519; RFC 8705 section 3.1.

The types tell how far trust has come, and each step takes what only the step before it returns:
UnverifiedToken -> SignedClaims (our own Manager signed it) -> Authorization (it authorizes this connection).
A Service behind the Inway cannot see the connection; the most it can reach is FederatedClaims. An Outway has no keys
of the other Peer at hand and needs none; what it reaches is InspectedClaims.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, replace
from typing import NewType

from certs.identity import PeerCertificate, PeerId
from certs.thumbprint import CertificateThumbprint
from gateway.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    AccessTokenMissing,
    ServiceNotFound,
    TokenRequestFailed,
    WrongGroupIdInToken,
    quoted,
)
from gateway.fsc.claims import Claims, parse_claims
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.jws import (
    Algorithm,
    CompactJws,
    MalformedJws,
    PrivateKey,
    PublicKey,
    UnusableKey,
    WrongSignature,
    check_signature,
    parse_compact,
    sign_compact,
)
from gateway.fsc.names import GrantHash, GroupId, InwayAddress, ServiceName, parse_inway_address

OUTWAY_MARGIN_S = 30
"""How long a token must still live for an Outway to use it."""

SignedClaims = NewType("SignedClaims", Claims)
"""Our own Manager signed these claims. Whether they fit anything is unknown."""

Authorization = NewType("Authorization", Claims)
"""These claims authorize the connection that they were checked against, at the instant they were."""

FederatedClaims = NewType("FederatedClaims", Claims)
"""These claims are ours and in force; that they arrived over the right connection is the word of the Inway."""

InspectedClaims = NewType("InspectedClaims", Claims)
"""What an Outway was given fits the grant it asked for, which says the rest. The Inway judges the signature."""


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """A token that has the right form. Nothing in it has been checked."""

    jws: CompactJws = field(repr=False)

    @property
    def thumbprint(self) -> CertificateThumbprint:
        """Which certificate claims to have signed."""
        return self.jws.thumbprint


@dataclass(frozen=True, slots=True)
class InwayIdentity:
    """What an Inway is and offers."""

    peer_id: PeerId
    group_id: GroupId
    addresses: AbstractSet[InwayAddress]
    services: AbstractSet[ServiceName]


@dataclass(frozen=True, slots=True)
class ExpectedToken:
    """What an Outway asked for: the grant and its hash, the Group, and its own certificate."""

    grant: ConnectionGrant
    grant_hash: GrantHash
    group_id: GroupId
    certificate_thumbprint: CertificateThumbprint


def issue_token(
    claims: Claims, private_key: PrivateKey, thumbprint: CertificateThumbprint, algorithm: Algorithm | None = None
) -> str:
    """Sign an access token.

    Raises: UnusableKey for a key that is too weak or does not fit the algorithm.
    """
    return sign_compact(claims.to_json(), private_key, thumbprint, algorithm=algorithm, type_name="JWT")


def parse_token(header_value: str | None) -> UnverifiedToken:
    """Read the value of `Fsc-Authorization`. The caller has limited its length and refused a repeated header.

    Shape: `Bearer <jwt>`, the scheme in any case.
    Raises: AccessTokenMissing, AccessTokenInvalid.
    """
    scheme, _, text = (header_value or "").strip().partition(" ")
    if not scheme or (scheme.lower() == "bearer" and not text):
        raise AccessTokenMissing("Fsc-Authorization holds no access token; send 'Bearer <access token>'")
    if scheme.lower() != "bearer":
        raise AccessTokenInvalid("Fsc-Authorization does not follow the form 'Bearer <access token>'")
    try:
        return UnverifiedToken(parse_compact(text.strip()))
    except MalformedJws as error:
        raise AccessTokenInvalid(f"the access token {error}") from error


def verify_signature_of_token(
    unverified: UnverifiedToken, keys: Mapping[CertificateThumbprint, PublicKey]
) -> SignedClaims:
    """Verify that the token was signed with one of `keys`, the token keys of our own Manager.

    Raises: AccessTokenInvalid.
    """
    key = keys.get(unverified.thumbprint)
    if key is None:
        raise AccessTokenInvalid(
            "the access token was not signed with a certificate of this Peer; request it from the Manager of this Peer"
        )
    try:
        check_signature(unverified.jws, key)
        return SignedClaims(parse_claims(unverified.jws.payload))
    except (UnusableKey, WrongSignature) as error:
        raise AccessTokenInvalid(f"the access token does not verify: {error}") from error
    except ValueError as error:
        raise AccessTokenInvalid(f"the access token {error}") from error


def authorize(
    claims: SignedClaims, *, peer: PeerCertificate, inway: InwayIdentity, grant: ConnectionGrant | None, now: int
) -> Authorization:
    """Decide whether signed claims authorize the connection opened with `peer`.

    In this order: (1) this Peer issued them, (2) they are in force, (3) they are bound to this certificate, (4) they
    were issued to the Peer of this certificate, (5) Group, (6) Inway, (7) Service, (8) contract.

    Standard: FSC Core, Inway / Authorization; RFC 8705 section 3.1.
    Shape: `grant` is the grant with the hash `claims.grant_hash` if its contract is valid at `now`, else None.
    Units: `now` is whole Unix seconds, no leeway.
    Raises: AccessTokenInvalid, AccessTokenExpired, WrongGroupIdInToken, ServiceNotFound.
    """
    _check_issuer(claims, inway)
    _check_time(claims, now)
    _check_binding(claims, peer)
    _check_group(claims, inway)
    _check_audience(claims, inway)
    _check_service(claims, inway)
    _check_grant(claims, grant)
    return Authorization(claims)


def accept_forwarded(
    claims: SignedClaims, *, inway: InwayIdentity, grant: ConnectionGrant | None, now: int
) -> FederatedClaims:
    """Decide, as a Service behind `inway`, whether signed claims are in force: `authorize` without the certificate.

    Raises: AccessTokenInvalid, AccessTokenExpired, WrongGroupIdInToken, ServiceNotFound.
    """
    _check_issuer(claims, inway)
    _check_time(claims, now)
    _check_group(claims, inway)
    _check_audience(claims, inway)
    _check_service(claims, inway)
    _check_grant(claims, grant)
    return FederatedClaims(claims)


def inspect_token(
    text: str, expected: ExpectedToken, *, now: int, allow_any_port: bool = False
) -> tuple[InspectedClaims, InwayAddress]:
    """Check, as an Outway, that a token is what was asked for, and tell which Inway to go to.

    Standard: FSC Core, Outway / Routing. The signature is not verified.
    Units: `now` is whole Unix seconds; the token must live OUTWAY_MARGIN_S longer.
    Raises: TokenRequestFailed.
    """
    try:
        claims = parse_claims(parse_compact(text).payload)
        address = parse_inway_address(claims.audience, allow_any_port=allow_any_port)
    except MalformedJws as error:
        raise TokenRequestFailed(f"the access token that the Manager gave {error}") from error
    except ValueError as error:
        raise TokenRequestFailed(f"the access token that the Manager gave {error}") from error
    grant = expected.grant
    for name, found, wanted in (
        ("gid", claims.group_id, expected.group_id),
        ("iss", claims.service_peer_id, grant.service_peer_id),
        ("sub", claims.outway_peer_id, grant.outway_peer_id),
        ("svc", claims.service_name, grant.service_name),
        ("gth", claims.grant_hash, expected.grant_hash),
        ("cnf.x5t#S256", claims.certificate_thumbprint, expected.certificate_thumbprint),
    ):
        if found != wanted:
            raise TokenRequestFailed(
                f"the access token that the Manager gave has {name} {quoted(found)}; {quoted(wanted)} was asked for"
            )
    if claims.expires_at < now + OUTWAY_MARGIN_S:
        raise TokenRequestFailed(
            f"the access token that the Manager gave expires {claims.expires_at - now} s from now; "
            f"compare the clocks, or let the Peer issue tokens that live longer than {OUTWAY_MARGIN_S} s"
        )
    # What is logged of Delegators and properties is what was agreed, whether the Manager put it in the token or not.
    agreed = replace(
        claims,
        delegator_peer_id=grant.delegator_peer_id,
        service_delegator_peer_id=grant.service_delegator_peer_id,
        properties=grant.properties if grant.has_properties else None,
    )
    return InspectedClaims(agreed), address


def _check_issuer(claims: Claims, inway: InwayIdentity) -> None:
    if claims.service_peer_id != inway.peer_id:
        raise AccessTokenInvalid("the access token has another Peer as iss than the one that owns this Inway")


def _check_time(claims: Claims, now: int) -> None:
    if now < claims.not_before:
        raise AccessTokenInvalid(f"the access token is valid only in {claims.not_before - now} s; compare the clocks")
    if now >= claims.expires_at:
        raise AccessTokenExpired("the access token has expired; request a new one")


def _check_binding(claims: Claims, peer: PeerCertificate) -> None:
    if claims.certificate_thumbprint != peer.thumbprint:
        raise AccessTokenInvalid("the access token is bound to another certificate than the one of this connection")
    if claims.outway_peer_id != peer.peer_id:
        raise AccessTokenInvalid("the access token was issued to another Peer than the one of this connection")


def _check_group(claims: Claims, inway: InwayIdentity) -> None:
    if claims.group_id != inway.group_id:
        raise WrongGroupIdInToken(
            f"the access token is for Group {quoted(claims.group_id)}; this Inway is in Group {quoted(inway.group_id)}"
        )


def _check_audience(claims: Claims, inway: InwayIdentity) -> None:
    if claims.audience not in inway.addresses:
        raise AccessTokenInvalid("the access token is for another Inway (aud); request a new one")


def _check_service(claims: Claims, inway: InwayIdentity) -> None:
    if claims.service_name not in inway.services:
        raise ServiceNotFound(f"this Inway does not offer a Service named {quoted(claims.service_name)}")


def _check_grant(claims: Claims, grant: ConnectionGrant | None) -> None:
    if grant is None:
        raise AccessTokenInvalid("the contract behind the access token (gth) is not valid, or not valid any more")
    carried = (grant.outway_peer_id, grant.service_peer_id, grant.service_name)
    if carried != (claims.outway_peer_id, claims.service_peer_id, claims.service_name):
        raise AccessTokenInvalid("the grant behind the access token (gth) is for another connection (sub, iss, svc)")
    delegators = (grant.delegator_peer_id, grant.service_delegator_peer_id)
    if delegators != (claims.delegator_peer_id, claims.service_delegator_peer_id):
        raise AccessTokenInvalid("the grant behind the access token (gth) has other Delegators (act.sub, pdi)")
