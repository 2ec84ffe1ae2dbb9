"""The delivery worker: brings every signature we owe to the Peer we owe it to, until it says 201 or the Contract ends.

Theory of operation. Debts live in the Contract's document (`ContractRecord.deliveries`), each with the moment of its
next attempt. The worker sleeps until the earliest, begins all that are due, and each attempt writes its own outcome
back: gone when confirmed, else later, with the reason. Attempts do not wait for each other: a Peer that does not answer
holds up nothing but its own. A killed process loses nothing: the debt is still there at the next start, and a receiver
that saw it already answers 201 again. What is owed when a Contract is over is brought all the same, until its validity
ends: every party is to hold the same signatures.
"""

import asyncio
import json
import logging
import random
from collections import defaultdict
from dataclasses import dataclass, replace
from urllib.parse import quote

from certs.identity import PeerId
from gateway.errors import InvalidRequest
from gateway.fsc.jcs import parse_json
from gateway.fsc.names import ContentHash
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import explain_refusal
from gateway.http.client import PeerAnswer, PeerUnreachable
from gateway.state.contracts import DELIVERS, ContractRecord, Delivery, DeliveryAction
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import PeerUnknown, call_manager, manager_address_of
from storage.errors import StoreError

_log = logging.getLogger(__name__)

FIRST_DELAY_S = 1
MAX_DELAY_S = 60
_AT_ONCE = 4
"""Attempts at one Peer at the same time."""
_MAX_ERROR_TEXT = 500
_PAUSE_WITHOUT_STORE_S = 1.0
_LOOK_EVERY_S = 15
"""Another process of ours may have written a debt: it is noticed within this time."""
_UNKNOWN_PAUSES_S = (0.1, 0.2, 0.4)
"""Within the first attempt: Peers that start together have not all announced themselves yet."""


def next_delay_s(attempts: int, *, jitter: float) -> int:
    """How long to wait after `attempts` failures: 1 s, doubling to 60 s, `jitter` in 0..1 spreading it by a quarter."""
    exact: int = min(MAX_DELAY_S, FIRST_DELAY_S << min(attempts - 1, 16))
    return max(1, round(exact * (0.75 + 0.25 * jitter)))


@dataclass(frozen=True, slots=True)
class _Debt:
    """What is owed to whom: there is at most one attempt at each at a time."""

    content_hash: ContentHash
    peer_id: PeerId
    action: DeliveryAction


