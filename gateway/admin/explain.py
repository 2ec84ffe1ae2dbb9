"""Why a Contract was signed by itself or waits for a person: each accept rule held beside it."""

from aiohttp import web

from gateway.admin.openapi import Operation
from gateway.admin.requests import TENANT_PATH, Hosted, no_contract
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.http.query import QueryParameters
from gateway.manager.acceptance import Explanation, Finding, Verdict, explain
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from storage.documents import JsonObject


def explain_operations(hosted: Hosted) -> tuple[Operation, ...]:
    """The operations about accept rules."""

    async def explain_contract(request: web.Request) -> web.Response:
        """GET /tenants/{slug}/contracts/{hash}/explanation. Asks no policy decision point."""
        QueryParameters(request.query, known=())
        peer = hosted.manager(request).peer
        record = await peer.contracts.get(request.match_info["hash"])
        if record is None:
            raise no_contract()
        return web.json_response(explanation_view(record, peer))

    return (
        Operation(
            "GET",
            f"{TENANT_PATH}/contracts/{{hash}}/explanation",
            "What each accept rule of a tenant finds of a Contract, and what remains for a person",
            explain_contract,
        ),
    )


def explanation_view(record: ContractRecord, peer: LocalPeer) -> JsonObject:
    """What the rules come to now. `decided_by` counts rules from 1; `remark` was kept with our signature."""
    now = peer.clock.now()
    found = explain(record, peer.tenant, now=now, answer_to=peer.policy.to)
    decision = found.decision
    first = next((one.number for one in found.findings if one.verdict is not Verdict.DIFFERS), None)
    return {
        "content_hash": record.content_hash,
        "state": record.state(now),
        "rules": [_rule_view(one, first) for one in found.findings],
        "decided_by": decision.rule,
        "outcome": decision.kind,
        "reason": decision.reason,
        "signed_by_us": [kind.value for kind in SignatureType if peer.peer_id in record.signers(kind)],
        "remark": record.remark,
        "for_a_person": _for_a_person(found, record.state(now)),
    }


def _rule_view(finding: Finding, first: int | None) -> JsonObject:
    """`first` is the rule that counts; those after it are not tried."""
    return {
        "number": finding.number,
        "action": finding.signature,
        "verdict": finding.verdict,
        "reason": finding.reason,
        "tried": first is None or finding.number <= first,
    }


def _for_a_person(found: Explanation, state: ContractState) -> str:
    """What somebody has to do now; empty when nothing."""
    if found.settled or state is not ContractState.PROPOSED:
        return ""
    if found.decision.question is not None:
        return "nothing, unless you do not want to wait for the policy decision point"
    return "" if found.decision.kind is not None else "accept or reject it"
