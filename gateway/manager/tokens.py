"""Issuing access tokens: who asks is who the connection says, what is asked must be a Grant that is valid now.

Standard: FSC Core, Manager / Tokens; RFC 6749 section 4.4; RFC 8705.
"""

from urllib.parse import parse_qsl

from certs.identity import PeerCertificate
from gateway.errors import OAuthError, OAuthErrorCode
from gateway.fsc.names import GrantHash
from gateway.fsc.token import issue_token
from gateway.fsc.token_request import FoundGrant, Issuer, check_token_request, claims_for, parse_token_request
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from storage.documents import JsonObject

_MAX_FIELDS = 16
_MAX_FORM_BYTES = 8192


async def answer_token_request(peer: LocalPeer, form: bytes, client: PeerCertificate) -> JsonObject:
    """The token that `form` asks for, bound to the certificate of `client`. Raises: OAuthError, StoreUnavailable."""
    tenant, now = peer.tenant, peer.clock.now()
    request = parse_token_request(_pairs(form))
    issuer = Issuer(tenant.peer_id, tenant.group.id, tenant.services)
    found = _found(await _record(peer, request.grant_hash, now), request.grant_hash, now)
    grant = check_token_request(request, found, client=client, issuer=issuer)
    ttl_s = tenant.group.token_ttl_s
    claims = claims_for(
        grant, request, client=client, issuer=issuer, inway_address=tenant.inway_address, now=now, ttl_s=ttl_s
    )
    pair = peer.signing_pair()
    await peer.certificates.retain(pair, now + ttl_s)
    return {
        "access_token": issue_token(claims, pair.private_key, pair.thumbprint),
        "token_type": "bearer",
        "expires_in": ttl_s,
    }


async def _record(peer: LocalPeer, grant_hash: GrantHash, now: int) -> ContractRecord | None:
    """The Contract of a Grant: from the view when it is valid, else from the store, to say what became of it."""
    valid = peer.contracts.valid_by_grant(grant_hash, now)
    if valid is not None:
        return valid
    records = await peer.contracts.with_grants([grant_hash])
    return records[0] if records else None


def _found(record: ContractRecord | None, grant_hash: GrantHash, now: int) -> FoundGrant | None:
    grant = None if record is None else record.grant(grant_hash)
    return None if record is None or grant is None else FoundGrant(grant, record.state(now))


def _pairs(form: bytes) -> list[tuple[str, str]]:
    if len(form) > _MAX_FORM_BYTES:
        raise OAuthError(OAuthErrorCode.INVALID_REQUEST, f"the form is larger than {_MAX_FORM_BYTES} bytes")
    try:
        return parse_qsl(form.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise OAuthError(OAuthErrorCode.INVALID_REQUEST, "the form cannot be read") from error