class DeliveryWorker:
    """Delivers for one hosted Peer."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._under_way: set[_Debt] = set()
        self._slots: defaultdict[PeerId, asyncio.Semaphore] = defaultdict(lambda: asyncio.Semaphore(_AT_ONCE))
        self._unreachable: dict[PeerId, tuple[float, str]] = {}
        self._look_at = 0.0

    async def run(self) -> None:
        """Deliver until cancelled."""
        owed = self._peer.contracts.owed
        async with asyncio.TaskGroup() as tasks:
            while True:
                owed.clear()
                try:
                    next_at = await self._begin_due(tasks)
                except StoreError as error:
                    _log.warning("delivery_store_unavailable", extra=self._said(reason=str(error)))
                    await asyncio.sleep(_PAUSE_WITHOUT_STORE_S)
                    continue
                wait_s = _LOOK_EVERY_S if next_at is None else next_at - self._peer.clock.now_ms() / 1000
                try:
                    async with asyncio.timeout(min(max(0.0, wait_s), _LOOK_EVERY_S)):
                        await owed.wait()
                except TimeoutError:
                    continue

    async def hasten(self, other: PeerId) -> None:
        """Try at once what is owed to `other`: it has just told us that it is there."""
        now = self._peer.clock.now()
        async for record in self._peer.contracts.owing(now + MAX_DELAY_S):
            if record.hastened(other, now=now) != record:
                await self._peer.contracts.update(record.content_hash, lambda current: current.hastened(other, now=now))

    async def _begin_due(self, tasks: asyncio.TaskGroup) -> int | None:
        """Begin an attempt at everything that is due; returns when the next debt is, if there is one."""
        now, contracts = self._peer.clock.now(), self._peer.contracts
        if asyncio.get_running_loop().time() >= self._look_at:
            async for record in contracts.owing(now):
                contracts.agenda.put(record)
            for content_hash in contracts.agenda.postponed_beyond(now + MAX_DELAY_S):  # the clock went back
                await contracts.update(content_hash, lambda current: current.hastened(None, now=now))
            self._look_at = asyncio.get_running_loop().time() + _LOOK_EVERY_S
        for record in contracts.agenda.take_due(now):
            for delivery in record.deliveries:
                debt = _Debt(record.content_hash, delivery.peer_id, delivery.action)
                if delivery.next_at <= now and debt not in self._under_way:
                    self._under_way.add(debt)
                    tasks.create_task(self._attempt(record, delivery, debt))
        return contracts.agenda.next_at()

    async def _attempt(self, record: ContractRecord, delivery: Delivery, debt: _Debt) -> None:
        """One attempt, and its outcome written down. Only cancellation leaves it: a fault in one stops no other."""
        try:
            error = await self._bring(record, delivery)
            if error:
                self._tell_failure(record, delivery, error)
            now = self._peer.clock.now()
            brought = self._signature(record, delivery)

            def settle(current: ContractRecord) -> ContractRecord:
                renewed = self._signature(current, delivery) != brought  # signed again meanwhile: that is owed now
                return current if renewed else settled(current, delivery, error, now)

            present = await self._peer.contracts.update(record.content_hash, settle)
            self._peer.contracts.agenda.put(present)  # what was read before it was settled may have come after
        except StoreError as failure:  # the debt stays as it was: it is tried again, which a receiver does not mind
            _log.warning("delivery_not_recorded", extra=self._said(reason=str(failure)))
            await asyncio.sleep(_PAUSE_WITHOUT_STORE_S)
        except Exception:
            _log.exception("delivery_crashed", extra=self._said(to=delivery.peer_id, contract=record.content_hash))
            await asyncio.sleep(MAX_DELAY_S)
        finally:
            self._under_way.discard(debt)
            self._peer.contracts.agenda.put_back(debt.content_hash)
            self._peer.contracts.owed.set()

    async def _bring(self, record: ContractRecord, delivery: Delivery) -> str:
        """Send it unless the Contract is over; returns "" when nothing is owed any more, else why not."""
        asked_at = asyncio.get_running_loop().time()
        async with self._slots[delivery.peer_id]:
            if record.content.not_after <= self._peer.clock.now():
                return ""
            failed_at, reason = self._unreachable.get(delivery.peer_id, (asked_at, ""))
            if failed_at > asked_at:  # the Peer did not answer while this one waited for its turn
                return reason
            return await self._send(record, delivery)

    async def _send(self, record: ContractRecord, delivery: Delivery) -> str:
        jws = self._signature(record, delivery)
        body = json.dumps({"contract_content": record.parsed.raw, "signature": jws}, ensure_ascii=False).encode()
        headers = {"Content-Type": "application/json", "Fsc-Manager-Address": self._peer.tenant.manager_address}
        method, path = _endpoint(record, delivery.action)
        try:
            if delivery.attempts == 0:
                await self._wait_until_known(delivery.peer_id)
            answer = await call_manager(self._peer, delivery.peer_id, method, path, headers=headers, body=body)
        except PeerUnreachable as error:
            self._unreachable[delivery.peer_id] = (asyncio.get_running_loop().time(), str(error))
            return str(error)
        self._unreachable.pop(delivery.peer_id, None)
        return "" if answer.status in (200, 201, 204) else _refusal(answer, record.hashes[0].profile)

    async def _wait_until_known(self, other: PeerId) -> None:
        """Give a Peer that nobody knows a moment to announce itself."""
        for pause_s in _UNKNOWN_PAUSES_S:
            try:
                await manager_address_of(self._peer, other)
            except PeerUnknown:
                await asyncio.sleep(pause_s)
            else:
                return

    def _signature(self, record: ContractRecord, delivery: Delivery) -> str:
        return record.signatures[DELIVERS[delivery.action]][self._peer.peer_id]

    def _tell_failure(self, record: ContractRecord, delivery: Delivery, error: str) -> None:
        """A first failure is nothing to look at: most pass within a second."""
        _log.log(
            logging.INFO if delivery.attempts == 0 else logging.WARNING,
            "delivery_failed",
            extra=self._said(
                to=delivery.peer_id,
                action=delivery.action,
                contract=record.content_hash,
                attempt=delivery.attempts + 1,
                reason=error,
            ),
        )

    def _said(self, **fields: object) -> dict[str, object]:
        return {"peer_id": self._peer.peer_id, **fields}


def settled(record: ContractRecord, delivery: Delivery, error: str, now: int) -> ContractRecord:
    """The record after an attempt: the debt gone when there was no `error`, else due again later with the reason.

    A debt that was hastened during the attempt stays due when it was hastened to.
    """
    others = tuple(one for one in record.deliveries if not _same(one, delivery))
    present = next((one for one in record.deliveries if _same(one, delivery)), None)
    if not error or present is None:
        return replace(record, deliveries=others)
    attempts = delivery.attempts + 1
    later = now + next_delay_s(attempts, jitter=random.random())  # noqa: S311 - spreads load, guards nothing
    if present.next_at != delivery.next_at:
        later = present.next_at
    reason = "".join(c if c.isprintable() else "�" for c in error[:_MAX_ERROR_TEXT])
    again = replace(delivery, next_at=later, attempts=attempts, last_error=reason)
    return replace(record, deliveries=(*others, again))


def _same(one: Delivery, other: Delivery) -> bool:
    return one.peer_id == other.peer_id and one.action is other.action


def _endpoint(record: ContractRecord, action: DeliveryAction) -> tuple[str, str]:
    if action is DeliveryAction.SUBMIT:
        return "POST", "/v1/contracts"
    return "PUT", f"/v1/contracts/{quote(record.content_hash, safe='')}/{action}"


def _refusal(answer: PeerAnswer, profile: HashProfile) -> str:
    try:
        body = parse_json(answer.body)
        told = f"{answer.status} {body['code']}: {body['message']}"
    except (InvalidRequest, KeyError):
        return f"{answer.status} without a readable reason"
    explained = explain_refusal(str(body["code"]), profile)
    return f"{explained}. It answered {told}" if explained else told
