"""Pull-repair: ask other Peers for the signatures that did not reach us, and take those that are genuine.

Standard: FSC Core, Contracts (every Peer sends its signature to every other; how a lost one is found is left open) and
GET /contracts; FSC.md 4, Distribution. When to ask whom is decided in `questions`, how an answer is read in `pulled`;
here it is asked, verified and stored. We ask by the Grant hashes of living Contracts only: an answer can add signatures
to what we hold, never a Contract, and what it holds of the past costs nothing. Where the Peer shows that it lacks a
signature of ours, as after a restore, that is owed to it again.
"""

import asyncio
import logging
import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import partial
from urllib.parse import quote

from certs.identity import PeerId
from gateway.errors import FscError
from gateway.fsc.names import ContentHash
from gateway.http.client import AnswerTooLarge, PeerUnreachable
from gateway.manager.contracts import VerifiedSignature, merged, verified
from gateway.manager.pulled import (
    PulledPage,
    ShownSignature,
    UnusableAnswer,
    news,
    next_cursor,
    parse_page,
    unknown_to,
)
from gateway.manager.questions import Question, Questions
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.locate import call_manager
from storage.errors import StoreError

_log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_AT_ONCE = 8
"""Peers that are asked at the same time."""
_MAX_PAGES = 5
_MAX_REFUSED = 20
"""Signatures that do not verify in one answer, each of which may cost a look at the keys of its signer."""
_MAX_TOLD = 1000


