"""The delivery worker: brings every signature we owe to the Peer we owe it to, until it says 201 or the Contract ends.

Theory of operation. Debts live in the Contract's document (`ContractRecord.deliveries`), each with the moment of its
next attempt. The worker sleeps until the earliest, tries all that are due at once, and writes the outcome back: gone
when confirmed, else later, with the reason. A killed process loses nothing: the debt is still there at the next start,
and a receiver that saw it already answers 201 again.
"""

import asyncio
import json
import logging
import random
from dataclasses import replace
from urllib.parse import quote

from certs.identity import PeerId
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.state.contracts import DELIVERS, ContractRecord, Delivery, DeliveryAction
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import manager_address_of
from storage.errors import StoreError

_log = logging.getLogger(__name__)

FIRST_DELAY_S = 1
MAX_DELAY_S = 60
_AT_ONCE = 16
_MAX_ERROR_TEXT = 500
_PAUSE_WITHOUT_STORE_S = 1.0


def next_delay_s(attempts: int, *, jitter: float) -> int:
    """How long to wait after `attempts` failures: 1 s, doubling to 60 s, `jitter` in 0..1 spreading it by a quarter."""
    exact: int = min(MAX_DELAY_S, FIRST_DELAY_S << min(attempts - 1, 16))
    return max(1, round(exact * (0.75 + 0.25 * jitter)))


class DeliveryWorker:
    """Delivers for one hosted Peer."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._slots = asyncio.Semaphore(_AT_ONCE)

    async def run(self) -> None:
        """Deliver until cancelled."""
        contracts = self._peer.contracts
        while True:
            contracts.owed.clear()
            try:
                await self.deliver_due()
                next_at = await contracts.next_owed_at()
            except StoreError as error:
                _log.warning("delivery_store_unavailable", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
                await asyncio.sleep(_PAUSE_WITHOUT_STORE_S)
                continue
            wait_s = None if next_at is None else max(0.0, next_at - self._peer.clock.now_ms() / 1000)
            try:
                await asyncio.wait_for(contracts.owed.wait(), wait_s)
            except TimeoutError:
                continue

    async def deliver_due(self) -> None:
        """Try everything that is due now, each Contract and Peer independent of the others."""
        now = self._peer.clock.now()
        async with asyncio.TaskGroup() as tasks:
            for record in await self._peer.contracts.owing(now):
                for delivery in record.deliveries:
                    if delivery.next_at <= now:
                        tasks.create_task(self._attempt(record, delivery, now))

    async def hasten(self, other: PeerId) -> None:
        """Try at once what is owed to `other`: it has just told us that it is there."""
        now = self._peer.clock.now()

        def sooner(record: ContractRecord) -> ContractRecord:
            return replace(
                record,
                deliveries=tuple(
                    replace(one, next_at=now) if one.peer_id == other else one for one in record.deliveries
                ),
            )

        for record in await self._peer.contracts.owing(now + MAX_DELAY_S):
            if any(one.peer_id == other for one in record.deliveries):
                await self._peer.contracts.update(record.content_hash, sooner)

    async def _attempt(self, record: ContractRecord, delivery: Delivery, now: int) -> None:
        over = record.content.not_after <= now
        error = ""
        if not over:
            async with self._slots:
                error = await self._send(record, delivery)
        if error:
            _log.warning(
                "delivery_failed",
                extra={
                    "peer_id": self._peer.peer_id,
                    "to": delivery.peer_id,
                    "action": delivery.action,
                    "contract": record.content_hash,
                    "attempt": delivery.attempts + 1,
                    "reason": error,
                },
            )
        try:
            await self._peer.contracts.update(
                record.content_hash, lambda current: settled(current, delivery, error, now)
            )
        except StoreError as failure:  # the debt stays as it was: it is tried again, which a receiver does not mind
            _log.warning("delivery_not_recorded", extra={"peer_id": self._peer.peer_id, "reason": str(failure)})

    async def _send(self, record: ContractRecord, delivery: Delivery) -> str:
        """Bring it there; returns "" when the Peer confirmed, else why not."""
        jws = record.signatures[DELIVERS[delivery.action]][self._peer.peer_id]
        body = json.dumps({"contract_content": record.parsed.raw, "signature": jws}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Fsc-Manager-Address": self._peer.tenant.manager_address}
        try:
            address = await manager_address_of(self._peer, delivery.peer_id)
            method, url = _endpoint(address, record, delivery.action)
            answer = await self._peer.client.call(delivery.peer_id, method, url, headers=headers, body=body)
        except PeerUnreachable as error:
            return str(error)
        return "" if answer.status in (200, 201, 204) else _refusal(answer)


def settled(record: ContractRecord, delivery: Delivery, error: str, now: int) -> ContractRecord:
    """The record after an attempt: the debt gone when there was no `error`, else due again later with the reason."""
    others = tuple(one for one in record.deliveries if not _same(one, delivery))
    if not error or len(others) == len(record.deliveries):
        return replace(record, deliveries=others)
    attempts = delivery.attempts + 1
    later = now + next_delay_s(attempts, jitter=random.random())  # noqa: S311 - spreads load, guards nothing
    again = replace(delivery, next_at=later, attempts=attempts, last_error=error[:_MAX_ERROR_TEXT])
    return replace(record, deliveries=(*others, again))


def _same(one: Delivery, other: Delivery) -> bool:
    return one.peer_id == other.peer_id and one.action is other.action


def _endpoint(address: str, record: ContractRecord, action: DeliveryAction) -> tuple[str, str]:
    if action is DeliveryAction.SUBMIT:
        return "POST", f"{address}/v1/contracts"
    return "PUT", f"{address}/v1/contracts/{quote(record.content_hash, safe='')}/{action}"


def _refusal(answer: PeerAnswer) -> str:
    try:
        body = json.loads(answer.body)
        return f"{answer.status} {body['code']}: {body['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} without a readable reason"
