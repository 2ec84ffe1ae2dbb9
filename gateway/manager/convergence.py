"""Converging: do what `desired` decides about the declared connections and publications of one hosted Peer.

Durability: a Contract is offered, adopted or withdrawn in one put; a process killed between two of them goes on at its
next start, because each decision is made from what the store holds.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from certs.identity import PeerId
from gateway.errors import FscError
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.fsc.versions import is_for_version
from gateway.manager.contracts import WrongState, add_our_signature, offer
from gateway.manager.desired import (
    OFFERING,
    Action,
    Decision,
    Holdings,
    decide_all,
    is_refusal_to_forget,
    reconsider,
)
from gateway.manager.versions import profile_for
from gateway.state.contract_store import ContractStore
from gateway.state.contracts import ContractRecord
from gateway.state.declared import Wanted, wanted_grants
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate, Tenant
from storage.documents import Query, Range

_log = logging.getLogger(__name__)

BACKDATE_S = 60
"""Clocks differ: a Contract that starts a minute ago is valid at once for a Peer whose clock is behind."""
_PAGE = 500
_NEVER: Mapping[ContentHash, int] = MappingProxyType({})


class Convergence:
    """Keeps the Contracts of one hosted Peer at what its configuration declares. One round at a time."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._one_at_a_time = asyncio.Lock()
        self._valid_since: dict[ContentHash, int] = {}
        self._declared: frozenset[str] | None = None
        self._refused: frozenset[ContentHash] = frozenset()

    async def converge(self) -> bool:
        """Do what there is to do; returns False when there is more to do in a moment. Raises: StoreError."""
        async with self._one_at_a_time:
            try:
                wanted = _declared_by(self._peer.tenant, self._peer.clock.now())
            except NoValidCertificate as error:
                _log.error("cannot_converge", extra={"peer_id": self._peer.peer_id, "reason": str(error)})
                return True
            await self._forget_refusals_of_others(frozenset(one.label for one in wanted))
            decisions = await self.decisions()
            self._observe(decisions)
            for decision in decisions:
                await self._carry_out(decision)
            self._tell_refusals(decisions)
            return not any(decision.hurries for decision in decisions)

    async def decisions(self, tenant: Tenant | None = None) -> list[Decision]:
        """What is to be done, for `tenant` as it may become; nothing is done.

        Raises: NoValidCertificate, StoreError.
        """
        tenant, now = tenant or self._peer.tenant, self._peer.clock.now()
        return await decisions_of(tenant, self._peer.contracts, now, valid_since=self._valid_since)

    def _observe(self, decisions: list[Decision]) -> None:
        """Remember since when we know the Contracts that serve as valid."""
        now = self._peer.clock.now()
        serving = (one.contract for one in decisions if one.contract is not None)
        self._valid_since = {
            one.content_hash: self._valid_since.get(one.content_hash, now)
            for one in serving
            if one.state(now) is ContractState.VALID
        }

    async def _carry_out(self, decision: Decision) -> None:
        """Act; what cannot be done is logged and stops nothing else. Raises: StoreError."""
        said = {"peer_id": self._peer.peer_id, "wanted": decision.label}
        try:
            if decision.action is Action.ADOPT and decision.contract is not None:
                adopted = await self._mark(decision.contract, made_for=decision.label)
                _log.info("contract_adopted", extra={**said, "contract": adopted.content_hash})
            offers = decision.action in OFFERING or await self._is_of_another_generation(decision)
            if offers and decision.wanted is not None:
                offered = await request(self._peer, decision.wanted)
                _log.info("contract_offered", extra={**said, "contract": offered.content_hash})
            for record in decision.ended:
                await self._withdraw(record, decision)
                _log.info("contract_withdrawn", extra={**said, "contract": record.content_hash})
        except (FscError, NoValidCertificate, WrongState) as error:
            _log.error("cannot_converge", extra={**said, "reason": str(error)})

    async def _is_of_another_generation(self, decision: Decision) -> bool:
        """Whether a Peer refused our offer for its version, and meanwhile we know of one that the Group allows too.

        The new offer takes the place of this one, which is withdrawn in the next round.
        """
        contract = decision.contract
        if decision.action is not Action.KEEP or decision.in_use or contract is None or not _deaf_to(contract):
            return False
        return await profile_for(self._peer, contract.content.grants) is not contract.hashes[0].profile

    async def _withdraw(self, record: ContractRecord, decision: Decision) -> None:
        """End a Contract that nobody declares any more. The mark comes first: killed between, it is ended later."""
        deaf = _deaf_to(record)
        await self._mark(record, withdrawn=True)
        reason = "not declared any more" if decision.wanted is None else "replaced by the contract that serves now"
        kind = SignatureType.REVOKE
        if self._peer.peer_id not in record.signers(SignatureType.ACCEPT):
            kind = SignatureType.REJECT
        await add_our_signature(self._peer, record.content_hash, kind, remark=f"{decision.label}: {reason}")
        if deaf:  # who could not read the offer would refuse its end as well, for as long as it lasts
            await self._peer.contracts.update(
                record.content_hash,
                lambda current: replace(
                    current, deliveries=tuple(one for one in current.deliveries if one.peer_id not in deaf)
                ),
            )

    async def _mark(self, record: ContractRecord, **changes: object) -> ContractRecord:
        return await self._peer.contracts.update(
            record.content_hash,
            lambda current: replace(current, **changes),  # type: ignore[arg-type]
        )

    async def _forget_refusals_of_others(self, labels: frozenset[str]) -> None:
        """What was refused to a declaration that is gone does not count when it comes back: look when they change."""
        if labels == self._declared:
            return
        now, cursor = self._peer.clock.now(), ""
        while True:
            query = Query(where=(Range("made_for", gt=""),), limit=_PAGE, cursor=cursor)
            records, cursor = await self._peer.contracts.page(query)
            for record in records:
                if is_refusal_to_forget(record, labels, now):
                    await self._mark(record, withdrawn=True)
            if not cursor:
                break
        self._declared = labels

    def _tell_refusals(self, decisions: list[Decision]) -> None:
        """Log each refusal once."""
        refused = {
            one.contract.content_hash: one.label
            for one in decisions
            if one.action is Action.REFUSED and one.contract is not None
        }
        for content_hash in refused.keys() - self._refused:
            _log.warning(
                "declared_contract_refused",
                extra={"peer_id": self._peer.peer_id, "wanted": refused[content_hash], "contract": content_hash},
            )
        self._refused = frozenset(refused)


