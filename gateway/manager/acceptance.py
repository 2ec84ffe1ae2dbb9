"""Accept rules: what the configuration says about a Contract that waits for our signature. Pure.

DESIGN section 3: the first rule that matches decides; none matches: a human. A rule sees the whole Contract. Three
things no rule ever accepts: a Service of ours that we do not offer, an Outway identified by domain name, and being a
Directory when we are none.

Theory of operation. `findings` looks at the rules in their order and tells of each whether it matches, with the first
condition that does not hold; `decide` stops at the first that settles the matter, `explain` looks at them all. A rule
with a policy decision point whose other conditions hold is a question until the answer is known: until then nothing is
decided and no later rule is tried, so that a rule meant for the rest never takes what the policy should have judged.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from certs.identity import PeerId
from config.settings import AcceptRule
from gateway.errors import quoted
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, Grant, PublicationGrant
from gateway.fsc.jcs import canonicalise
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord
from gateway.state.policy import AnswerTo, PolicyQuestion, Ruling
from gateway.state.tenant import Tenant

_DAY_S = 86_400
_SIGNATURES = {"accept": SignatureType.ACCEPT, "reject": SignatureType.REJECT}


class Verdict(StrEnum):
    """What one rule says of a Contract."""

    MATCHES = "matches"
    DIFFERS = "does not match"
    ASKS = "waits for its policy decision point"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule held beside the Contract. `number` counts from 1; `reason` is empty for a match without a remark."""

    number: int
    signature: SignatureType
    verdict: Verdict
    reason: str
    question: PolicyQuestion | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """The signature to give, or None; `rule` is the number of the rule that settled it, `question` what it asks."""

    kind: SignatureType | None
    reason: str
    rule: int | None = None
    question: PolicyQuestion | None = None

    @classmethod
    def none(cls, reason: str) -> "Decision":
        """Leave it as it is."""
        return cls(None, reason)


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every rule as it finds the Contract now, and what that comes to. `settled`: why no rule is asked any more."""

    findings: tuple[Finding, ...]
    decision: Decision
    settled: str


def decide(record: ContractRecord, tenant: Tenant, *, now: int, answer_to: AnswerTo) -> Decision:
    """What the rules of `tenant` say about `record` at `now`, as far as the policy decision points have answered."""
    settled = _settled(record, tenant, now)
    return Decision.none(settled) if settled else _first(findings(record, tenant, answer_to), record, tenant)


def explain(record: ContractRecord, tenant: Tenant, *, now: int, answer_to: AnswerTo) -> Explanation:
    """The same for a person: what each rule finds, also those after the one that decides."""
    found = tuple(findings(record, tenant, answer_to))
    settled = _settled(record, tenant, now)
    return Explanation(found, Decision.none(settled) if settled else _first(found, record, tenant), settled)


def findings(record: ContractRecord, tenant: Tenant, answer_to: AnswerTo) -> Iterator[Finding]:
    """Each rule of `tenant` beside `record`, in the order of the configuration."""
    for number, rule in enumerate(tenant.accept, start=1):
        difference = next((text for text in (check(rule, record, tenant) for check in _CONDITIONS) if text), "")
        if difference:
            yield Finding(number, _SIGNATURES[rule.action], Verdict.DIFFERS, difference)
        else:
            yield _judged(number, rule, record, answer_to)


def _judged(number: int, rule: AcceptRule, record: ContractRecord, answer_to: AnswerTo) -> Finding:
    """A rule whose own conditions hold: it matches, unless its policy decision point has (still) to say so."""
    signature = _SIGNATURES[rule.action]
    if rule.pdp is None:
        return Finding(number, signature, Verdict.MATCHES, rule.reason or "")
    question = PolicyQuestion(record.content_hash, rule.pdp, signature)
    answer = answer_to(question)
    said = f": {answer.reason}" if answer is not None and answer.reason else ""
    match None if answer is None else answer.ruling:
        case Ruling.PERMIT:
            remark = f"{rule.reason}; " if rule.reason else ""
            reason = f"{remark}its policy decision point permits it{said}"
            return Finding(number, signature, Verdict.MATCHES, reason)
        case Ruling.DENY:
            return Finding(number, signature, Verdict.DIFFERS, f"its policy decision point denies it{said}")
        case Ruling.NONE:
            reason = f"its policy decision point gave no decision{said}; it is asked again"
            return Finding(number, signature, Verdict.ASKS, reason, question)
        case None:
            return Finding(number, signature, Verdict.ASKS, "its policy decision point has not answered yet", question)


def _first(found: Iterable[Finding], record: ContractRecord, tenant: Tenant) -> Decision:
    for one in found:
        rule, reason = f"accept rule {one.number}", f": {one.reason}" if one.reason else ""
        if one.verdict is Verdict.DIFFERS:
            continue
        if one.verdict is Verdict.ASKS:
            return Decision(None, f"{rule}{reason}", one.number, one.question)
        if one.signature is SignatureType.REJECT:
            return Decision(SignatureType.REJECT, f"{rule}: reject{reason}", one.number)
        obstacle = _never_by_rule(record, tenant)
        if obstacle:
            return Decision(None, f"{rule} matches, but {obstacle}: a human decides", one.number)
        return Decision(SignatureType.ACCEPT, f"{rule}{reason}", one.number)
    return Decision.none("no accept rule matches: a human decides")


def _settled(record: ContractRecord, tenant: Tenant, now: int) -> str:
    """Why there is nothing to decide; empty when there is."""
    if tenant.peer_id not in record.content.peer_ids():
        return "the contract does not name us"
    if any(tenant.peer_id in record.signers(kind) for kind in SignatureType):
        return "we have signed already"
    if record.state(now) is not ContractState.PROPOSED:
        return "the contract is over"
    return ""


# -- The conditions of a rule: each tells what of the Contract does not fit, or nothing.

_Condition: TypeAlias = Callable[[AcceptRule, ContractRecord, Tenant], str]


def _grant_types(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    other = next((name for name in map(_rule_name, record.content.grants) if name not in rule.grants), None)
    return "" if other is None else f"grants: the contract has a grant of type {other}"


def _services(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    if rule.services is None:
        return ""
    listed: tuple[str, ...] = rule.services
    other = next((grant.service_name for grant in record.content.grants if grant.service_name not in listed), None)
    return "" if other is None else f"services: the contract is about {quoted(other)}"


def _peers(rule: AcceptRule, record: ContractRecord, tenant: Tenant) -> str:
    others = sorted(record.content.peer_ids() - {tenant.peer_id})
    strange = next((other for other in others if not rule.names_peer(other)), None)
    return "" if strange is None else f"peers: the contract names Peer {strange}"


def _delegators(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    named = sorted({peer_id for grant in record.content.grants for peer_id in _delegators_of(grant)})
    strange = next((peer_id for peer_id in named if not rule.names_delegator(peer_id)), None)
    return "" if strange is None else f"delegators: the contract has Delegator {strange}"


def _identification(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    if rule.identification is None:
        return ""
    listed: tuple[str, ...] = rule.identification
    used = (_identification_name(one) for one in record.content.grants if isinstance(one, ConnectionGrant))
    other = next((name for name in used if name not in listed), None)
    return "" if other is None else f"identification: the contract identifies an Outway by {other}"


def _properties(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    for grant in record.content.grants:
        for name, value in rule.properties.items():
            if name not in grant.properties:
                return f"properties: a grant lacks {quoted(name)}"
            if not _same(value, grant.properties[name]):
                return f"properties: a grant has another value for {quoted(name)}"
        other = next((name for name in grant.properties if name not in rule.properties), None)
        if other is not None and not rule.other_properties:
            return f"other_properties: a grant has {quoted(other)} too"
    return ""


def _duration(rule: AcceptRule, record: ContractRecord, _: Tenant) -> str:
    duration_s = record.content.not_after - record.content.not_before
    if rule.max_days is None or duration_s <= rule.max_days * _DAY_S:
        return ""
    return f"max_days: the contract is for {-(-duration_s // _DAY_S)} days"


_CONDITIONS: tuple[_Condition, ...] = (
    _grant_types,
    _services,
    _peers,
    _delegators,
    _identification,
    _properties,
    _duration,
)


def _rule_name(grant: Grant) -> str:
    return grant.kind.name.lower()


def _delegators_of(grant: Grant) -> Iterator[PeerId]:
    of_service = grant.service_delegator_peer_id if isinstance(grant, ConnectionGrant) else None
    yield from (peer_id for peer_id in (grant.delegator_peer_id, of_service) if peer_id is not None)


def _identification_name(grant: ConnectionGrant) -> str:
    by_name = isinstance(grant.outway_identification, DomainNameIdentification)
    return "domain_name" if by_name else "public_key_thumbprint"


def _same(one: object, other: object) -> bool:
    """Equal as JSON: `1` is `1.0` but not `true`, unlike in Python."""
    return canonicalise({"": one}) == canonicalise({"": other})


def _never_by_rule(record: ContractRecord, tenant: Tenant) -> str:
    for grant in record.content.grants:
        if isinstance(grant, ConnectionGrant) and isinstance(grant.outway_identification, DomainNameIdentification):
            return "it identifies an Outway by domain name"
        if isinstance(grant, PublicationGrant) and grant.directory_peer_id == tenant.peer_id and not tenant.directory:
            return "it asks us to be a Directory, which we are not"
        if grant.service_peer_id == tenant.peer_id and grant.service_name not in tenant.services:
            return f"we do not offer service {grant.service_name}"
    return ""
