"""Asking a policy decision point whether a Contract may be signed, apart from its receipt.

Standard: AuthZEN Authorization API 1.0, Access Evaluation; subject, action, resource and context as OpenFSC names them
for automatic signing, with the whole Contract added (FSC.md 11).

Theory of operation. `contracts.consider` never waits for anybody: what a rule has to ask is put down in
`LocalPeer.policy` and brought by the worker here, which then lets the rules look again. A question lost with the
process is asked anew, because the upkeep considers every Contract that waits for us, at the start and in each round.
Without an answer nothing happens until the next round; that a policy decision point is silent is logged once, and again
when it speaks.
"""

import asyncio
import logging

from config.settings import PdpSettings
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.http.json_client import JsonAnswer, NoAnswer, printable_text
from gateway.manager.contracts import consider
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.policy import PolicyAnswer, PolicyQuestion, Ruling
from storage.errors import StoreError

_log = logging.getLogger(__name__)

AT_ONCE = 8
"""Questions under way at the same time."""


class PolicyWorker:
    """Brings the questions of one hosted Peer to its policy decision points."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._silent: set[str] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        questions = self._peer.policy
        async with asyncio.TaskGroup() as tasks:
            while True:
                await questions.asked.wait()
                for question in questions.take():
                    tasks.create_task(self._bring(question))

    async def _bring(self, question: PolicyQuestion) -> None:
        """Ask, keep the answer, and let the rules look again when there is one. Only cancellation leaves it."""
        answer = None
        try:
            async with self._slots:
                record = await self._peer.contracts.get(question.content_hash)
                if record is not None:
                    answer = await self._ask(record, question)
        except StoreError as error:
            _log.warning("policy_not_asked", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
        except Exception:
            _log.exception("policy_crashed", extra={"peer_id": self._peer.peer_id, "contract": question.content_hash})
        finally:
            self._peer.policy.settle(question, answer)
        if answer is not None and answer.ruling is not Ruling.NONE:
            await self._reconsider(question)

    async def _ask(self, record: ContractRecord, question: PolicyQuestion) -> PolicyAnswer:
        pdp = question.pdp
        token = pdp.token.get_secret_value()
        try:
            answer = await self._peer.json_client.post(
                str(pdp.url),
                evaluation_request(record, self._peer.tenant.peer_id, question.signature),
                timeout_s=pdp.timeout_seconds,
                headers={"Authorization": f"Bearer {token}"} if token else None,
            )
            ruling = read_evaluation(answer)
        except NoAnswer as error:
            ruling = PolicyAnswer(Ruling.NONE, str(error))
        self._tell(pdp, ruling)
        return ruling

    async def _reconsider(self, question: PolicyQuestion) -> None:
        try:
            await consider(self._peer, question.content_hash)
        except StoreError as error:  # the next round of the upkeep does it
            _log.warning("policy_not_applied", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
        except Exception:
            _log.exception("policy_crashed", extra={"peer_id": self._peer.peer_id, "contract": question.content_hash})

    def _tell(self, pdp: PdpSettings, answer: PolicyAnswer) -> None:
        """Log that it fell silent, or speaks again."""
        url = str(pdp.url)
        fields = {"peer_id": self._peer.peer_id, "url": url}
        if answer.ruling is Ruling.NONE and url not in self._silent:
            self._silent.add(url)
            _log.warning("policy_decision_point_silent", extra={**fields, "reason": answer.reason})
        elif answer.ruling is not Ruling.NONE and url in self._silent:
            self._silent.remove(url)
            _log.info("policy_decision_point_answers", extra=fields)


def evaluation_request(record: ContractRecord, us: str, signature: SignatureType) -> JsonObject:
    """What a policy decision point is asked about `record`: may we, the subject, sign it so?

    Standard: AuthZEN Authorization API 1.0, Access Evaluation request.
    """
    content = record.content
    return {
        "subject": {
            "type": "peer_id",
            "id": us,
            "properties": {"self_peer_id": us, "peer_ids": sorted(content.peer_ids())},
        },
        "action": {"name": "autosign_contract", "properties": {"signature": signature}},
        "resource": {
            "type": "contract",
            "id": record.content_hash,
            "properties": {
                "grant_types": [grant.kind.type_number for grant in content.grants],
                "grants": [
                    {"hash": grant_hash, "data": grant["data"]}
                    for grant_hash, grant in zip(record.grant_hashes, record.parsed.raw["grants"], strict=True)
                ],
                "group_id": content.group_id,
                "validity": {"not_before": content.not_before, "not_after": content.not_after},
                "created_at": content.created_at,
                "accepted_by": sorted(record.signers(SignatureType.ACCEPT)),
            },
        },
        "context": {"doelbinding": "auto_sign_contract"},
    }


def read_evaluation(answer: JsonAnswer) -> PolicyAnswer:
    """What the answer says: a decision only when the status is 200 and `decision` is a boolean.

    Standard: AuthZEN Authorization API 1.0, Access Evaluation response.
    """
    decision = answer.body.get("decision")
    if answer.status != 200:
        return PolicyAnswer(Ruling.NONE, f"it answered with status {answer.status}")
    if not isinstance(decision, bool):
        return PolicyAnswer(Ruling.NONE, "its answer has no decision that is true or false")
    context = answer.body.get("context")
    reason = printable_text(context.get("reason")) if isinstance(context, dict) else ""
    return PolicyAnswer(Ruling.PERMIT if decision else Ruling.DENY, reason)