async def decisions_of(
    tenant: Tenant, contracts: ContractStore, now: int, *, valid_since: Mapping[ContentHash, int] = _NEVER
) -> list[Decision]:
    """What is to be done for `tenant`, hosted or not: from the view; only what is not served is looked up in the store.

    Raises: NoValidCertificate, StoreError.
    """
    wanted = _declared_by(tenant, now)
    holdings = Holdings(tenant.peer_id, contracts.view.concerning(one.grant for one in wanted), valid_since, now)
    return [
        reconsider(one, await contracts.made_for(one.label), now) if one.action in OFFERING else one
        for one in decide_all(wanted, holdings)
    ]


async def request(peer: LocalPeer, wanted: Wanted) -> ContractRecord:
    """Offer a Contract for one wanted Grant from now on, whatever there is already.

    Raises: InvalidContract and the other Manager errors; NoValidCertificate, StoreError.
    """
    created_at = peer.clock.now() - BACKDATE_S
    return await offer(
        peer,
        (wanted.grant,),
        not_before=created_at,
        not_after=created_at + wanted.valid_s,
        created_at=created_at,
        remark=wanted.label,
        made_for=wanted.label,
    )


def _deaf_to(record: ContractRecord) -> frozenset[PeerId]:
    """The Peers that do not take a Contract of this generation."""
    return frozenset(one.peer_id for one in record.deliveries if is_for_version(one.last_error))


def _declared_by(tenant: Tenant, now: int) -> tuple[Wanted, ...]:
    return wanted_grants(tenant, tenant.signing_pair(now).public_key_thumbprint)
