"""What the administration API shows of Contracts, Peers and Services. Pure."""

from gateway.fsc.build import grant_data
from gateway.fsc.signature import SignatureType
from gateway.state.contracts import ContractRecord
from gateway.state.peers import KnownPeer
from gateway.state.tenant import Tenant
from storage.documents import JsonObject


def tenant_view(tenant: Tenant) -> JsonObject:
    """A tenant, in short."""
    return {
        "slug": tenant.slug,
        "peer_id": tenant.peer_id,
        "name": tenant.name,
        "directory": tenant.directory,
        "manager_address": tenant.manager_address,
        "inway_address": tenant.inway_address,
        "group_id": tenant.group.id,
    }


def contract_view(record: ContractRecord, *, now: int) -> JsonObject:
    """A Contract with everything that a person wants to see before signing it. Instants are Unix seconds."""
    content = record.content
    required = content.required_accepts()
    profile = record.hashes[0].profile
    return {
        "content_hash": record.content_hash,
        "state": record.state(now),
        "hash_profile": profile,
        "iv": content.iv,
        "group_id": content.group_id,
        "created_at": content.created_at,
        "not_before": content.not_before,
        "not_after": content.not_after,
        "peer_ids": sorted(content.peer_ids()),
        "grants": [
            {"grant_hash": grant_hash, "data": grant_data(grant, profile)}
            for grant_hash, grant in zip(record.grant_hashes, content.grants, strict=True)
        ],
        "signatures": {kind.value: sorted(record.signers(kind)) for kind in SignatureType},
        "missing_accepts": sorted(required - record.signers(SignatureType.ACCEPT)),
        "deliveries": [
            {
                "peer_id": one.peer_id,
                "action": one.action,
                "attempts": one.attempts,
                "next_at": one.next_at,
                "last_error": one.last_error,
            }
            for one in record.deliveries
        ],
        "remark": record.remark,
    }


def peer_view(peer: KnownPeer) -> JsonObject:
    """A Peer that we know."""
    return {
        "peer_id": peer.peer_id,
        "name": peer.name,
        "manager_address": peer.manager_address,
        "first_seen_at": peer.first_seen_at,
    }
