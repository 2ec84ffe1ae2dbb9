"""The state of a contract, as one table.

Standard: FSC Core, Contracts and Signatures.

Theory of operation. A contract has no state of its own: it is what its signatures and the clock make it, so nothing
can contradict them. The table is read from top to bottom and the first row that holds is the state:

1. a reject or a revoke is final. It wins over time and over any accept, earlier or later, whoever of the parties made
   it; nothing ever leads back from REJECTED or REVOKED;
2. time is final too: from `not_after` on the contract is EXPIRED, however complete its signatures are;
3. what remains is VALID once every Peer that must accept has accepted and `not_before` has come, else PROPOSED.

Only verified signatures of parties go in: whoever passes them here has checked them.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from enum import StrEnum

from certs.identity import PeerId
from gateway.fsc.contract import ContractContent


class ContractState(StrEnum):
    """Where a contract stands."""

    PROPOSED = "PROPOSED"
    VALID = "VALID"
    REJECTED = "REJECTED"
    REVOKED = "REVOKED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True)
class _Facts:
    content: ContractContent
    accepted: Collection[PeerId]
    rejected: Collection[PeerId]
    revoked: Collection[PeerId]
    now: int


_TABLE: tuple[tuple[ContractState, Callable[[_Facts], bool]], ...] = (
    (ContractState.REJECTED, lambda facts: bool(facts.rejected)),
    (ContractState.REVOKED, lambda facts: bool(facts.revoked)),
    (ContractState.EXPIRED, lambda facts: facts.now >= facts.content.not_after),
    (ContractState.PROPOSED, lambda facts: not facts.content.required_accepts() <= set(facts.accepted)),
    (ContractState.PROPOSED, lambda facts: facts.now < facts.content.not_before),
    (ContractState.VALID, lambda _: True),
)


def contract_state(
    content: ContractContent,
    *,
    accepted: Collection[PeerId],
    rejected: Collection[PeerId],
    revoked: Collection[PeerId],
    now: int,
) -> ContractState:
    """Tell where a contract stands, from the Peers whose verified signature of each type we hold.

    Units: `now` is whole Unix seconds.
    """
    facts = _Facts(content, accepted, rejected, revoked, now)
    return next(state for state, holds in _TABLE if holds(facts))
