"""Desired state: what the configuration declares, what Contracts there are, and what to do about the difference. Pure.

Theory of operation. Every declaration has a label, and a Contract that was made for it carries that label. A Contract
fits when its only Grant is the one that is wanted now. For each declaration:

1. a fitting Contract that is alive and not near its end is kept, a valid one before a proposed one, the newest first;
2. without one, a Contract that somebody else made and we accepted takes its place: adopted when the wanted Grant is
   its only one and it is no other declaration's, else only used, while it is valid;
3. without that, the newest fitting Contract decides: rejected or revoked is an answer and is not asked again, near its
   end is renewed, with the old one beside it until it runs out;
4. what carries the label and does not fit any more, or is superseded, is ended: at once when it was never valid, else
   once its replacement has been valid for OVERLAP_S, so that requests under way come to their end;
5. what carries a label that nobody declares any more is ended, unless a new declaration wants the same and adopts it.

A Contract that we end so is `withdrawn`, and says nothing about a later declaration. A Contract without our label is
never ended here: it is shown as a duplicate, for a person to revoke.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from certs.identity import PeerId
from gateway.fsc.names import ContentHash
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.state.contracts import ContractRecord
from gateway.state.declared import DAY_S, Wanted, same_grant
from gateway.state.subject_index import Subject, subject_of

RENEW_AT_MOST_S = 30 * DAY_S
OVERLAP_S = 5
"""How long a replacement is valid, as far as we know, before what it replaces is revoked."""

_ALIVE = frozenset({ContractState.PROPOSED, ContractState.VALID})


class Action(StrEnum):
    """What is done about one declaration."""

    KEEP = "keep"
    ADOPT = "adopt"
    OFFER = "offer"
    RENEW = "renew"
    REPLACE = "replace"
    REVOKE = "revoke"
    REFUSED = "refused"


OFFERING = frozenset({Action.OFFER, Action.RENEW, Action.REPLACE})


@dataclass(frozen=True, slots=True)
class Decision:
    """What there is for one declaration and what to do about it. `wanted` is None when it is not declared any more.

    `contract` is the one that serves or decides. `ended` are revoked now, `outgoing` as soon as `contract` has been
    valid long enough; `duplicates` are for a person to revoke. `in_use` tells that a valid Contract serves already.
    """

    label: str
    action: Action
    wanted: Wanted | None = None
    contract: ContractRecord | None = None
    ended: tuple[ContractRecord, ...] = ()
    outgoing: tuple[ContractRecord, ...] = ()
    duplicates: tuple[ContractRecord, ...] = ()
    in_use: bool = False

    @property
    def settled(self) -> bool:
        """Whether the declaration is served and nothing is left to be done for it."""
        return self.action is Action.KEEP and self.in_use and not self.ended and not self.outgoing

    @property
    def hurries(self) -> bool:
        """Whether there is something to do in a moment: replacing has begun, and only the overlap is waited for."""
        return bool(self.outgoing) and self.action is Action.KEEP and self.in_use


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a Peer holds at `now`: the Contracts that are alive, and since when we have known which of them as valid."""

    us: PeerId
    alive: Iterable[ContractRecord]
    valid_since: Mapping[ContentHash, int]
    now: int

    def long_valid(self, record: ContractRecord) -> bool:
        """Whether we have known `record` as valid for OVERLAP_S."""
        since = self.valid_since.get(record.content_hash, self.now)
        return self.is_valid(record) and self.now - since >= OVERLAP_S

    def is_valid(self, record: ContractRecord) -> bool:
        """Whether `record` is valid now."""
        return record.state(self.now) is ContractState.VALID


def decide_all(wanted: Iterable[Wanted], holdings: Holdings) -> list[Decision]:
    """Decide about every declaration, from the Contracts that are alive; `reconsider` knows of refusals too."""
    declared = tuple(wanted)
    labels = frozenset(one.label for one in declared)
    made, strange = _sorted_out(declared, labels, holdings)
    adopted: set[ContentHash] = set()
    decisions = []
    for one in declared:
        others = [other for other in strange[subject_of(one.grant)] if other.content_hash not in adopted]
        decision = _decide(one, made.pop(one.label, []), others, holdings)
        if decision.action is Action.ADOPT and decision.contract is not None:
            adopted.add(decision.contract.content_hash)
        decisions.append(decision)
    undeclared = {
        label: tuple(record for record in records if record.content_hash not in adopted)
        for label, records in made.items()
    }
    decisions += [Decision(label, Action.REVOKE, ended=ended) for label, ended in sorted(undeclared.items()) if ended]
    return decisions


def reconsider(decision: Decision, made: Iterable[ContractRecord], now: int) -> Decision:
    """The decision when everything that was ever made for it is known: not to ask again what was refused.

    A rejection is of what was asked, so another duration is another question; a revocation ends a Contract for good.
    """
    wanted = decision.wanted
    if wanted is None or decision.action not in OFFERING:
        return decision
    fitting = [one for one in made if _fits(one, wanted) and not one.withdrawn]
    lasting = _newest(one for one in fitting if one.state(now) in _ALIVE and not near_end(one, now))
    if lasting is not None:  # made without our hearing of it: nobody is asked twice
        return replace(decision, action=Action.KEEP, contract=lasting)
    asked = [
        one for one in fitting if one.state(now) is not ContractState.REJECTED or _duration_s(one) == wanted.valid_s
    ]
    newest = _newest(asked)
    if newest is None or newest.state(now) not in (ContractState.REJECTED, ContractState.REVOKED):
        return decision
    return replace(decision, action=Action.REFUSED, contract=newest)


