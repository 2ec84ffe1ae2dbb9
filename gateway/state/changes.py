"""What processes that serve the same tenants tell each other: that something was written which others keep in memory.

A change names what to read afresh and nothing of what was written. Who misses one is behind for a moment only: what
changed is also found by looking (`ContractStore.catch_up`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias


class Topic(StrEnum):
    """What changed, or what the process that does the background work is to do."""

    CONTRACT = "contract"
    """A Contract, by content hash."""
    PEER = "peer"
    """What is known of another Peer, by Peer ID."""
    CERTIFICATE = "certificate"
    """A certificate that the tenant signs with, by thumbprint."""
    ANNOUNCED = "announced"
    """A Peer, by Peer ID, has just told where it is: bring it what is owed."""
    UNDECIDED = "undecided"
    """A Contract, by content hash, waits for what a policy decision point says."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `revision` is that of the document as written; "" when it is not known whether it was."""

    topic: Topic
    id: str
    revision: str = ""


Tell: TypeAlias = Callable[[Change], None]
"""Tells the other processes; never fails, never waits."""


def tell_nobody(_change: Change) -> None:
    """For a process that is alone."""
