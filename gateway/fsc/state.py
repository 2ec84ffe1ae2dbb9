"""The state of a contract, as one list of conditions.

Standard: FSC Core, Contracts and Signatures.

Theory of operation. A contract has no state of its own: it is what its signatures and the clock make it, so nothing
can contradict them. The first of these that holds, in this order, is the state:

1. a reject or a revoke is final. It wins over time and over any accept, earlier or later, whoever of the parties made
   it; nothing ever leads back from REJECTED or REVOKED;
2. time is final too: from `not_after` on the contract is EXPIRED, however complete its signatures are;
3. what remains is VALID once every Peer that must accept has accepted and `not_before` has come, else PROPOSED.

Only verified signatures of parties go in: whoever passes them here has checked them.
"""

from collections.abc import Set as AbstractSet
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


def contract_state(
    content: ContractContent,
    *,
    accepted: AbstractSet[PeerId],
    rejected: AbstractSet[PeerId],
    revoked: AbstractSet[PeerId],
    now: int,
) -> ContractState:
    """Tell where a contract stands, from the Peers whose verified signature of each type we hold.

    Units: `now` is whole Unix seconds.
    """
    # Asked at every request that a contract is needed for.
    if rejected:  # 1
        return ContractState.REJECTED
    if revoked:
        return ContractState.REVOKED
    if now >= content.not_after:  # 2
        return ContractState.EXPIRED
    if content.required_accepts() <= accepted and now >= content.not_before:  # 3
        return ContractState.VALID
    return ContractState.PROPOSED
