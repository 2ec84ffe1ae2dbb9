"""Issuing access tokens: who asks is who the connection says, what is asked must be a Grant that is valid now.

Standard: FSC Core, Manager / Tokens; RFC 6749 section 4.4; RFC 8705.
"""

import logging
from urllib.parse import parse_qsl

from certs.identity import PeerCertificate
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.names import GrantHash
from gateway.fsc.oauth import OAuthError, OAuthErrorCode, OAuthTemporarilyUnavailable
from gateway.fsc.token import issue_token
from gateway.fsc.token_request import (
    FoundGrant,
    Issuer,
    TokenRequest,
    check_token_request,
    claims_for,
    parse_token_request,
)
from gateway.manager.additional_claims import additional_claims
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate
from storage.documents import JsonObject
from storage.errors import StoreError

_log = logging.getLogger(__name__)

_MAX_FIELDS = 16
_MAX_FORM_BYTES = 8192


async def answer_token_request(peer: LocalPeer, form: bytes, client: PeerCertificate) -> JsonObject:
    """The token that `form` asks for, bound to the certificate of `client`.

    Raises: OAuthError, OAuthTemporarilyUnavailable.
    """
    request = parse_token_request(_pairs(form))
    try:
        grant, record = await _authorized(peer, request, client)
        added: JsonObject = {}
        if peer.tenant.additional_claims is not None:
            data = _grant_data(record, request.grant_hash)
            added = await additional_claims(peer.json_client, peer.tenant.additional_claims, data)
            grant, _ = await _authorized(peer, request, client)  # asking took a while: the Contract may be over
        return await _issued(peer, grant, request, client, added)
    except (StoreError, NoValidCertificate) as error:
        _log.error("token_not_issued", extra={"peer_id": peer.peer_id, "reason": str(error)})
        raise OAuthTemporarilyUnavailable("this Manager cannot issue tokens now; try again later") from error


async def _authorized(
    peer: LocalPeer, request: TokenRequest, client: PeerCertificate
) -> tuple[ConnectionGrant, ContractRecord]:
    """The Grant by which `client` may have a token now, and its Contract. Raises: OAuthError, StoreError."""
    now = peer.clock.now()
    record = await _record(peer, request.grant_hash, now)
    found = _found(record, request.grant_hash, now)
    grant = check_token_request(request, found, client=client, issuer=_issuer(peer))
    assert record is not None  # else there was no Grant either
    return grant, record


async def _issued(
    peer: LocalPeer, grant: ConnectionGrant, request: TokenRequest, client: PeerCertificate, added: JsonObject
) -> JsonObject:
    tenant, now = peer.tenant, peer.clock.now()
    ttl_s = tenant.group.token_ttl_s
    claims = claims_for(
        grant,
        request,
        client=client,
        issuer=_issuer(peer),
        inway_address=tenant.inway_address,
        now=now,
        ttl_s=ttl_s,
        additional=added,
    )
    pair = peer.signing_pair()
    await peer.certificates.retain(pair, now + ttl_s)
    return {
        "access_token": issue_token(claims, pair.private_key, pair.thumbprint),
        "token_type": "bearer",
        "expires_in": ttl_s,
    }


def _issuer(peer: LocalPeer) -> Issuer:
    tenant = peer.tenant
    return Issuer(tenant.peer_id, tenant.group.id, tenant.services)


def _grant_data(record: ContractRecord, grant_hash: GrantHash) -> JsonObject:
    """The Grant as the Contract has it, found by its hash under any profile."""
    place = next(one.grant_hashes.index(grant_hash) for one in record.hashes if grant_hash in one.grant_hashes)
    data: JsonObject = record.parsed.raw["grants"][place]["data"]
    return data


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