def is_refusal_to_forget(record: ContractRecord, labels: frozenset[str], now: int) -> bool:
    """Decide whether `record` is an answer to a declaration that is gone, so that a new one is asked afresh."""
    return record.made_for not in labels and not record.withdrawn and record.state(now) not in _ALIVE


def near_end(record: ContractRecord, now: int) -> bool:
    """Decide whether it is time for a successor: a quarter of the validity, at most 30 days, remains."""
    lead_s = min(RENEW_AT_MOST_S, _duration_s(record) // 4)
    return record.content.not_after - now <= lead_s


def _decide(wanted: Wanted, made: list[ContractRecord], others: list[ContractRecord], holdings: Holdings) -> Decision:
    now = holdings.now
    withdrawn = [one for one in made if one.withdrawn]
    fitting = [one for one in made if not one.withdrawn and _fits(one, wanted)]
    stale = [one for one in made if not one.withdrawn and not _fits(one, wanted)]
    lasting = [one for one in fitting if not near_end(one, now)]
    usable = [one for one in others if not near_end(one, now) and _grants(one, wanted)]
    action, contract = _choice(wanted, lasting, fitting, stale, usable, holdings)
    superseded = [one for one in lasting if contract is not None and one is not contract and _older(one, contract)]
    ended, outgoing = _ending(contract, [*stale, *superseded], holdings)
    serving = [one for one in (contract, *fitting) if one is not None and (one in fitting or one in usable)]
    return Decision(
        wanted.label,
        action,
        wanted,
        contract,
        ended=(*withdrawn, *ended),
        outgoing=tuple(outgoing),
        duplicates=tuple(one for one in usable if one is not contract and holdings.is_valid(one)) if contract else (),
        in_use=any(map(holdings.is_valid, serving)),
    )


def _choice(
    wanted: Wanted,
    lasting: list[ContractRecord],
    fitting: list[ContractRecord],
    stale: list[ContractRecord],
    usable: list[ContractRecord],
    holdings: Holdings,
) -> tuple[Action, ContractRecord | None]:
    """The action and the Contract that leads to it, in the order of the theory above."""
    adoptable = [one for one in usable if _fits(one, wanted)]
    valid = holdings.is_valid
    choices: tuple[tuple[Action, Iterable[ContractRecord]], ...] = (
        (Action.KEEP, filter(valid, lasting)),
        (Action.KEEP, lasting),
        (Action.ADOPT, filter(valid, adoptable)),
        (Action.ADOPT, adoptable),
        (Action.KEEP, filter(valid, usable)),
        (Action.RENEW, fitting),
        (Action.REPLACE, stale),
    )
    for action, candidates in choices:
        contract = _newest(candidates)
        if contract is not None:
            return action, contract
    return Action.OFFER, None


def _ending(
    contract: ContractRecord | None, unwanted: list[ContractRecord], holdings: Holdings
) -> tuple[list[ContractRecord], list[ContractRecord]]:
    """Which of `unwanted` to end now, and which once `contract` has taken over."""
    takes_over = contract is not None and contract not in unwanted and holdings.long_valid(contract)
    now = [one for one in unwanted if takes_over or not holdings.is_valid(one)]
    return now, [one for one in unwanted if one not in now]


def _sorted_out(
    declared: tuple[Wanted, ...], labels: frozenset[str], holdings: Holdings
) -> tuple[dict[str, list[ContractRecord]], Mapping[Subject, list[ContractRecord]]]:
    """What is alive by the label it carries, and, by what it is about, what carries no label that is declared now.

    Of the latter only what we accepted: what waits for our signature is for the accept rules, not for us.
    """
    subjects = frozenset(subject_of(one.grant) for one in declared)
    made: defaultdict[str, list[ContractRecord]] = defaultdict(list)
    strange: defaultdict[Subject, list[ContractRecord]] = defaultdict(list)
    for record in holdings.alive:
        labelled = record.made_for in labels or record.withdrawn
        about = [] if labelled else [one for one in map(subject_of, record.content.grants) if one in subjects]
        # The state is dear to tell and there may be very many Contracts: only of those that this is about.
        if not (record.made_for or about) or record.state(holdings.now) not in _ALIVE:
            continue
        if record.made_for:
            made[record.made_for].append(record)
        if holdings.us in record.signers(SignatureType.ACCEPT):
            for subject in frozenset(about):
                strange[subject].append(record)
    return dict(made), strange


def _fits(record: ContractRecord, wanted: Wanted) -> bool:
    return len(record.content.items) == 1 and _grants(record, wanted)


def _grants(record: ContractRecord, wanted: Wanted) -> bool:
    return any(same_grant(grant, wanted.grant) for grant in record.content.grants)


def _newest(records: Iterable[ContractRecord]) -> ContractRecord | None:
    return max(records, key=_age, default=None)


def _older(one: ContractRecord, other: ContractRecord) -> bool:
    return _age(one) < _age(other)


def _age(record: ContractRecord) -> tuple[int, str, str]:
    # Within one second the `iv` tells: those that we make count milliseconds (UUIDv7).
    return record.content.created_at, record.content.iv, record.content_hash


def _duration_s(record: ContractRecord) -> int:
    return record.content.not_after - record.content.not_before
