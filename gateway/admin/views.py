"""What the administration API shows of Contracts and tenants. Pure."""

from gateway.fsc.build import grant_data
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.desired import Decision
from gateway.state.contracts import ContractRecord, Delivery
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
        "deliveries": [delivery_view(one) for one in record.deliveries],
        "remark": record.remark,
        "made_for": record.made_for,
        "withdrawn": record.withdrawn,
    }


def delivery_view(delivery: Delivery) -> JsonObject:
    """A signature that is not confirmed: how often it was tried, what was said last, when it is tried again."""
    return {
        "peer_id": delivery.peer_id,
        "action": delivery.action,
        "attempts": delivery.attempts,
        "next_at": delivery.next_at,
        "last_error": delivery.last_error,
    }


def decision_view(decision: Decision, *, now: int) -> JsonObject:
    """What there is for one declared connection or publication, and what is done about it."""
    contract = decision.contract
    return {
        "declaration": decision.label,
        "action": decision.action,
        "settled": decision.settled,
        "in_use": decision.in_use,
        "contract": None if contract is None else _in_short(contract, now=now),
        "grant": None if decision.wanted is None else grant_data(decision.wanted.grant, HashProfile.FSC_2_0),
        "revoked": [_in_short(one, now=now) for one in decision.ended],
        "revoked_later": [_in_short(one, now=now) for one in decision.outgoing],
        "duplicates": [_in_short(one, now=now) for one in decision.duplicates],
    }


def _in_short(record: ContractRecord, *, now: int) -> JsonObject:
    ended = {kind: sorted(record.signers(kind)) for kind in (SignatureType.REJECT, SignatureType.REVOKE)}
    waiting = record.content.required_accepts() - record.signers(SignatureType.ACCEPT)
    return {
        "content_hash": record.content_hash,
        "state": record.state(now),
        "not_after": record.content.not_after,
        "waits_for": sorted(waiting),
        "ended_by": next((peers for peers in ended.values() if peers), []),
    }
