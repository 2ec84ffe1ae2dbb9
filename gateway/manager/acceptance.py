"""Accept rules: what the configuration says about a Contract that waits for our signature. Pure.

DESIGN section 3: the first rule that matches decides; none matches: a human. A rule sees the whole Contract. Two things
no rule ever accepts: a Service of ours that we do not offer, and an Outway identified by domain name.
"""

from dataclasses import dataclass

from config.settings import AcceptRule
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, Grant, PublicationGrant
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord
from gateway.state.tenant import Tenant

_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Decision:
    """The signature to give, and which rule says so; `kind` is None when a human decides."""

    kind: SignatureType | None
    reason: str

    @classmethod
    def none(cls, reason: str) -> "Decision":
        """Leave it as it is."""
        return cls(None, reason)


def decide(record: ContractRecord, tenant: Tenant, *, now: int) -> Decision:
    """What the rules of `tenant` say about `record` at `now`."""
    if tenant.peer_id not in record.content.peer_ids():
        return Decision.none("the contract does not name us")
    if any(tenant.peer_id in record.signers(kind) for kind in SignatureType):
        return Decision.none("we have signed already")
    if record.state(now) is not ContractState.PROPOSED:
        return Decision.none("the contract is over")
    for number, rule in enumerate(tenant.accept, start=1):
        if not _matches(rule, record, tenant):
            continue
        if rule.action == "reject":
            return Decision(SignatureType.REJECT, f"accept rule {number}: reject")
        obstacle = _never_by_rule(record, tenant)
        if obstacle:
            return Decision.none(f"accept rule {number} matches, but {obstacle}")
        return Decision(SignatureType.ACCEPT, f"accept rule {number}")
    return Decision.none("no accept rule matches: a human decides")


def _matches(rule: AcceptRule, record: ContractRecord, tenant: Tenant) -> bool:
    content = record.content
    others = content.peer_ids() - {tenant.peer_id}
    duration_s = content.not_after - content.not_before
    return (
        all(_rule_name(grant) in rule.grants for grant in content.grants)
        and (not rule.services or all(grant.service_name in rule.services for grant in content.grants))
        and all(rule.names_peer(other) for other in others)
        and (rule.max_days is None or duration_s <= rule.max_days * _DAY_S)
    )


def _rule_name(grant: Grant) -> str:
    return grant.kind.name.lower()


def _never_by_rule(record: ContractRecord, tenant: Tenant) -> str:
    for grant in record.content.grants:
        if isinstance(grant, ConnectionGrant) and isinstance(grant.outway_identification, DomainNameIdentification):
            return "it identifies an Outway by domain name"
        if isinstance(grant, PublicationGrant) and grant.directory_peer_id == tenant.peer_id and not tenant.directory:
            return "it asks us to be a Directory, which we are not"
        if grant.service_peer_id == tenant.peer_id and grant.service_name not in tenant.services:
            return f"we do not offer service {grant.service_name}"
    return ""