class Repairer:
    """Asks on behalf of one hosted Peer."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._questions = Questions()
        self._refresh_at = 0.0
        self._woken = asyncio.Event()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._told: set[tuple[PeerId, ContentHash, PeerId, str]] = set()

    async def run(self) -> None:
        """Ask until cancelled."""
        self._questions, self._refresh_at = Questions(), 0.0
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._woken.clear()
                if asyncio.get_running_loop().time() >= self._refresh_at:
                    self._refresh()
                due = self._questions.due(self._peer.contracts.view.parties.shared_with, now=self._peer.clock.now())
                for question in due:
                    tasks.create_task(self._ask(question))
                try:
                    async with asyncio.timeout(_LOOK_EVERY_S):
                        await self._woken.wait()
                except TimeoutError:
                    continue

    def hasten(self, other: PeerId) -> None:
        """`other` has just told us that it is there: ask it at once."""
        self._refresh()
        self._questions.hasten(other, now=self._peer.clock.now())
        self._woken.set()

    def hasten_awaited(self) -> None:
        """Ask at once for everything that is awaited: the configuration was read again."""
        self._refresh()
        self._questions.hasten_awaited(now=self._peer.clock.now())
        self._woken.set()

    def _refresh(self) -> None:
        parties = self._peer.contracts.view.parties
        others = [one for one in parties.peers() if one != self._peer.peer_id]
        self._questions.refresh(others, parties.awaiting(), now=self._peer.clock.now(), chance=_chance())
        self._refresh_at = asyncio.get_running_loop().time() + _LOOK_EVERY_S

    async def _ask(self, question: Question) -> None:
        """Put one question and close it. Only cancellation leaves it."""
        close = self._questions.unanswered
        try:
            async with self._slots:
                await self._pull(question)
            close = self._questions.answered
        except (UnusableAnswer, AnswerTooLarge) as error:
            close = self._questions.unusable
            self._tell("repair_unusable_answer", question, str(error))
        except (PeerUnreachable, StoreError) as error:
            self._tell("repair_unanswered", question, str(error))
        except Exception:
            _log.exception("repair_crashed", extra={"peer_id": self._peer.peer_id, "from": question.peer_id})
        finally:
            close(question, now=self._peer.clock.now(), jitter=_chance())
            self._woken.set()

    async def _pull(self, question: Question) -> None:
        view, other = self._peer.contracts.view, question.peer_id
        held = [record for one in question.contracts if (record := view.get(one)) is not None]
        now = self._peer.clock.now()
        asked = {
            one.content_hash: one for one in held if not one.may_be_unknown_to(other) and one.content.not_after > now
        }
        if not asked:
            return
        shown, complete = await self._answer_of(other, asked.values())
        await self._take(other, asked, shown)
        listed = asked.keys() if complete else {one.contract for one in shown}
        for content_hash in question.reviewed & listed:
            await self._give(other, asked[content_hash], shown)

    async def _answer_of(self, other: PeerId, asked: Collection[ContractRecord]) -> tuple[list[ShownSignature], bool]:
        """What `other` shows of these Contracts, and whether that is all that it has of them.

        One page by the standard; a Manager that makes pages all the same is followed within reason.
        """
        path = f"/v1/contracts?grant_hash={quote(','.join(one.grant_hashes[0] for one in asked), safe=',')}"
        shown: list[ShownSignature] = []
        followed = [""]
        for _ in range(_MAX_PAGES):
            cursor = f"&cursor={quote(followed[-1], safe='')}" if followed[-1] else ""
            page = await self._page(other, path + cursor, asked)
            shown += page.signatures
            following = next_cursor(page, followed)
            if not following or {one.contract for one in shown} >= {one.content_hash for one in asked}:
                return shown, True
            followed.append(following)
        return shown, False

    async def _page(self, other: PeerId, path: str, asked: Collection[ContractRecord]) -> PulledPage:
        answer = await call_manager(self._peer, other, "GET", path)
        if answer.status >= 500:
            raise PeerUnreachable(f"it answered {answer.status} to /contracts")
        if answer.status != 200:
            raise UnusableAnswer(f"it answered {answer.status} to /contracts")
        return parse_page(answer.body, asked)

    async def _take(
        self, other: PeerId, asked: Mapping[ContentHash, ContractRecord], shown: Iterable[ShownSignature]
    ) -> None:
        """Store every signature that is new and genuine; give up on an answer with too many that are not."""
        genuine: dict[ContentHash, list[VerifiedSignature]] = {}
        refused = 0
        for one in news(shown, asked):
            hashes = asked[one.contract].hashes
            try:
                _, signature = await verified(self._peer, one.peer_id, None, hashes, one.unverified, one.kind)
            except FscError as error:
                self._tell_refused(other, one, error.message)
                refused += 1
                if refused == _MAX_REFUSED:
                    break
                continue
            genuine.setdefault(one.contract, []).append(signature)
        for content_hash, signatures in genuine.items():
            await self._peer.contracts.update(content_hash, partial(merged, signatures=signatures))
            _log.info(
                "contract_repaired",
                extra={
                    "peer_id": self._peer.peer_id,
                    "contract": content_hash,
                    "from": other,
                    "signatures": [f"{one.kind} of {one.peer_id}" for one in signatures],
                },
            )

    async def _give(self, other: PeerId, record: ContractRecord, shown: Sequence[ShownSignature]) -> None:
        """Owe `other` whatever it shows that it lacks of ours."""
        actions = unknown_to(shown, record, self._peer.peer_id)
        if not actions:
            return
        now = self._peer.clock.now()

        def owe(current: ContractRecord) -> ContractRecord:
            for action in actions:
                current = current.owed_to((other,), action, now=now)
            return current

        if await self._peer.contracts.update(record.content_hash, owe) != record:
            extra = {"peer_id": self._peer.peer_id, "contract": record.content_hash, "to": other, "actions": actions}
            _log.info("contract_owed_again", extra=extra)

    def _tell_refused(self, other: PeerId, shown: ShownSignature, reason: str) -> None:
        """Once for each place in a Contract: it comes back with every answer."""
        place = (other, shown.contract, shown.peer_id, shown.kind.value)
        if place in self._told:
            return
        if len(self._told) >= _MAX_TOLD:
            self._told.clear()
        self._told.add(place)
        _log.warning(
            "pulled_signature_refused",
            extra={
                "peer_id": self._peer.peer_id,
                "from": other,
                "contract": shown.contract,
                "signer": shown.peer_id,
                "kind": shown.kind,
                "reason": reason,
            },
        )

    def _tell(self, event: str, question: Question, reason: str) -> None:
        extra = {"peer_id": self._peer.peer_id, "from": question.peer_id, "reason": reason}
        _log.info(event, extra={**extra, "contracts": len(question.contracts)})


def _chance() -> float:
    return random.random()  # noqa: S311 - spreads load, guards nothing
